"""Execution match: the answer's query gives the rows that the gold query gives."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from assay.checks.abstention import abstains
from assay.checks.check import CheckResult, Options, alternatives, options, shorten
from assay.checks.numeric import Tolerance
from assay.checks.query_match import same_result
from assay.checks.query_text import expand, extract_sql, literals, reads_no_table
from assay.errors import EvalError, SandboxError
from assay.numerals import plural
from assay.sandbox.rows import Rows
from assay.sandbox.sql import open_room
from assay.sandbox.sql_box import SqlLimits
from assay.types import Request, Response

__all__ = ["Sql"]

_MAX_CACHED = 1000
_AT_ONCE = 50


class _SqlOptions(Options, frozen=True):
    database: str | None = None
    files: dict[str, str] | None = None
    tables: dict[str, tuple[str, ...] | Literal["*"]] | None = None
    engine: Literal["sqlite", "duckdb"] | None = None
    isolation: Literal["sandbox", "process"] = "sandbox"
    match: Literal["result", "runs"] = "result"
    abstain: tuple[str, ...] | None = None
    order_matters: bool | None = None
    abs_tol: Tolerance = 1e-6
    rel_tol: Tolerance = 1e-6
    row_cap: Annotated[int, Meta(ge=1)] = 10_000
    time_s: Annotated[float, Meta(gt=0)] = 5.0
    warm: Annotated[int, Meta(ge=0, le=8)] = 1


class Sql:
    """Runs the answer's SQL and the target's behind walls (`assay.sandbox.sql`) and compares the results.

    Data: `database` (a SQLite or DuckDB file that nobody writes to) or `files` (table -> CSV, TSV or Parquet file, read
    with DuckDB); `tables` (table -> columns or "*" that may be read; default: all); `engine` (default: the file's own);
    `isolation` = `sandbox`, or `process` for SQLite where no sandbox works; `time_s` of a query, `row_cap`, `warm`
    boxes.

    Comparison: `match` = `result`, or `runs` which needs no target; `order_matters` (default: the gold query has an
    ORDER BY of its own; rows that are equal in its keys may then change places), `abs_tol`, `rel_tol` of floats. Names
    and order of columns do not count. A list of targets is a list of alternatives; a target `a; b` stands for two, and
    `SELECT {a, b} FROM t` for the columns a, b, or both.

    Abstention: a target that says in words that the question cannot be answered (`UNANSWERABLE`, or a query that only
    selects such a sentence) accepts an answer that says so, and nothing else. `abstain` lists the words; default:
    `UNANSWERABLE` and the usual English sentences.
    """

    name: ClassVar[str] = "sql"

    def __init__(self, **given: Any) -> None:
        o = self._options = options(self.name, _SqlOptions, given)
        self._room = open_room(
            database=o.database,
            files=o.files,
            tables=o.tables,
            engine=o.engine,
            isolation=o.isolation,
            limits=SqlLimits(row_cap=o.row_cap, time_s=o.time_s),
            warm=o.warm,
        )
        self._gold: dict[tuple[str, str], Rows | SandboxError] = {}  # by the state of the data and the query

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Extract, run, compare.

        Raises:
            EvalError: the target is missing or does not run.
            SandboxUnavailable: the room, not the answer, is at fault.
        """
        golds = [] if self._options.match == "runs" else alternatives(self.name, target)
        refusals = [gold for gold in golds if self._abstains(extract_sql(gold), gold)]
        sql = extract_sql(answer.text)
        if golds and self._abstains(sql, answer.text):
            end = "as it should" if refusals else "but the question can be answered"
            return CheckResult(passed=bool(refusals), explanation=f"the answer abstains, {end}")
        if sql is None:
            return CheckResult(passed=False, explanation=f"no SQL query in {shorten(answer.text)!r}")
        if golds and len(refusals) == len(golds):
            explanation = f"the question cannot be answered from the data, got {shorten(sql)!r}"
            return CheckResult(passed=False, explanation=explanation)
        return self._compared(*self._run([gold for gold in golds if gold not in refusals], sql), sql)

    def prepare(self, targets: Sequence[object | None]) -> None:
        """Run the queries of many targets in a few boxes and keep their rows; what is wrong shows in `verify`.

        Raises:
            SandboxError: the room, not a target, is at fault.
        """
        queries: list[str] = []
        for target in targets if self._options.match != "runs" else ():
            with suppress(EvalError):
                queries += [query for gold in self._queries(target) for query in expand(gold)]
        new = [query for query in dict.fromkeys(queries) if (self._room.snapshot, query) not in self._gold]
        for start in range(0, min(len(new), _MAX_CACHED), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            for query, rows in zip(some, self._room.run_each(some), strict=True):
                self._gold[self._room.snapshot, query] = rows

    def verify(self, target: object | None, request: Request | None) -> None:
        """Run the target's queries, if that was not done; errors as in `check`."""
        for gold in self._queries(target) if self._options.match != "runs" else ():
            known = [self._gold.get((self._room.snapshot, query)) for query in expand(gold)]
            if None in known:
                self._run([gold], "select 1")
            else:
                self._must_run(gold, [rows for rows in known if rows is not None])

    def _queries(self, target: object | None) -> list[str]:
        """The alternatives of a target that are to be run."""
        golds = alternatives(self.name, target)
        return [gold for gold in golds if not self._abstains(extract_sql(gold), gold)]

    def _abstains(self, sql: str | None, text: str) -> bool:
        """In words, or in a query that reads nothing and only says them."""
        if sql is not None:
            if not reads_no_table(sql):
                return False
            text = literals(sql) or sql
        return abstains(text, self._options.abstain)

    def _run(self, targets: list[str], sql: str) -> tuple[dict[str, Rows], Rows | SandboxError]:
        """Rows of each gold query, and what the answer's query gave.

        All go into one job, the gold queries first: they are done before the answer's first word reaches the engine.
        """
        snapshot = self._room.snapshot
        queries = {target: expand(target) for target in targets}
        flat = [query for expanded in queries.values() for query in expanded]
        results = {query: known for query in flat if (known := self._gold.get((snapshot, query))) is not None}
        new = [query for query in dict.fromkeys(flat) if query not in results]
        *fresh, found = self._room.run_each([*new, sql])
        results |= dict(zip(new, fresh, strict=True))
        if len(self._gold) > _MAX_CACHED:
            self._gold.clear()
        self._gold.update({(snapshot, query): results[query] for query in new})
        for target, expanded in queries.items():
            self._must_run(target, [results[query] for query in expanded])
        return {query: rows for query, rows in results.items() if isinstance(rows, Rows)}, found

    def _must_run(self, target: str, results: list[Rows | SandboxError]) -> None:
        """One of the queries that a target stands for has to give all its rows."""
        if not any(isinstance(rows, Rows) for rows in results):
            raise EvalError(f"check 'sql': the target does not run: {results[0]}: {shorten(target)}")
        if any(isinstance(rows, Rows) and rows.truncated for rows in results):
            raise EvalError(f"check 'sql': the target gives more than row_cap rows: {shorten(target)}")

    def _compared(self, wanted: dict[str, Rows], found: Rows | SandboxError, sql: str) -> CheckResult:
        if isinstance(found, SandboxError):
            return CheckResult(passed=False, explanation=str(found), detail={"sql": shorten(sql, 2000)})
        if not wanted:
            return CheckResult(passed=True, explanation=f"the query runs and gives {plural(len(found.rows), 'row')}")
        if found.truncated:
            return CheckResult(passed=False, explanation=f"the query gives more than {self._options.row_cap:,} rows")
        o = self._options
        for gold, rows in wanted.items():
            if same_result(gold, rows, found, order_matters=o.order_matters, abs_tol=o.abs_tol, rel_tol=o.rel_tol):
                return CheckResult(passed=True, explanation=f"the rows are right ({len(found.rows)})")
        first = next(iter(wanted.values()))
        explanation = f"expected {_shape(first)}, got {_shape(found)}"
        if _shape(first) == _shape(found):
            explanation = f"{_shape(found)} as expected, but with other values or in another order"
        return CheckResult(passed=False, explanation=explanation, detail={"sql": shorten(sql, 2000)})


def _shape(rows: Rows) -> str:
    return f"{plural(len(rows.rows), 'row')} of {plural(len(rows.columns), 'column')}"
