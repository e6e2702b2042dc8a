"""The trusted step before a DuckDB box: copies what may be read, and nothing else, into a fresh DuckDB file.

It runs in a box of its own, which alone sees the original files, and hands the copy back over its output. The box in
which a model's SQL runs gets the copy: no table, column, view, macro, statistic or free page of the original is in it.

A job is JSON: `files` (table -> path of CSV, TSV or Parquet) or `database` (path) with `engine`, and `tables` (name ->
columns or "*"; null = all). The answer is a line of JSON, `{"tables": {name: [column, ...]}}` or `{"error": ...}`, and
then the bytes of the copy.
"""

from __future__ import annotations

import glob
import json
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import _duckdb as duckdb  # see duckdb_guard

from assay.errors import ConfigError
from assay.sandbox.lexer import ascii_lower, quoted
from assay.sandbox.sqlite_source import load_table, table_names

__all__ = ["READERS", "main", "project"]

_CSV = "read_csv(?, sample_size = -1, hive_partitioning = false)"
READERS = {".csv": _CSV, ".csv.gz": _CSV, ".tsv": _CSV, ".parquet": "read_parquet(?, hive_partitioning = false)"}
"""How a file is read, by the end of its name."""

_COPY = "data.duckdb"
_ENUM = re.compile(r"ENUM\((?:'(?:[^']|'')*'(?:,\s*)?)*\)")

Permitted = Mapping[str, Any]


def main() -> None:
    """Read the job, print the copy."""
    job = json.load(sys.stdin.buffer)
    out = sys.stdout.buffer
    try:
        tables = project(_COPY, job)
    except (ConfigError, duckdb.Error, sqlite3.Error) as error:
        out.write(json.dumps({"error": str(error).split("\n\n")[0]}).encode() + b"\n")
        return
    out.write(json.dumps({"tables": tables}).encode() + b"\n")
    out.write(Path(_COPY).read_bytes())


def project(copy: str, job: Mapping[str, Any]) -> dict[str, list[str]]:
    """Make the file `copy`; the tables in it, each with its columns.

    Raises:
        ConfigError: a table or column that is listed is not there, or no table is left.
        duckdb.Error, sqlite3.Error: a source cannot be read.
    """
    settings: dict[str, Any] = {"threads": 1, "memory_limit": "1GB", "autoload_known_extensions": False}
    connection = duckdb.connect(copy, config=settings)
    try:
        sources = dict(_sources(connection, job))
        found = {
            name: _copy_table(connection, name, sources, columns) for name, columns in _permitted(job, sources).items()
        }
    finally:
        connection.close()
    if not found:
        raise ConfigError("nothing may be read: the source has no table, or the list is empty")
    return found


def _permitted(job: Mapping[str, Any], sources: Mapping[str, str]) -> Permitted:
    tables: Permitted | None = job["tables"]
    return dict.fromkeys(sources, "*") if tables is None else tables


def _sources(connection: duckdb.DuckDBPyConnection, job: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and a relation that can be selected from, for each table of the source; temporary ones are not copied."""
    if job.get("files"):
        for name, path in job["files"].items():
            reader = READERS[_end(path)].replace("?", _text(glob.escape(path)))
            connection.execute(f"CREATE TEMP VIEW {quoted('source ' + name)} AS SELECT * FROM {reader}")  # noqa: S608
            yield name, quoted("source " + name)
    elif job["engine"] == "sqlite":
        wanted = None if job["tables"] is None else {ascii_lower(name) for name in job["tables"]}
        for name in table_names(job["database"]):
            if wanted is None or ascii_lower(name) in wanted:
                load_table(connection, job["database"], name, quoted("source " + name))
                yield name, quoted("source " + name)
    else:
        connection.execute(f"ATTACH {_text(job['database'])} AS source (READ_ONLY)")
        query = (
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_catalog = 'source' AND table_schema = 'main'"
        )
        for schema, name in connection.execute(query).fetchall():
            yield name, f"source.{quoted(schema)}.{quoted(name)}"


def _copy_table(
    connection: duckdb.DuckDBPyConnection, name: str, sources: Mapping[str, str], permitted: Any
) -> list[str]:
    relation = next((r for known, r in sources.items() if ascii_lower(known) == ascii_lower(name)), None)
    if relation is None:
        raise ConfigError(f"there is no table {name!r} in the source")
    about = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608 - quoted names
    kinds: dict[str, str] = {row[0]: row[1] for row in about}
    columns = list(kinds)
    if permitted != "*":
        by_name = {ascii_lower(column): column for column in columns}
        if not permitted:
            raise ConfigError(f"table {name!r} has an empty list of columns; list some, or leave the table away")
        missing = next((column for column in permitted if ascii_lower(column) not in by_name), None)
        if missing is not None:
            raise ConfigError(f"table {name!r} has no column {missing!r}")
        columns = [by_name[ascii_lower(column)] for column in permitted]
    listed = ", ".join(_copied(connection, relation, column, kinds[column]) for column in columns)
    connection.execute(f"CREATE TABLE {quoted(name)} AS SELECT {listed} FROM {relation}")  # noqa: S608 - quoted names
    return columns


def _copied(connection: duckdb.DuckDBPyConnection, relation: str, column: str, kind: str) -> str:
    """The column as it is copied: a type that lists its values would tell of rows that a view leaves out."""
    name = quoted(column)
    if "ENUM(" not in kind:
        return name
    if not _ENUM.fullmatch(kind):
        return f"CAST({name} AS {_ENUM.sub('VARCHAR', kind)}) AS {name}"
    query = (
        f"SELECT CAST(v AS VARCHAR) FROM (SELECT DISTINCT {name} AS v FROM {relation}) WHERE v IS NOT NULL ORDER BY v"  # noqa: S608
    )
    values = ", ".join(_text(value) for (value,) in connection.execute(query).fetchall())
    return f"CAST(CAST({name} AS VARCHAR) AS {f'ENUM({values})' if values else 'VARCHAR'}) AS {name}"


def _end(path: str) -> str:
    """The end of a file's name that tells how it is read, or ""."""
    return next((end for end in sorted(READERS, key=len, reverse=True) if path.lower().endswith(end)), "")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
