"""Attempts of the ledger as a file: Parquet, CSV or JSON lines."""

from __future__ import annotations

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args, get_type_hints

import msgspec

from assay.errors import ConfigError, LedgerError
from assay.ledger.finished import AttemptRow, Wanted, pages
from assay.ledger.store import Ledger
from assay.parquet import MISSING, parquet_of
from assay.whole_file import exchanged

__all__ = ["write"]

_SQL = {float: "DOUBLE", int: "BIGINT", bool: "BOOLEAN"}


async def write(ledger: Ledger, wanted: Wanted, path: Path) -> int:
    """Write all attempts that are meant, oldest first, whole or not at all; returns how many.

    They pass through a file of JSON lines, so that memory never holds more than a page of them.

    Raises:
        ConfigError: the ending is none that is known, or Parquet's extra is missing.
        LedgerError: the ledger cannot be read, or the file not written.
    """
    writers = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl}
    write_from = writers.get(path.suffix.lower())
    if write_from is None:
        raise ConfigError(f"cannot export to {path}: name a file that ends in {', '.join(writers)}")
    count, encoder = 0, msgspec.json.Encoder()
    try:
        with exchanged(path) as part, TemporaryDirectory() as folder:
            lines = Path(folder) / "attempts.jsonl"
            with lines.open("wb") as file:
                async for page in pages(ledger, wanted):
                    file.writelines(encoder.encode(row) + b"\n" for row in page)
                    count += len(page)
            write_from(lines, part)
    except ImportError as error:
        raise ConfigError(MISSING) from error
    except OSError as error:
        raise LedgerError(f"cannot write {path}: {error.strerror or error}") from error
    return count


def _jsonl(lines: Path, path: Path) -> None:
    with lines.open("rb") as source, path.open("wb") as file:
        while piece := source.read(1 << 20):
            file.write(piece)


def _csv(lines: Path, path: Path) -> None:
    """What is not known is an empty cell."""
    with lines.open("rb") as source, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, AttemptRow.__struct_fields__)
        writer.writeheader()
        writer.writerows(map(msgspec.json.decode, source))


def _parquet(lines: Path, path: Path) -> None:
    hints = get_type_hints(AttemptRow)
    parquet_of(lines, {name: _sql(hints[name]) for name in AttemptRow.__struct_fields__}, path)


def _sql(hint: object) -> str:
    """The SQL type of a field that may be unknown; of a choice of words, text."""
    return next((_SQL[kind] for kind in (hint, *get_args(hint)) if kind in _SQL), "VARCHAR")
