"""Execution match: the answer's query gives the rows that the gold query gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from assay.checks.check import MAX_CHARS, CheckResult, Options, alternatives, fenced_blocks, options, shorten
from assay.checks.numeric import Tolerance
from assay.checks.rows import same_rows
from assay.errors import EvalError, SandboxError
from assay.sandbox.lexer import Token, tokens
from assay.sandbox.sql import Rows, SqlRoom
from assay.types import Request, Response

__all__ = ["Sql", "extract_sql"]

_START = re.compile(r"^[ \t]*(?:SELECT|WITH|VALUES)\b", re.IGNORECASE | re.MULTILINE)
_MAX_CACHED = 1000


class _SqlOptions(Options, frozen=True):
    database: str
    tables: dict[str, tuple[str, ...] | Literal["*"]] | None = None
    match: Literal["result", "runs"] = "result"
    order_matters: bool | None = None
    abs_tol: Tolerance = 1e-6
    rel_tol: Tolerance = 1e-6
    row_cap: Annotated[int, Meta(ge=1)] = 10_000
    time_s: Annotated[float, Meta(gt=0)] = 5.0


class Sql:
    """Runs the answer's SQL and the target's in a `SqlRoom` and compares the results.

    Options: `database` (a SQLite file that nobody writes to), `tables` (table -> columns or "*"; default: all),
    `match` = `result`, or `runs` which needs no target, `order_matters` (default: the gold query has an ORDER BY of its
    own; rows that are equal in its keys may then change places), `abs_tol`, `rel_tol` of floats, `row_cap`, `time_s`.
    Names and order of columns do not count. A list of targets is a list of alternatives.
    """

    name: ClassVar[str] = "sql"

    def __init__(self, **given: Any) -> None:
        o = self._options = options(self.name, _SqlOptions, given)
        self._room = SqlRoom(o.database, o.tables, row_cap=o.row_cap, time_s=o.time_s)
        self._gold: dict[str, Rows] = {}

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Extract, run, compare."""
        golds = [] if self._options.match == "runs" else alternatives(self.name, target)
        wanted = [(gold, self._run_gold(gold)) for gold in golds]
        sql = extract_sql(answer.text)
        if sql is None:
            return CheckResult(passed=False, explanation=f"no SQL query in {shorten(answer.text)!r}")
        try:
            found = self._room.run(sql)
        except SandboxError as error:
            return CheckResult(passed=False, explanation=str(error), detail={"sql": shorten(sql, 2000)})
        if not golds:
            return CheckResult(passed=True, explanation=f"the query runs and gives {len(found.rows)} rows")
        if found.truncated:
            return CheckResult(passed=False, explanation=f"the query gives more than {self._options.row_cap:,} rows")
        if any(self._equal(gold, rows, found) for gold, rows in wanted):
            return CheckResult(passed=True, explanation=f"the rows are right ({len(found.rows)})")
        first = wanted[0][1]
        explanation = f"expected {_shape(first)}, got {_shape(found)}"
        if _shape(first) == _shape(found):
            explanation = f"{_shape(found)} as expected, but with other values or in another order"
        return CheckResult(passed=False, explanation=explanation, detail={"sql": shorten(sql, 2000)})

    def _run_gold(self, gold: str) -> Rows:
        rows = self._gold.get(gold)
        if rows is None:
            try:
                rows = self._room.run(gold)
            except SandboxError as error:
                raise EvalError(f"check 'sql': the target does not run: {error}: {shorten(gold)}") from None
            if rows.truncated:
                raise EvalError(f"check 'sql': the target gives more than row_cap rows: {shorten(gold)}")
            if len(self._gold) < _MAX_CACHED:
                self._gold[gold] = rows
        return rows

    def _equal(self, gold: str, wanted: Rows, found: Rows) -> bool:
        keys = _order_keys(gold, wanted.columns)
        ordered = keys is not None if self._options.order_matters is None else self._options.order_matters
        o = self._options
        return same_rows(
            wanted.rows, found.rows, ordered=ordered, keys=keys or (), abs_tol=o.abs_tol, rel_tol=o.rel_tol
        ) and len(wanted.columns) == len(found.columns)


def _shape(rows: Rows) -> str:
    return f"{len(rows.rows)} rows of {len(rows.columns)} columns"


def extract_sql(text: str) -> str | None:
    """The query in an answer: the last code block marked as SQL, else the last block, else the text from SELECT on.

    A bare query ends at its semicolon, or at an empty line that prose follows.
    """
    if len(text) > MAX_CHARS:
        return None
    blocks = fenced_blocks(text)
    marked = [content for language, content in blocks if language in ("sql", "sqlite")] or [c for _, c in blocks]
    if marked:
        return marked[-1].rstrip("; \n\t") or None
    text = text.strip().strip("`").strip()
    start = _START.search(text)
    if start is None:
        return text.rstrip("; \n\t") if text.startswith(("(", "--", "/*")) else None
    return _one_statement(text[start.start() :].strip())


def _one_statement(text: str) -> str:
    end = next((token.start for token in tokens(text) if token.text == ";" and token.kind == "sign"), None)
    if end is None:
        return text
    rest = text[end + 1 :].strip()
    return text if _START.match(rest) else text[:end].rstrip()


def _order_keys(gold: str, columns: Sequence[str]) -> tuple[int, ...] | None:
    """Which result columns a query's own ORDER BY names. `None`: it has none; empty: not told by result columns."""
    words = [token for token in tokens(gold) if token.depth == 0]
    places = [i for i, (a, b) in enumerate(pairwise(words)) if (a.text, b.text) == ("order", "by")]
    if not places:
        return None
    clause = words[places[-1] + 2 :]
    end = next((i for i, token in enumerate(clause) if token.text in ("limit", "offset", ";")), len(clause))
    names = [name.lower() for name in columns]
    keys: list[int] = []
    for term in _split(clause[:end]):
        place = _place(term, names)
        if place is None:
            return ()
        keys.append(place)
    return tuple(keys)


def _split(clause: list[Token]) -> list[list[str]]:
    terms: list[list[str]] = [[]]
    for token in clause:
        if token.text == ",":
            terms.append([])
        else:
            terms[-1].append(token.text)
    return terms


def _place(term: list[str], names: list[str]) -> int | None:
    words = [word for word in term if word not in ("asc", "desc", "nulls", "first", "last")]
    if len(words) == 1 and words[0].isdecimal() and 1 <= int(words[0]) <= len(names):
        return int(words[0]) - 1
    name = words[0] if len(words) == 1 else words[2] if len(words) == 3 and words[1] == "." else None
    return names.index(name) if name is not None and names.count(name) == 1 else None
