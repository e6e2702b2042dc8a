"""Rows of attempts and requests, written to SQLite one by one; all functions run inside a transaction."""

from __future__ import annotations

import sqlite3

from msgspec.structs import astuple

from assay.errors import LedgerError
from assay.ledger import leases
from assay.ledger.rows import Intent, RequestRow, Row, Settlement

__all__ = ["add_request", "begin_attempt", "end_request", "insertion", "settle_attempt"]


def insertion(table: str, kind: type[Row], verb: str = "insert", **more: str) -> str:
    """The statement that inserts a row's fields in their order (`astuple`), and columns that have a value in it."""
    columns = ", ".join((*kind.__struct_fields__, *more))
    values = ", ".join((*("?" for _ in kind.__struct_fields__), *more.values()))
    return f"{verb} into {table} ({columns}) values ({values})"


_BEGIN = insertion("attempts", Intent, session_id="?", outcome="'running'", cost_basis="'held'")
_REQUEST = insertion("requests", RequestRow, session_id="?")
_CHANGES = ", ".join(f"{name} = ?{n}" for n, name in enumerate(Settlement.__struct_fields__, 1) if name != "id")
_SETTLE = (
    f"update attempts set {_CHANGES} where id = ?1 and outcome = 'running' "  # noqa: S608 - names of fields
    "returning session_id, started_at, scopes, batch_id"
)


def begin_attempt(connection: sqlite3.Connection, intent: Intent, session_id: str) -> None:
    """Add an attempt that runs."""
    connection.execute(_BEGIN, (*astuple(intent), session_id))


def settle_attempt(connection: sqlite3.Connection, settlement: Settlement) -> None:
    """Note what came of an attempt, and charge it.

    Raises:
        LedgerError: it does not run.
    """
    found = connection.execute(_SETTLE, astuple(settlement)).fetchall()
    if not found:
        raise LedgerError(f"attempt {settlement.id} is not open; it can be settled once")
    ((session_id, started_at, scopes, batch_id),) = found
    leases.charge(connection, [leases.charge_of(session_id, started_at, scopes, batch_id, settlement.cost_usd)])


def add_request(connection: sqlite3.Connection, row: RequestRow, session_id: str) -> None:
    """Add a request that is over."""
    connection.execute(_REQUEST, (*astuple(row), session_id))


def end_request(connection: sqlite3.Connection, settlement: Settlement, row: RequestRow, session_id: str) -> None:
    """Settle an attempt, and add the request that is over with it.

    Raises:
        LedgerError: the attempt does not run.
    """
    settle_attempt(connection, settlement)
    add_request(connection, row, session_id)
