"""Rows of CSV, TSV, JSONL, JSON and Parquet files, one at a time."""

from __future__ import annotations

import csv
import datetime
import decimal
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import SuiteError
from assay.evals.formats.sources import encoding_of, json_lines, json_value, not_encoded
from assay.numerals import plural

__all__ = ["Row", "endings", "rows_of"]

_LONGEST_CELL = 64_000_000
_DELIMITERS = ",;\t|"
_LISTS = ("data", "samples", "examples", "items", "rows", "instances", "questions", "tests", "records")


class Row(NamedTuple):
    """One row. `wrong` says why nothing can be made of it."""

    place: str
    values: dict[str, Any]
    wrong: str | None = None


def endings() -> tuple[str, ...]:
    """Of the files that have rows."""
    return (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")


def rows_of(path: Path, encoding: str = "utf-8") -> Iterator[Row]:
    """The rows of a file, by its ending.

    Raises:
        SuiteError: it cannot be read, or has no rows.
    """
    match path.suffix.lower():
        case ".csv":
            return _separated(path, encoding, None)
        case ".tsv":
            return _separated(path, encoding, "\t")
        case ".jsonl" | ".ndjson":
            return (_object(f"line {number}", value) for number, value in json_lines(path, encoding))
        case ".json":
            return (_object(f"item {number}", one) for number, one in enumerate(_list(path, encoding), start=1))
        case ".parquet":
            return _parquet(path)
    raise SuiteError(f"{path}: rows are read from {', '.join(endings())}, not from {path.suffix or 'such a file'}")


def _separated(path: Path, encoding: str, delimiter: str | None) -> Iterator[Row]:
    named = encoding_of(path, encoding)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding=named, newline="") as file:
            reader = csv.reader(file, delimiter=delimiter or _delimiter(path, named), strict=True)
            header = [name.strip() for name in next(reader, [])]
            _check_header(path, header)
            before = reader.line_num
            for cells in reader:
                place, before = f"line {before + 1}", reader.line_num
                if cells:
                    yield _cells(place, header, cells)
    except OSError as error:
        raise SuiteError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise not_encoded(path, named, error) from error
    except csv.Error as error:
        raise SuiteError(
            f"{path}, line {reader.line_num}: {error}; every row after it would be read wrongly"
        ) from error


def _delimiter(path: Path, encoding: str) -> str:
    """What the header is separated by: the sign that it has most often outside of quotes."""
    with path.open(encoding=encoding, newline="") as file:
        header = file.readline()
    plain = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=plain.count)


def _check_header(path: Path, header: list[str]) -> None:
    if not any(header):
        raise SuiteError(f"{path}: the first line must name the columns, and names none")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise SuiteError(f"{path}: two columns are called {twice!r}")


def _cells(place: str, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        columns = plural(len(header), "column")
        return Row(place, {}, f"it has {plural(len(cells), 'cell')}, and the header names {columns}")
    return Row(place, dict(zip(header, cells, strict=True)))


def _object(place: str, value: Any) -> Row:
    if isinstance(value, Mapping):
        return Row(place, dict(value))
    wrong = str(value) if isinstance(value, SuiteError) else f"it is {type(value).__name__} and no object with fields"
    return Row(place, {}, wrong)


def _list(path: Path, encoding: str) -> list[Any]:
    whole = json_value(path, encoding)
    if isinstance(whole, list):
        return whole
    lists = {key: value for key, value in whole.items() if isinstance(value, list)} if isinstance(whole, dict) else {}
    named = next((key for key in _LISTS if key in lists), next(iter(lists), None) if len(lists) == 1 else None)
    if named is None:
        raise SuiteError(
            f"{path} holds no list of items; keys: {', '.join(list(whole)[:8]) if isinstance(whole, dict) else '-'}"
        )
    return list(lists[named])


def _parquet(path: Path) -> Iterator[Row]:
    """Through DuckDB in this process, which may open this one file and nothing else."""
    try:
        import duckdb
    except ImportError as error:
        raise SuiteError(
            f"{path}: Parquet is read by DuckDB, which is not installed: pip install 'assay[duckdb]'"
        ) from error
    if not path.is_file():
        raise SuiteError(f"cannot read {path}: no such file")
    place = str(path.resolve())
    with duckdb.connect() as connection:
        try:
            connection.execute("SET allowed_paths = ?", [[place]])
            connection.execute("SET enable_external_access = false")
            found = connection.execute("SELECT * FROM read_parquet(?)", [place])
            names = [str(column[0]) for column in found.description or ()]
            number = 0
            while batch := found.fetchmany(1000):
                for cells in batch:
                    number += 1
                    yield Row(f"row {number}", {name: _plain(cell) for name, cell in zip(names, cells, strict=True)})
        except duckdb.Error as error:
            raise SuiteError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def _plain(value: Any) -> Any:
    """A cell as a JSON value."""
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case float():
            return value if math.isfinite(value) else None
        case decimal.Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime.date() | datetime.time() | datetime.datetime():
            return value.isoformat()
        case None | bool() | int() | str():
            return value
    return str(value)
