"""How fast models ran on this machine: the newest measurement counts, and older ones are kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import astuple

from assay.errors import LedgerError
from assay.ledger.rows import MeasurementRow

if TYPE_CHECKING:
    from assay.ledger.store import Ledger

__all__ = ["add_measurement", "newest_measurements"]

_COLUMNS = MeasurementRow.__struct_fields__
_INSERT = f"insert into measurements ({', '.join(_COLUMNS)}) values ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names of fields
_NEWEST = "select * from measurements where host = ? order by created_at desc, id desc"
_THERE = "select 1 from sqlite_master where type = 'table' and name = 'measurements'"


async def add_measurement(ledger: Ledger, row: MeasurementRow) -> None:
    """Record a measurement; returns when it is durable.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    await ledger.write(lambda connection: connection.execute(_INSERT, astuple(row)))


def newest_measurements(path: Path, host: str) -> tuple[MeasurementRow, ...]:
    """What a ledger holds of the machine of this name, the newest first.

    The file is only read, and not brought to this version: one that is older, or not there, holds none. Nothing is
    awaited, so that a command which only looks starts quickly.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    if not path.exists():
        return ()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            if not connection.execute(_THERE).fetchone():
                return ()
            found = connection.execute(_NEWEST, (host,))
            names = [column[0] for column in found.description]  # an older file lacks some
            rows = found.fetchall()
    except sqlite3.Error as error:
        raise LedgerError(f"cannot read the ledger {path}: {error}") from error
    return tuple(msgspec.convert(dict(zip(names, row, strict=True)), MeasurementRow, strict=False) for row in rows)
