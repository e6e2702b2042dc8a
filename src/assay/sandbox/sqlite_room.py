"""A SQLite database behind two walls: the engine's authorizer, and the box that the engine runs in.

The authorizer (`sqlite_guard`) decides what may be read. The box (`sql_box`) sees the file read-only and nothing else
of the machine, so that a fault in SQLite, a crash or a query that cannot be cut off stays in there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from assay.errors import SandboxError, SandboxUnavailable
from assay.sandbox.rows import Rows
from assay.sandbox.sql_box import SqlBox, SqlLimits
from assay.sandbox.sqlite_guard import SqliteGuard

__all__ = ["SqliteRoom"]


class SqliteRoom:
    """Runs SELECTs of a model against a SQLite file, of which only a list of tables and columns can be read.

    Any thread may call it. The file must not be written to meanwhile, and what stands only in a write-ahead log is not
    seen.

    Args:
        path: the database file.
        tables: table or view -> its readable columns, or "*" for all. A view needs the columns it reads as well.
            `None` = every table and view of the file.
        isolation: "sandbox" runs each call in a box; "process" keeps the authorizer alone and runs the engine in this
            process, where a fault in SQLite is a fault of assay.
        limits: of one query.
        warm: boxes kept started.
        backend: walls of the box; `None` = the best that work here.

    Raises:
        ConfigError: the file is missing or no SQLite database.
        SandboxUnavailable: there are no working walls, and `isolation` is "sandbox".
    """

    def __init__(
        self,
        path: str | Path,
        tables: Mapping[str, Iterable[str] | Literal["*"]] | None = None,
        *,
        isolation: Literal["sandbox", "process"] = "sandbox",
        limits: SqlLimits = SqlLimits(),  # noqa: B008 - a frozen value
        warm: int = 0,
        backend: str | None = None,
    ) -> None:
        listed = None if tables is None else {name: c if c == "*" else list(c) for name, c in tables.items()}
        options: dict[str, Any] = {
            "path": str(Path(path).absolute()),
            "tables": listed,
            "row_cap": limits.row_cap,
            "time_s": limits.time_s,
            "max_value_bytes": limits.max_value_bytes,
            "result_bytes": limits.result_bytes,
        }
        self._guard = SqliteGuard(**options, memory_bytes=limits.memory_bytes)
        self._box: SqlBox | None = None
        if isolation == "sandbox":
            options["memory_bytes"] = None
            place = [Path(path).resolve()]
            options["path"] = str(place[0])
            try:
                self._box = SqlBox("sqlite", options, readable=place, limits=limits, warm=warm, backend=backend)
            except SandboxUnavailable as error:
                way_out = 'isolation = "process" runs SQLite in this process, behind its authorizer alone'
                raise SandboxUnavailable(f"{error}; {way_out}") from None

    @property
    def snapshot(self) -> str:
        """The state of the data that results are of: one, as the file must not change."""
        return ""

    def run(self, sql: str) -> Rows:
        """Run one SELECT (or WITH, VALUES).

        Raises:
            SandboxError: it is not permitted, not understood, or went over a limit; the text names nothing hidden.
            SandboxUnavailable: the engine does not start in its box.
        """
        result = self.run_each([sql])[0]
        if isinstance(result, SandboxError):
            raise result
        return result

    def run_each(self, queries: Sequence[str]) -> list[Rows | SandboxError]:
        """Run several, in as few boxes as will do; an error stands in the place of its query's rows."""
        if self._box is not None:
            return self._box.run_each(queries)
        return [_guarded(self._guard, sql) for sql in queries]

    def close(self) -> None:
        """End the boxes that wait."""
        if self._box is not None:
            self._box.close()


def _guarded(guard: SqliteGuard, sql: str) -> Rows | SandboxError:
    try:
        return guard.run(sql)
    except SandboxError as error:
        return error
