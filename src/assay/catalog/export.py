"""Rows of the catalogue as a file: CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from assay.catalog.columns import Kind, columns
from assay.catalog.overview import ModelRow
from assay.catalog.where import cell
from assay.errors import CatalogError
from assay.parquet import MISSING, parquet_of
from assay.whole_file import exchanged

__all__ = ["export"]

_SQL: dict[Kind, str] = {
    "number": "DOUBLE", "yes-no": "BOOLEAN", "day": "VARCHAR", "text": "VARCHAR", "list": "VARCHAR[]", "table": "JSON",
}  # fmt: skip


def export(rows: Sequence[ModelRow], path: Path) -> None:
    """Write all columns of some rows, whole or not at all.

    In CSV an unknown fact is an empty cell, a list is joined with `;` and a table is JSON. Parquet needs the extra
    `duckdb`; days are texts there, since some are known by month or year only, and tables are JSON texts.

    Raises:
        CatalogError: the ending is none of these, the extra is missing, or the file cannot be written.
    """
    writers = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
    write: Callable[[Sequence[ModelRow], Path], None] | None = writers.get(path.suffix.lower())
    if write is None:
        raise CatalogError(f"cannot export to {path}: name a file that ends in {', '.join(writers)}")
    try:
        with exchanged(path) as part:
            write(rows, part)
    except OSError as error:
        raise CatalogError(f"cannot write {path}: {error.strerror or error}") from error


def _csv(rows: Sequence[ModelRow], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns()))
        writer.writeheader()
        writer.writerows({name: _cell(one.kind, cell(row, one)) for name, one in columns().items()} for row in rows)


def _cell(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "list":
        return ";".join(value)
    return msgspec.json.encode(value).decode() if kind == "table" else value


def _jsonl(rows: Sequence[ModelRow], path: Path) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def _parquet(rows: Sequence[ModelRow], path: Path) -> None:
    with TemporaryDirectory() as folder:
        lines = Path(folder) / "rows.jsonl"
        _jsonl(rows, lines)
        try:
            parquet_of(lines, {name: _SQL[one.kind] for name, one in columns().items()}, path)
        except ImportError as error:
            raise CatalogError(MISSING) from error
