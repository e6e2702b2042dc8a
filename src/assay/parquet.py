"""JSON lines as a Parquet file, by the extra `duckdb`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["MISSING", "parquet_of"]

MISSING = "Parquet needs duckdb: pip install 'assay[duckdb]', or export to .csv or .jsonl"


def parquet_of(lines: Path, types: Mapping[str, str], path: Path) -> None:
    """Write rows, which may be more than memory holds.

    Args:
        lines: the rows as JSON lines.
        types: SQL types of the columns, by name, in their order.
        path: the file; one that is there is written over.

    Raises:
        ImportError: the extra is not installed (`MISSING` says what to do).
        OSError: the file cannot be written.
    """
    import duckdb

    typed = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    copied = f"SELECT * FROM read_json(?, format='newline_delimited', columns={{{typed}}})"  # noqa: S608 - names of our own columns
    with duckdb.connect() as connection:
        try:
            connection.execute(f"COPY ({copied}) TO ? (FORMAT parquet)", [str(lines), str(path)])
        except duckdb.IOException as error:
            raise OSError(str(error)) from error
