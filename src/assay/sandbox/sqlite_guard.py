"""The wall inside SQLite: a database read through an allow-list that the engine itself enforces.

The wall is SQLite's authorizer (https://www.sqlite.org/c3ref/set_authorizer.html), asked while a statement is
prepared for every table, column, function and action; what is not on the list is denied. It is not asked about the
columns that USING and NATURAL compare (measured with 3.40: `t JOIN (SELECT 'guess' AS hidden) USING (hidden)` answers
whether the guess is right), nor about an index that INDEXED BY names, which gives rows in the order of a hidden column;
all three are refused where anything is hidden. Around it: an immutable read-only file handle, `query_only`, no ATTACH,
`trusted_schema` off, the engine's limits, temporary data in memory, a wall-clock limit, and error texts of our own,
because the engine's name what was hidden.

What it does not hold off: rows that nobody ordered may come in the order of an index over a hidden column, and whether
a table has a hidden column of a guessed name can be found out. A fault in SQLite itself is a fault of the process that
runs this, and the clock is looked at between the engine's steps, so one statement can overrun by the few seconds its
longest step takes. The last two are why `sqlite_room` puts it into a box; for that it imports nothing that a bare
interpreter lacks.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal

from assay.errors import ConfigError, SandboxError
from assay.sandbox.functions import FUNCTIONS, decode, replace_slow_functions
from assay.sandbox.lexer import ascii_lower, expansion, syntax_error, tokens
from assay.sandbox.rows import NOT_PERMITTED, Rows, Value

__all__ = ["SqliteGuard"]

_SQL_BYTES = 20_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: _SQL_BYTES,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_MAX_EXPANSION = 1000
_STEPS_BETWEEN_LOOKS = 500
_MEMORY_LOOK_S = 0.005
_SYNTAX = re.compile(r'near "(\w{1,30}|[^\w\s]{1,2})": syntax error')


class _Watch:
    """The limits of one run; `stopped` holds the reason once one is reached."""

    def __init__(self, time_s: float, memory_bytes: int | None) -> None:
        self._used_bytes = _memory_meter() if memory_bytes is not None else lambda: 0
        self._limit_bytes = self._used_bytes() + (memory_bytes or 0)
        self._deadline = time.monotonic() + time_s
        self._next_look = 0.0
        self._time_s = time_s
        self.stopped: str | None = None

    def __call__(self) -> int:
        """Nonzero makes SQLite interrupt the statement."""
        now = time.monotonic()
        if now > self._deadline:
            self.stopped = f"the query took longer than {self._time_s:g} s"
        elif now >= self._next_look:
            self._next_look = now + _MEMORY_LOOK_S
            if self._used_bytes() > self._limit_bytes:
                self.stopped = "the query needs too much memory"
        return self.stopped is not None

    def check(self) -> None:
        """Raise the reason, for code of ours that runs inside a step."""
        if self():
            raise SandboxError(self.stopped)


def _memory_meter() -> Callable[[], int]:
    import psutil  # a box has no packages, and a limit of its own

    process = psutil.Process()
    return lambda: int(process.memory_info().rss)


class SqliteGuard:
    """Runs one SELECT at a time against a SQLite file, of which only a list of tables and columns can be read.

    Each run opens a connection of its own, so any thread may call `run`. The file is opened as immutable: it must
    not be written to meanwhile, and what stands only in a write-ahead log is not seen.

    Args:
        path: the database file.
        tables: table or view -> its readable columns, or "*" for all. A view needs the columns it reads as well.
            `None` = every table and view of the file. Names compare as in SQLite, ASCII letters without case.
        functions: names of the functions that may be called.
        row_cap: rows after which a result is cut and marked as truncated.
        time_s: wall seconds of one run.
        max_value_bytes: greatest length of one text or blob, stored or computed.
        result_bytes: greatest size of all values of a result.
        memory_bytes: growth of this process during a run after which the run is cut (other threads count too).
            `None`: the process itself is limited.

    Raises:
        ConfigError: the file is missing or no SQLite database.
    """

    def __init__(
        self,
        path: str | Path,
        tables: Mapping[str, Iterable[str] | Literal["*"]] | None = None,
        *,
        functions: Iterable[str] = FUNCTIONS,
        row_cap: int = 10_000,
        time_s: float = 2.0,
        max_value_bytes: int = 65_536,
        result_bytes: int = 32 << 20,
        memory_bytes: int | None = 512 << 20,
    ) -> None:
        self._uri = Path(path).absolute().as_uri() + "?mode=ro&immutable=1"
        self._functions = frozenset(map(ascii_lower, functions))
        self._row_cap, self._time_s = row_cap, time_s
        self._max_value_bytes, self._result_bytes, self._memory_bytes = max_value_bytes, result_bytes, memory_bytes
        self._real, tables_here = self._names_in(path)
        self._restricted = tables is not None
        self._columns: dict[str, frozenset[str] | None] = {
            ascii_lower(table): None if columns == "*" else frozenset(map(ascii_lower, columns))
            for table, columns in (tables if tables is not None else dict.fromkeys(tables_here, "*")).items()
        }
        self._names = frozenset(self._columns).union(*filter(None, self._columns.values()))

    def _names_in(self, path: str | Path) -> tuple[frozenset[str], list[str]]:
        """Every name that a table can be read by in this file, and the tables and views of the file."""
        try:
            with closing(sqlite3.connect(self._uri, uri=True)) as connection:
                things = connection.execute("SELECT name, type FROM sqlite_master").fetchall()
                modules = [name for (name,) in connection.execute("PRAGMA module_list")]
        except sqlite3.Error as error:
            raise ConfigError(f"{str(path)!r} cannot be opened as a SQLite database: {error}") from None
        tables = [name for name, kind in things if kind in ("table", "view") and not name.startswith("sqlite_")]
        return frozenset(ascii_lower(name) for name in (*tables, *modules)), tables

    def run(self, sql: str) -> Rows:
        """Run one SELECT (or WITH, VALUES) and return its rows.

        Raises:
            SandboxError: it is not permitted, cannot be understood, or went over a limit. The text names nothing
                but what stands in `sql` itself.
        """
        if len(sql) > _SQL_BYTES:
            raise SandboxError(f"the query is longer than {_SQL_BYTES:,} characters")
        words = tokens(sql)
        first = next((word.text for word in words if word.text != "("), "")
        if first not in ("select", "with", "values"):
            raise SandboxError("not permitted: only SELECT, WITH and VALUES may be run")
        if self._restricted and any(word.kind == "name" and word.text in ("using", "natural") for word in words):
            raise SandboxError("not permitted: write JOIN ... ON in place of USING or NATURAL")
        if self._restricted and any(word.kind == "name" and word.text == "indexed" for word in words):
            raise SandboxError("not permitted: leave INDEXED BY away")
        if expansion(words) > _MAX_EXPANSION:
            raise SandboxError("the query names its common tables too often within each other")
        watch = _Watch(self._time_s, self._memory_bytes)
        with closing(sqlite3.connect(":memory:")) as calculator, closing(self._open(watch, calculator)) as connection:
            try:
                return self._fetch(connection.execute(sql), watch)
            except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
                raise SandboxError(watch.stopped or self._explain(error)) from None

    def _open(self, watch: _Watch, calculator: sqlite3.Connection) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, cached_statements=0)
        except sqlite3.Error:
            raise SandboxError("the database cannot be opened") from None
        try:
            for setting in ("query_only=1", "trusted_schema=0", "temp_store=2", "mmap_size=0", "cell_size_check=1"):
                connection.execute(f"PRAGMA {setting}")
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # reads the schema before the limits
            for category, limit in _LIMITS.items():
                connection.setlimit(category, limit)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._max_value_bytes)
            connection.text_factory = decode
            replace_slow_functions(connection, calculator, watch.check, self._max_value_bytes)
            connection.set_progress_handler(watch, _STEPS_BETWEEN_LOOKS)
            connection.set_authorizer(self._authorizer(watch))
        except sqlite3.Error:
            connection.close()
            raise SandboxError("the database cannot be opened") from None
        return connection

    def _authorizer(self, watch: _Watch) -> Callable[..., int]:
        columns, functions = self._columns, self._functions

        def permitted(action: int, first: str | None, second: str | None, database: str | None) -> bool:
            if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
                return True
            if action == sqlite3.SQLITE_FUNCTION:
                return ascii_lower(second or "") in functions
            if action != sqlite3.SQLITE_READ or database not in ("main", None):
                return False
            table, column = ascii_lower(first or ""), ascii_lower(second or "")
            if table not in columns:
                return column == "" and database is None and self._is_common_table(table)
            allowed = columns[table]
            return allowed is None or column == "" or column in allowed  # "": the table is named, no column is read

        def authorize(action: int, first: str | None, second: str | None, database: str | None, _: str | None) -> int:
            if watch() or not permitted(action, first, second, database):
                return sqlite3.SQLITE_DENY
            return sqlite3.SQLITE_OK

        return authorize

    def _is_common_table(self, name: str) -> bool:
        """Whether only the query itself can have given the name: `count(*)` of such a table is asked about too."""
        return name not in self._real and not name.startswith(("sqlite_", "pragma_"))

    def _fetch(self, cursor: sqlite3.Cursor, watch: _Watch) -> Rows:
        columns = tuple(column[0] for column in cursor.description or ())
        rows: list[tuple[Value, ...]] = []
        size = 0
        for row in cursor:
            if len(rows) == self._row_cap:
                return Rows(columns, rows, truncated=True)
            rows.append(row)
            size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
            if size > self._result_bytes:
                raise SandboxError(f"the result is larger than {self._result_bytes:,} bytes")
            if watch():
                raise SandboxError(watch.stopped)
        return Rows(columns, rows)

    def _explain(self, error: Exception) -> str:
        """A text that names nothing but words of SQL and what is permitted."""
        said = str(error)
        syntax = _SYNTAX.fullmatch(said)
        if syntax is not None:
            return syntax_error(syntax[1], self._names)
        if isinstance(error, MemoryError) or "too big" in said or "user-defined function" in said:
            return "a value or the result is too large"
        if "one statement" in said:
            return "not permitted: more than one statement"
        if said.startswith(("incomplete input", "unrecognized token")):
            return "syntax error: the query is not complete or has an unknown sign"
        return NOT_PERMITTED
