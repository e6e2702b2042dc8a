"""A locked DuckDB over a copy that holds nothing but what may be read.

DuckDB has no wall of its own inside the engine (https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview):
what must not be seen must not be there. `projection` made the copy. Here the file is opened read-only, with no access
to files, network, extensions or Python's variables and with its configuration locked; only SELECT runs. It runs inside
a box, whose limits hold where the engine's do not (`repeat('x', 4e9)` ignores an interrupt).
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import _duckdb as duckdb  # the engine itself: the package around it takes ten times as long to import

from assay.errors import SandboxError
from assay.sandbox.lexer import ascii_lower, syntax_error
from assay.sandbox.rows import NOT_PERMITTED, Rows, Value

__all__ = ["CLOSED", "DuckdbGuard"]

CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "temp_directory": "",
}
"""Settings that close every way out of the engine, at its start; `lock_configuration` then keeps them."""

_CLOSED = "not permitted: files, network and settings are closed"
_SQL_CHARS = 20_000
_CHUNK_ROWS = 500
_SYNTAX = re.compile(r'syntax error at or near "(\w{1,30}|[^\w\s]{1,2})"')
# The first pattern that is found in the engine's message tells ours, which has no name in it: the query's own words may
# be names that must not be said, and whether a name exists must not show.
_MEANINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), text)
    for pattern, text in {
        r"must appear in the GROUP BY": "a column must stand in GROUP BY or inside an aggregate function",
        r"cannot contain aggregate|aggregate function calls": "an aggregate function stands where none may",
        r"does not exist|not found|ambiguous": NOT_PERMITTED,
        r"explicit(ly)? (type )?cast|cannot compare|cannot mix|type mismatch": "types do not fit: add explicit casts",
        r"permission|disabled by configuration|locked|read-only": _CLOSED,
        r"conver(t|sion)|cast": "a value cannot be converted to the type that is asked for",
        r"out of range|overflow": "a number is out of range",
        r"out of memory|could not allocate|bad_alloc|memory": "the query needs too much memory",
    }.items()
)


class DuckdbGuard:
    """Runs one SELECT at a time against a copy made by `projection`.

    Args:
        path: the copy, a DuckDB file.
        names: tables and columns that an error text may name.
        row_cap: rows after which a result is cut and marked as truncated.
        time_s: wall seconds of one run.
        result_bytes: greatest size of all values of a result, about.
        memory_bytes: what the engine may use.
    """

    def __init__(
        self, path: str, *, names: Sequence[str], row_cap: int, time_s: float, result_bytes: int, memory_bytes: int
    ) -> None:
        settings = {**CLOSED, "memory_limit": f"{memory_bytes}B", "lock_configuration": True}
        try:
            self._database = duckdb.connect(path, read_only=True, config=settings)
        except duckdb.Error:
            raise SandboxError("the copy of the data cannot be opened") from None
        self._names = frozenset(map(ascii_lower, names))
        self._row_cap, self._time_s, self._result_bytes = row_cap, time_s, result_bytes

    def run(self, sql: str) -> Rows:
        """Run one SELECT (FROM, WITH, VALUES) and return its rows.

        Raises:
            SandboxError: it is not permitted, cannot be understood, or went over a limit. The text names nothing but
                words of SQL and what is permitted.
        """
        if len(sql) > _SQL_CHARS:
            raise SandboxError(f"the query is longer than {_SQL_CHARS:,} characters")
        if not _is_unicode(sql):
            raise SandboxError("syntax error: the query is no valid Unicode text")
        connection = self._database.cursor()
        late = threading.Event()

        def cut() -> None:
            late.set()
            connection.interrupt()

        timer = threading.Timer(self._time_s, cut)
        timer.start()
        try:
            connection.execute(_only_select(connection, sql))
            return self._fetch(connection)
        except (duckdb.Error, RuntimeError, ValueError, MemoryError) as error:
            if late.is_set():
                raise SandboxError(f"the query took longer than {self._time_s:g} s") from None
            raise SandboxError(self._explain(error)) from None
        finally:
            timer.cancel()
            connection.close()

    def _fetch(self, connection: duckdb.DuckDBPyConnection) -> Rows:
        columns = tuple(str(column[0]) for column in connection.description or ())
        rows: list[tuple[Value, ...]] = []
        size = 0
        while chunk := connection.fetchmany(_CHUNK_ROWS):
            for row in chunk:
                if len(rows) == self._row_cap:
                    return Rows(columns, rows, truncated=True)
                rows.append(tuple(map(_plain, row)))
                size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in rows[-1])
            if size > self._result_bytes:
                raise SandboxError(f"the result is larger than {self._result_bytes:,} bytes")
        return Rows(columns, rows)

    def _explain(self, error: Exception) -> str:
        said = str(error)
        if isinstance(error, MemoryError):
            return "the query needs too much memory"
        if isinstance(error, duckdb.ParserException):
            found = _SYNTAX.search(said)
            return syntax_error(found[1], self._names) if found else "syntax error: the query is not complete"
        meanings = (text for pattern, text in _MEANINGS if pattern.search(said))
        return next(meanings, "the engine cannot run the query as it is written")


def _is_unicode(text: str) -> bool:
    try:
        return bool(text.encode()) or not text
    except UnicodeEncodeError:
        return False


def _only_select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise SandboxError(f"not permitted: {'more than one' if statements else 'no'} statement")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise SandboxError("not permitted: only SELECT, FROM, WITH and VALUES may be run")
    return statements[0]


def _plain(value: Any) -> Value:
    """A cell as SQLite would give it: times as ISO text, decimals as numbers, lists and structs as JSON."""
    if value is None or isinstance(value, str | float | bytes):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(_nested(value), ensure_ascii=False) if isinstance(value, list | tuple | dict) else str(value)


def _nested(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _nested(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_nested(inner) for inner in value]
    scalar = _plain(value)
    return scalar.hex() if isinstance(scalar, bytes) else scalar
