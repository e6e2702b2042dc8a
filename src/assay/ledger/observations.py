"""What `assay watch` has seen, and the alarms that it has raised."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from assay.ledger.rows import AlarmRow, ObservationRow
from assay.ledger.store import Ledger

__all__ = ["add_alarm", "add_observations", "alarms", "observations"]


def _insertion(table: str, columns: Sequence[str]) -> str:
    return f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' for _ in columns)})"  # noqa: S608 - names of fields


_OBSERVE = _insertion("observations", ObservationRow.__struct_fields__)
_ALARM = _insertion("alarms", AlarmRow.__struct_fields__)


async def add_observations(ledger: Ledger, rows: Sequence[ObservationRow]) -> None:
    """Record some answers together; returns when they are durable.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    values = [astuple(row) for row in rows]
    await ledger.write(lambda connection: connection.executemany(_OBSERVE, values), 256 * len(rows))


async def observations(ledger: Ledger, watch: str, *, since: float = 0.0) -> list[ObservationRow]:
    """The answers of a watch from a time on, oldest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    statement = "select * from observations where watch = ? and created_at >= ? order by created_at, id"
    return await ledger.rows(ObservationRow, statement, (watch, since))


async def add_alarm(ledger: Ledger, row: AlarmRow) -> None:
    """Record an alarm; returns when it is durable.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    await ledger.write(lambda connection: connection.execute(_ALARM, astuple(row)), 256 + len(row.body))


async def alarms(ledger: Ledger, target: str) -> list[AlarmRow]:
    """The alarms of a deployment or route, newest first, those of earlier watches included.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    statement = "select * from alarms where target = ? order by created_at desc, id desc"
    return await ledger.rows(AlarmRow, statement, (target,))
