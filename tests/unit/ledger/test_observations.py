"""What `assay watch` has seen, and its alarms, in the ledger."""

from __future__ import annotations

from typing import Any

import pytest

from assay.errors import LedgerError
from assay.ledger.observations import add_alarm, add_observations, alarms, observations
from assay.ledger.rows import AlarmRow, ObservationRow
from assay.ledger.store import SqliteLedger


def observed(number: int, **other: Any) -> ObservationRow:
    """One answer."""
    row: dict[str, Any] = {
        "id": f"o{number}", "created_at": float(number), "target": "t", "watch": "w", "item": "s1", "kind": "k",
        "what": "canary", "value": 1.0, "answer_sha256": "a", "request_id": "r",
    }  # fmt: skip
    return ObservationRow(**row | other)


def alarm(number: int, **other: Any) -> AlarmRow:
    """One alarm."""
    row: dict[str, Any] = {
        "id": f"a{number}", "created_at": float(number), "target": "t", "watch": "w", "what": "border", "since": 1.0,
        "body": b"{}",
    }  # fmt: skip
    return AlarmRow(**row | other)


async def test_answers_of_a_watch_come_back_oldest_first(ledger: SqliteLedger) -> None:
    """As they were written; those of another watch, and older ones, are left out."""
    rows = [observed(3), observed(1, value=None, answer_sha256=None, request_id=None), observed(2, what="border")]
    await add_observations(ledger, [*rows, observed(4, watch="other")])
    assert await observations(ledger, "w") == [rows[1], rows[2], rows[0]]
    assert await observations(ledger, "w", since=2.0) == [rows[2], rows[0]]


async def test_alarms_of_a_target_come_back_newest_first(ledger: SqliteLedger) -> None:
    """Those of earlier watches too."""
    for row in (alarm(1, watch="earlier"), alarm(2, since=None), alarm(3, target="other")):
        await add_alarm(ledger, row)
    assert [row.id for row in await alarms(ledger, "t")] == ["a2", "a1"]


async def test_an_answer_is_recorded_once(ledger: SqliteLedger) -> None:
    """The same id again is a mistake that is told."""
    await add_observations(ledger, [observed(1)])
    with pytest.raises(LedgerError):
        await add_observations(ledger, [observed(1)])
