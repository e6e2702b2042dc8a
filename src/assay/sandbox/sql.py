"""Rooms for model-written SQL, and which one a database or a set of files needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from assay.errors import ConfigError, SandboxError
from assay.sandbox.rows import Rows
from assay.sandbox.sql_box import SqlLimits

__all__ = ["SqlRoom", "open_room"]

_DUCKDB_ENDS = (".duckdb", ".ddb")


class SqlRoom(Protocol):
    """Runs SELECTs of a model against data of which only a list of tables and columns can be read."""

    @property
    def snapshot(self) -> str:
        """Names the state of the data that results are of."""
        ...

    def run(self, sql: str) -> Rows:
        """Run one query.

        Raises:
            SandboxError: it is not permitted, not understood, or went over a limit; the text names nothing hidden.
            SandboxUnavailable: the room, not the query, is at fault.
        """
        ...

    def run_each(self, queries: Sequence[str]) -> list[Rows | SandboxError]:
        """Run several, in as few boxes as will do; an error stands in the place of its query's rows."""
        ...

    def close(self) -> None:
        """End the boxes that wait and remove what is temporary."""
        ...


def open_room(
    *,
    database: str | Path | None = None,
    files: Mapping[str, str | Path] | None = None,
    tables: Mapping[str, Iterable[str] | Literal["*"]] | None = None,
    engine: Literal["sqlite", "duckdb"] | None = None,
    isolation: Literal["sandbox", "process"] = "sandbox",
    limits: SqlLimits = SqlLimits(),  # noqa: B008 - a frozen value
    warm: int = 0,
) -> SqlRoom:
    """The room for a database file, or for CSV, TSV and Parquet files.

    Args:
        database: a database file: of DuckDB if its name ends in .duckdb or .ddb, else of SQLite.
        files: in place of it, table -> file.
        tables: table -> columns that may be read, or "*"; `None` = all.
        engine: which engine runs the SQL; `None` = the database's own, and DuckDB for files.
        isolation: "process" is for SQLite alone, whose authorizer is a wall of its own.
        limits: of one query.
        warm: boxes kept started.

    Raises:
        ConfigError: these do not go together, or a source cannot be used.
        SandboxUnavailable: this machine has no working walls.
    """
    if (database is None) == (files is None) or (files is not None and not files):
        raise ConfigError('SQL needs either a database or files: database = "x.db", or files = { sales = "sales.csv" }')
    own: Literal["sqlite", "duckdb"] = "duckdb" if files or str(database).endswith(_DUCKDB_ENDS) else "sqlite"
    if (engine or own) == "sqlite":
        if own != "sqlite" or database is None:
            raise ConfigError(f"SQLite cannot read {database or ', '.join(map(str, files or ()))}; leave engine away")
        from assay.sandbox.sqlite_room import SqliteRoom

        return SqliteRoom(database, tables, isolation=isolation, limits=limits, warm=warm)
    if isolation == "process":
        raise ConfigError('DuckDB has no wall of its own inside a process; isolation = "process" is for SQLite')
    from assay.sandbox.duckdb_room import DuckdbRoom

    return DuckdbRoom(files, tables, database=database, engine=own, limits=limits, warm=warm)
