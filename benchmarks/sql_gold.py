"""Gold queries: accepted, refused when one token is wrong, blocked by no wall; and questions without an answer."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assay.checks.query_text import expand
from assay.checks.sql import Sql
from assay.errors import SandboxError
from assay.sandbox.sql import open_room
from assay.sandbox.sql_box import SqlLimits
from assay.sandbox.sqlite_guard import SqliteGuard
from assay.types import Response, Text
from benchmarks.sql_mutants import gold_mutants

Isolation = Literal["sandbox", "process"]

_LIMITS = SqlLimits(time_s=20.0)
PROSE = ("It is Paris.", "SELECT 'It is Paris.' AS answer", "I think the answer is 42, but look it up to be sure.", "")


class Question(NamedTuple):
    """One question, the database it is about and the queries that answer it."""

    id: str
    db: str
    golds: list[str]
    agrees: bool


def questions(data: Path) -> list[Question]:
    """All questions; `agrees` says that PostgreSQL gives the gold query's result too."""
    return [
        Question(r["id"], r["db"], [sql for gold in r["gold"] for sql in expand(gold)], bool(r["agrees_with_postgres"]))
        for r in _records(data / "text2sql.jsonl")
    ]


def unanswerable(data: Path) -> list[Question]:
    """Questions whose right answer is that the data does not hold it."""
    return [Question(r["id"], r["db"], [r["gold"]], True) for r in _records(data / "text2sql_unanswerable.jsonl")]


