"""Attempts for which nothing is sent: one row, settled from the start."""

from __future__ import annotations

import sqlite3

import pytest
from ledger_rows import folded

from assay.errors import LedgerError
from assay.ledger.rows import Intent, Settlement, new_id
from assay.ledger.store import SqliteLedger


def intent(key: str) -> Intent:
    """An attempt answered from the cache."""
    return Intent(
        id=key, request_id="r", path="0", route="r", deployment="d", model="m", dialect="local", kind=None,
        label="unlabelled", started_at=0.0, passed_through=False, reserved_usd=None,
    )  # fmt: skip


def settlement(key: str) -> Settlement:
    """What came of it."""
    return Settlement(id=key, outcome="cached", total_s=0.0, cost_usd=0.0, cost_basis="none")


async def test_it_is_never_open(ledger: SqliteLedger) -> None:
    """A crash cannot leave it running: the row and its settlement are one write, and no money is touched."""
    key = new_id()
    await ledger.record(intent(key), settlement(key))
    await folded(ledger)
    with sqlite3.connect(ledger.path) as connection:
        rows = connection.execute("select outcome, cost_usd, cost_basis from attempts").fetchall()
        spend = connection.execute("select count(*) from spend").fetchone()
    connection.close()
    assert rows == [("cached", 0.0, "none")]
    assert spend == (0,)


async def test_a_wrong_settlement_takes_the_row_with_it(ledger: SqliteLedger) -> None:
    """Both or neither: a settlement of another attempt leaves no open row behind."""
    key = new_id()
    with pytest.raises(LedgerError):
        await ledger.record(intent(key), settlement(new_id()))
    assert await ledger.attempts() == []
