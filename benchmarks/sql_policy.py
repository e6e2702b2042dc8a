"""Hostile probes against both SQL rooms: the database of the probe set, what counts as a leak, and a control."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

from assay.errors import SandboxError
from assay.sandbox.sql import SqlRoom, open_room
from assay.sandbox.sql_box import SqlLimits
from benchmarks.sql_mutants import spellings

Engine = Literal["sqlite", "duckdb"]

ENGINES: tuple[Engine, ...] = ("sqlite", "duckdb")
TABLES = {"users": ["id", "name", "city"], "orders": ["id", "user_id", "total"], "v_users": ["id", "name", "city"]}
LEAK = re.compile("CANARY|43414E415259|987654321|INFER-YES", re.IGNORECASE)
NAMED = re.compile(r"salary|\bssn\b|ix_ssn|\bnote\b|\bamount\b|v_pay|allpay|\bpay\b|secret", re.IGNORECASE)
_LIMITS = SqlLimits(time_s=1.0)


class Ground(NamedTuple):
    """A folder with a hostile database of one engine, and a file beside it that nobody may read."""

    engine: Engine
    folder: Path
    database: Path

    def filled(self, probe: str) -> str:
        """The probe with the places of the file and its folder."""
        return probe.replace("@DB@", str(self.database)).replace("@DIR@", str(self.folder))

    def files(self) -> dict[str, bytes]:
        """Everything in the folder."""
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def room(self) -> SqlRoom:
        """The room with the probe set's policy."""
        return open_room(database=self.database, tables=TABLES, engine=self.engine, limits=_LIMITS)


def ground(engine: Engine, setup: str, folder: Path) -> Ground:
    """Make the database that the setup file describes."""
    folder.mkdir(parents=True)
    (folder / "secret.csv").write_text("a\nCANARY-file\n")
    base, macros = re.findall(r"```sql\n(.*?)```", setup, re.DOTALL)[:2]
    if engine == "sqlite":
        place = Ground(engine, folder, folder / "policy.db")
        with closing(sqlite3.connect(place.database)) as connection:
            connection.executescript(base)
        return place
    import duckdb

    place = Ground(engine, folder, folder / "policy.duckdb")
    base = re.sub(r"create index.*?;|create virtual table.*?;|insert into salary_fts.*?;|analyze;", "", base)
    base = re.sub(r" check\(.*?\)(?=\))| references \w+\(\w+\)| primary key", "", base)
    with closing(duckdb.connect(str(place.database))) as made:
        made.execute(base + macros)
    return place


def probes(data: Path, engine: Engine) -> list[str]:
    """The probes meant for an engine."""
    records = map(json.loads, (data / "sql_policy_probes.jsonl").read_text(encoding="utf-8").splitlines())
    return [record["sql"] for record in records if record["engine"] in ("any", engine)]


def mutations(found: Iterable[str], engine: Engine) -> list[str]:
    """Other spellings of them all."""
    return list(dict.fromkeys(one for probe in found for one in spellings(probe, engine)))


class Findings(NamedTuple):
    """What a set of probes brought to light: `leaks` of values, hidden `names` in error texts, files that `changed`."""

    asked: int
    leaks: list[tuple[str, str]]
    names: list[tuple[str, str]]
    changed: list[str]

    def figures(self) -> dict[str, Any]:
        """For the report."""
        return {
            "probes": self.asked,
            "leaks": len(self.leaks),
            "errors_that_name_hidden_things": len(self.names),
            "files_touched": len(self.changed),
            "examples": [*self.leaks, *self.names][:5],
        }


def attack(place: Ground, asked: list[str]) -> Findings:
    """Every probe, in the room."""
    before = place.files()
    room = place.room()
    try:
        results = room.run_each([place.filled(probe) for probe in asked])
    finally:
        room.close()
    leaks = [(probe, str(result)) for probe, result in zip(asked, results, strict=True) if LEAK.search(str(result))]
    names = [
        (probe, str(result))
        for probe, result in zip(asked, results, strict=True)
        if isinstance(result, SandboxError) and NAMED.search(str(result))
    ]
    after = place.files()
    return Findings(
        len(asked), leaks, names, [path for path in {*before, *after} if before.get(path) != after.get(path)]
    )


def unguarded(place: Ground, asked: list[str]) -> int:
    """How many of the probes leak where nothing guards: the probes' own test. The database is worn out after it."""
    ask = _bare_sqlite(place) if place.engine == "sqlite" else _bare_duckdb(place)
    return sum(LEAK.search(ask(place.filled(probe))) is not None for probe in asked)


def _bare_sqlite(place: Ground) -> Callable[[str], str]:
    def ask(sql: str) -> str:
        with closing(sqlite3.connect(f"{place.database.as_uri()}?mode=ro", uri=True)) as connection:
            looks = iter(range(200))
            connection.set_progress_handler(lambda: next(looks, None) is None, 10_000)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
            try:
                return str(connection.execute(sql).fetchmany(1000))
            except (sqlite3.Error, sqlite3.Warning) as error:
                return str(error)

    return ask


def _bare_duckdb(place: Ground) -> Callable[[str], str]:
    import duckdb

    settings: dict[str, Any] = {"threads": 1, "memory_limit": "300MB", "autoinstall_known_extensions": False}
    database = duckdb.connect(str(place.database), read_only=True, config=settings)

    def ask(sql: str) -> str:
        with closing(database.cursor()) as connection:
            timer = threading.Timer(1.0, connection.interrupt)
            timer.start()
            try:
                return str(connection.execute(sql).fetchmany(1000))
            except duckdb.Error as error:
                return str(error)
            finally:
                timer.cancel()

    return ask
