"""Reading tables of a SQLite file into DuckDB, which needs an extension of its own for that, and we none.

SQLite's columns hold values of any type. A column becomes the type that it was declared with if every value fits that,
else text; without a declared type, that of its values.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from assay.sandbox.lexer import quoted

if TYPE_CHECKING:
    import _duckdb as duckdb

__all__ = ["load_table", "table_names"]

# Declared types by what SQLite looks for in them (https://www.sqlite.org/datatype3.html, section 3.1), dates first.
_TYPES = (
    ("TIMESTAMP", "TIMESTAMP"), ("DATETIME", "TIMESTAMP"), ("DATE", "DATE"), ("INT", "BIGINT"), ("CHAR", "VARCHAR"),
    ("CLOB", "VARCHAR"), ("TEXT", "VARCHAR"), ("BLOB", "BLOB"), ("REAL", "DOUBLE"), ("FLOA", "DOUBLE"),
    ("DOUB", "DOUBLE"), ("BOOL", "BIGINT"), ("NUMERIC", "DOUBLE"), ("DECIMAL", "DOUBLE"),
)  # fmt: skip


def table_names(path: str) -> list[str]:
    """Names of the tables and views of a SQLite file."""
    with closing(_open(path)) as source:
        query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        return [name for (name,) in source.execute(query) if not name.startswith("sqlite_")]


def load_table(connection: duckdb.DuckDBPyConnection, path: str, table: str, target: str) -> None:
    """Copy one table or view into a temporary table of DuckDB, `target` (quoted)."""
    with closing(_open(path)) as source:
        name = quoted(table)
        # table_xinfo tells of generated columns too, and marks with 1 what `SELECT *` leaves out.
        about = source.execute(f"PRAGMA table_xinfo({name})")
        declared = [(row[1], row[2].upper()) for row in about if row[6] != 1]
        with NamedTemporaryFile(dir=".", suffix=".json") as file:
            held: list[set[type]] = [set() for _ in declared]
            for row in source.execute(f"SELECT * FROM {name}"):  # noqa: S608 - a quoted name of the team's own file
                for types, value in zip(held, row, strict=True):
                    types.add(type(value))
                file.write(json.dumps([_text(value) for value in row], ensure_ascii=False).encode() + b"\n")
            file.flush()
            known = [(name, _kind(kind, types)) for (name, kind), types in zip(declared, held, strict=True)]
            _read(connection, Path(file.name), known, target)


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(Path(path).as_uri() + "?mode=ro&immutable=1", uri=True)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _kind(declared: str, held: set[type]) -> str:
    """The declared type; that of the values where there is none (a view's expression), or BLOB and no bytes."""
    types = held - {type(None)}
    if declared and ("BLOB" not in declared or types == {bytes}):
        return declared
    if types and types <= {int, float}:
        return "INT" if types == {int} else "REAL"
    return "BLOB" if types == {bytes} else "TEXT"


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, str) else repr(value)


def _read(connection: duckdb.DuckDBPyConnection, file: Path, declared: list[tuple[str, str]], target: str) -> None:
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE "source rows" AS SELECT json AS r'
        " FROM read_json(?, format = 'newline_delimited', records = false, columns = {json: 'VARCHAR[]'})",
        [str(file)],
    )
    chosen = ", ".join(_column(connection, i, name, kind) for i, (name, kind) in enumerate(declared, 1))
    connection.execute(f'CREATE TEMP TABLE {target} AS SELECT {chosen} FROM "source rows"')  # noqa: S608 - quoted names
    connection.execute('DROP TABLE "source rows"')


def _column(connection: duckdb.DuckDBPyConnection, place: int, name: str, declared: str) -> str:
    wanted = next((kind for word, kind in _TYPES if word in declared), "VARCHAR")
    value = f"r[{place}]"
    cast = f"unhex({value})" if wanted == "BLOB" else f"TRY_CAST({value} AS {wanted})"
    if wanted not in ("VARCHAR", "BLOB"):
        query = f'SELECT count(*) FROM "source rows" WHERE {value} IS NOT NULL AND {cast} IS NULL'  # noqa: S608
        bad = connection.execute(query).fetchone()
        cast = value if bad and bad[0] else cast
    return f"{cast if wanted != 'VARCHAR' else value} AS {quoted(name)}"