def _records(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


class Checks:
    """One check for each database."""

    def __init__(self, data: Path, isolation: Isolation) -> None:
        self._data, self._isolation = data, isolation
        self._made: dict[str, Sql] = {}

    def passes(self, db: str, answer: str, target: object) -> bool:
        """Whether the check accepts the answer."""
        if db not in self._made:
            path = self._data / "db" / f"{db}.sqlite"
            self._made[db] = Sql(database=str(path), time_s=_LIMITS.time_s, isolation=self._isolation)
        return self._made[db].check(Response(parts=(Text(text=answer),)), target, None).passed


def accepted(asked: Iterable[Question], checks: Checks) -> dict[str, Any]:
    """Every gold query that PostgreSQL agrees with, as an answer."""
    tried = [(q, gold) for q in asked if q.agrees for gold in q.golds]
    wrong = [(q.id, gold) for q, gold in tried if not checks.passes(q.db, gold, q.golds)]
    return {
        "questions": len({q.id for q, _ in tried}),
        "gold_queries": len(tried),
        "refused": len(wrong),
        "examples": wrong[:5],
    }


def mutated(asked: Iterable[Question], data: Path, checks: Checks) -> dict[str, Any]:
    """Gold queries with one wrong token. Those that give the gold's own rows are no wrong answers here: left out."""
    tried, same, kept = 0, 0, []
    for q in asked:
        if not q.agrees:
            continue
        gold = q.golds[0]
        with closing(_plain(data, q.db)) as connection:
            wanted = _rows(connection, gold)
            for mutant in gold_mutants(gold):
                if _rows(connection, mutant) == wanted:
                    same += 1
                    continue
                tried += 1
                if checks.passes(q.db, mutant, [gold]):
                    kept.append((gold, mutant))
    return {
        "mutants": tried,
        "rejected": tried - len(kept),
        "rejected_share": 1 - len(kept) / max(1, tried),
        "left_out_as_equal": same,
        "examples": kept[:5],
    }


def _plain(data: Path, db: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{(data / 'db' / db).as_uri()}.sqlite?mode=ro&immutable=1", uri=True)


def _rows(connection: sqlite3.Connection, sql: str) -> list[str]:
    try:
        return sorted(map(repr, connection.execute(sql).fetchall()))
    except (sqlite3.Error, sqlite3.Warning):
        return ["error"]


def blocked(asked: Iterable[Question], data: Path, engine: Literal["sqlite", "duckdb"]) -> dict[str, Any]:
    """Gold queries that run where nothing guards and not in the room."""
    by_db: defaultdict[str, list[str]] = defaultdict(list)
    for q in asked:
        by_db[q.db] += q.golds
    runnable, wrong = 0, []
    for db, golds in by_db.items():
        path = data / "db" / f"{db}.sqlite"
        free = [sql for sql, runs in zip(golds, _run_free(path, golds, engine), strict=True) if runs]
        room = open_room(database=path, engine=engine, limits=_LIMITS)
        try:
            results = room.run_each(free)
        finally:
            room.close()
        runnable += len(free)
        wrong += [
            (sql, str(result)) for sql, result in zip(free, results, strict=True) if isinstance(result, SandboxError)
        ]
    return {
        "gold_queries": sum(map(len, by_db.values())),
        "run_unguarded": runnable,
        "blocked": len(wrong),
        "examples": wrong[:5],
    }


def _run_free(path: Path, golds: list[str], engine: str) -> list[bool]:
    """Which of them the bare engine runs."""
    if engine == "sqlite":
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return [_rows(connection, sql) != ["error"] for sql in golds]
    import os
    import tempfile

    import duckdb

    from assay.sandbox.projection import project

    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            project("copy.duckdb", {"files": None, "database": str(path), "engine": "sqlite", "tables": None})
            with closing(duckdb.connect("copy.duckdb", read_only=True)) as bare:
                return [_runs(bare, sql) for sql in golds]
        finally:
            os.chdir(here)


def _runs(connection: Any, sql: str) -> bool:
    import duckdb

    try:
        connection.execute(sql).fetchall()
    except duckdb.Error:
        return False
    return True


def hidden(asked: Iterable[Question], data: Path) -> dict[str, Any]:
    """Gold queries when one table that they read is taken from the list: all must be refused."""
    tried, ran = 0, []
    for q in asked:
        path = data / "db" / f"{q.db}.sqlite"
        for gold in q.golds:
            with closing(_plain(data, q.db)) as connection:
                everything, used = _tables(connection), _used(connection, gold)
            for table in sorted(used & everything)[:1]:
                tried += 1
                try:
                    SqliteGuard(path, dict.fromkeys(everything - {table}, "*"), time_s=20).run(gold)
                    ran.append((table, gold))
                except SandboxError:
                    continue
    return {"gold_queries": tried, "ran_all_the_same": len(ran), "examples": ran[:5]}


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}


def _used(connection: sqlite3.Connection, sql: str) -> set[str]:
    used: set[str] = set()

    def note(action: int, table: str | None, *rest: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table:
            used.add(table)
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    try:
        connection.execute(sql)
    finally:
        connection.set_authorizer(None)
    return used


def abstention(asked: list[Question], answerable: list[Question], checks: Checks) -> dict[str, Any]:
    """Unanswerable questions: refusals of several wordings pass, everything else fails; and the reverse."""
    refusals = [q.golds[0] for q in asked]
    queries = {q.db: q.golds[0] for q in answerable}
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])

    def count(what: str, right: bool) -> None:
        counts[what][0] += right
        counts[what][1] += 1

    for q, other, prose in zip(asked, refusals[7:] + refusals[:7], cycle(PROSE), strict=False):
        for target in (q.golds[0], "UNANSWERABLE"):
            count("own wording accepted", checks.passes(q.db, q.golds[0], target))
            count("UNANSWERABLE accepted", checks.passes(q.db, "UNANSWERABLE", target))
            count("another wording accepted", checks.passes(q.db, other, target))
            count("a query refused", not checks.passes(q.db, queries[q.db], target))
            count("another text refused", not checks.passes(q.db, prose, target))
    for q, refusal in zip(answerable, cycle(refusals), strict=False):
        count("abstention on an answerable question refused", not checks.passes(q.db, refusal, q.golds))
    return {"questions": len(asked), **{what: f"{right}/{of}" for what, (right, of) in counts.items()}}
