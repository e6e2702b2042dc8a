"""How fast models ran on this machine: the newest measurement counts, and older ones are kept."""

from __future__ import annotations

from msgspec.structs import astuple

from assay.ledger.rows import MeasurementRow
from assay.ledger.store import Ledger

__all__ = ["add_measurement", "newest_measurements"]

_COLUMNS = MeasurementRow.__struct_fields__
_INSERT = f"insert into measurements ({', '.join(_COLUMNS)}) values ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names of fields


async def add_measurement(ledger: Ledger, row: MeasurementRow) -> None:
    """Record a measurement; returns when it is durable.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    await ledger.write(lambda connection: connection.execute(_INSERT, astuple(row)))


async def newest_measurements(ledger: Ledger, host: str) -> tuple[MeasurementRow, ...]:
    """What was measured on the machine of this name, the newest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    statement = "select * from measurements where host = ? order by created_at desc, id desc"
    return tuple(await ledger.rows(MeasurementRow, statement, (host,)))
