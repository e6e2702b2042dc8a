"""What a webhook was told, or is to be told: each thing once, whichever of several processes notices it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import astuple

from assay.ledger.budgets import Line
from assay.ledger.rows import AlarmRow, AlertRow, Row
from assay.ledger.store import Ledger

__all__ = [
    "MOST_TRIES", "add_alert", "alarms_since", "alerts", "note_failed", "note_told", "settled_lines", "take_alert",
    "waiting",
]  # fmt: skip

MOST_TRIES = 20
"""With pauses that double up to ten minutes these are about three hours."""

_COLUMNS = AlertRow.__struct_fields__
_INSERT = f"insert into alerts ({', '.join(_COLUMNS)}) values ({', '.join('?' for _ in _COLUMNS)})"  # noqa: S608 - names of fields
_KNOWN = "select 1 from alerts where what = ? and about = ? and created_at >= ?"
_TAKE = (
    "update alerts set tries = tries + 1, next_at = ?1 + ?2 where id = (select id from alerts "  # noqa: S608 - names of fields
    "where told_at is null and next_at <= ?1 and tries < ?3 order by created_at, id limit 1) "
    f"returning {', '.join(_COLUMNS)}"
)


_WAITING = "select count(*) as alerts from alerts where told_at is null and tries < ?"


class _Count(Row, frozen=True, kw_only=True):
    alerts: int


class _Spent(Row, frozen=True, kw_only=True):
    scope: str
    period: str
    settled_pico: int


async def add_alert(ledger: Ledger, row: AlertRow, *, since: float = 0.0) -> bool:
    """Record what is to be told. False: the same has been told, or will be, since a time in seconds since 1970.

    Raises:
        LedgerError: the ledger cannot be written.
    """

    def operation(connection: sqlite3.Connection) -> bool:
        if connection.execute(_KNOWN, (row.what, row.about, since)).fetchone() is not None:
            return False
        connection.execute(_INSERT, astuple(row))
        return True

    return await ledger.write(operation, 512 + len(row.body))


async def take_alert(ledger: Ledger, now: float, for_s: float) -> AlertRow | None:
    """The oldest alert that is due, as one that is being tried; nobody else tries it for so long.

    Raises:
        LedgerError: the ledger cannot be written.
    """

    def operation(connection: sqlite3.Connection) -> AlertRow | None:
        rows = connection.execute(_TAKE, (now, for_s, MOST_TRIES)).fetchall()
        return msgspec.convert(dict(zip(_COLUMNS, rows[0], strict=True)), AlertRow, strict=False) if rows else None

    return await ledger.write(operation)


async def note_told(ledger: Ledger, alert_id: str, at: float) -> None:
    """Record that the webhook has taken it.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    statement = "update alerts set told_at = ?, error = null where id = ?"
    await ledger.write(lambda connection: connection.execute(statement, (at, alert_id)))


async def note_failed(ledger: Ledger, alert_id: str, error: str, next_at: float) -> None:
    """Record why the webhook has not, and when it is tried again.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    statement = "update alerts set next_at = ?, error = ? where id = ? and told_at is null"
    await ledger.write(lambda connection: connection.execute(statement, (next_at, error, alert_id)))


async def alerts(ledger: Ledger, limit: int = 50) -> list[AlertRow]:
    """The newest alerts, newest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(AlertRow, "select * from alerts order by created_at desc, id desc limit ?", (limit,))


async def waiting(ledger: Ledger) -> int:
    """How many have not been told and will be tried again.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return (await ledger.rows(_Count, _WAITING, (MOST_TRIES,)))[0].alerts


async def alarms_since(ledger: Ledger, since: float) -> list[AlarmRow]:
    """What `assay watch` has found from a time on, in seconds since 1970, oldest first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(AlarmRow, "select * from alarms where created_at >= ? order by created_at, id", (since,))


async def settled_lines(ledger: Ledger, periods: Iterable[str]) -> Mapping[Line, int]:
    """What has been spent on each line of the books in some periods, in picodollars.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    wanted = tuple(periods)
    marks = ", ".join("?" for _ in wanted)
    statement = f"select scope, period, settled_pico from spend where period in ({marks})"  # noqa: S608 - question marks
    rows = await ledger.rows(_Spent, statement, wanted)
    return {Line(row.scope, row.period): row.settled_pico for row in rows}
