"""Kept exchanges: they come back whole and in order, are read page by page, and are forgotten in time."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest
from ledger_rows import a_request, look

from assay.errors import LedgerError
from assay.ledger.exchanges import Exchanges, id_at
from assay.ledger.feedback import Feedback
from assay.ledger.rows import ExchangeRow, FeedbackRow, new_id
from assay.ledger.store import SqliteLedger


def an_exchange(request_id: str, **given: Any) -> ExchangeRow:
    """One that a route has kept."""
    values: dict[str, Any] = {
        "created_at": 1.0, "target": "support", "kind": "sql", "label": "private-only", "deployment": "small",
        "redacted": 2, "request": b"\x78\x9c\x00\xff", "answer": "[]",
    }  # fmt: skip
    return ExchangeRow(request_id=request_id, **{**values, **given})


def a_feedback(request_id: str, **given: Any) -> FeedbackRow:
    """One verdict."""
    return FeedbackRow(**{"id": new_id(), "request_id": request_id, "created_at": 1.0, "verdict": "accepted", **given})


async def ids_of(exchanges: Exchanges, **given: Any) -> list[str]:
    """The ids that pages hold, in their order."""
    return [row.request_id async for page in exchanges.pages(**given) for row in page]


async def test_an_exchange_comes_back_as_it_was(ledger: SqliteLedger) -> None:
    """Every field survives, and the beginning of an id is enough."""
    exchanges, row = Exchanges(ledger), an_exchange(new_id(), kind=None, deployment=None, answer="é 🙂")
    await exchanges.add(row)
    assert await exchanges.one(row.request_id[:12]) == row
    assert await exchanges.one("f" * 32) is None
    assert await exchanges.some([row.request_id, "nothing"]) == {row.request_id: row}


async def test_pages_hold_everything_once_and_in_order(ledger: SqliteLedger) -> None:
    """More than two pages come oldest first, none twice, none missing."""
    exchanges = Exchanges(ledger)
    ids = [f"{n:032x}" for n in range(1, 251)]
    await asyncio.gather(*(exchanges.add(an_exchange(request_id)) for request_id in reversed(ids)))
    assert await ids_of(exchanges) == ids
    sizes = [len(page) async for page in exchanges.pages()]
    assert max(sizes) == 100


async def test_pages_can_be_narrowed(ledger: SqliteLedger) -> None:
    """By time, target, kind (a missing one is the target's name) and whether somebody said something."""
    exchanges, feedback = Exchanges(ledger), Feedback(ledger)
    old, new, other = id_at(1000.0) + "a" * 20, id_at(2000.0) + "b" * 20, id_at(3000.0) + "c" * 20
    await exchanges.add(an_exchange(old))
    await exchanges.add(an_exchange(new, kind=None))
    await exchanges.add(an_exchange(other, target="desk"))
    await feedback.add(a_feedback(old))
    assert await ids_of(exchanges, since_s=1500.0) == [new, other]
    assert await ids_of(exchanges, target="desk") == [other]
    assert await ids_of(exchanges, kind="support") == [new]
    assert await ids_of(exchanges, kind="sql", target="support") == [old]
    assert await ids_of(exchanges, with_feedback_only=True) == [old]


async def test_what_is_old_is_forgotten(ledger: SqliteLedger) -> None:
    """Bodies and words of feedback go at their time and are not left in the file; verdicts and figures stay."""
    exchanges, feedback = Exchanges(ledger), Feedback(ledger)
    old, new = id_at(1000.0) + "a" * 20, id_at(5000.0) + "b" * 20
    for request_id in (old, new):
        await exchanges.add(an_exchange(request_id, answer=f"the words of {request_id}"))
        given = {"verdict": "edited", "correction": f"better {request_id}", "comment": "why", "metric": "stars"}
        await feedback.add(a_feedback(request_id, value=4.0, **given))
    assert await exchanges.forget(2000.0) == 1
    assert await ids_of(exchanges) == [new]
    kept = {row.request_id: row for rows in (await feedback.of([old, new])).values() for row in rows}
    assert (kept[old].correction, kept[old].comment) == (None, None)
    assert (kept[old].verdict, kept[old].value) == ("edited", 4.0)
    assert kept[new].correction == f"better {new}"
    await ledger.close()
    assert f"the words of {old}".encode() not in ledger.path.read_bytes()
    assert f"the words of {new}".encode() in ledger.path.read_bytes()


async def test_forgetting_takes_all_that_is_old(ledger: SqliteLedger) -> None:
    """More than goes in one transaction is gone in the end."""
    exchanges = Exchanges(ledger)
    await asyncio.gather(*(exchanges.add(an_exchange(id_at(1000.0) + f"{n:020x}")) for n in range(1100)))
    assert await exchanges.forget(2000.0) == 1100
    assert await exchanges.forget(2000.0) == 0


async def test_feedback_is_kept_in_the_order_in_which_it_came(ledger: SqliteLedger) -> None:
    """Several verdicts on one request stand beside each other, the last one last, of each request apart."""
    feedback = Feedback(ledger)
    rows = [a_feedback("a", id="1"), a_feedback("b", id="2"), a_feedback("a", id="3", verdict="rejected")]
    for row in rows:
        await feedback.add(row)
    assert await feedback.of(["a", "b", "c"]) == {"a": [rows[0], rows[2]], "b": [rows[1]]}


async def test_requests_are_found_by_the_beginning_of_their_id(ledger: SqliteLedger) -> None:
    """One that fits is meant; of several two are told, so that nobody takes one for the other."""
    feedback = Feedback(ledger)
    first, second = a_request(id="ab" + "0" * 30), a_request(id="ab" + "1" * 30)
    await ledger.close_request(first)
    await ledger.close_request(second)
    assert await feedback.requests(first.id) == [first]
    assert await feedback.requests("ab1") == [second]
    assert len(await feedback.requests("ab")) == 2
    assert await feedback.requests("cd") == []


async def test_a_row_that_cannot_be_written_is_an_error(ledger: SqliteLedger) -> None:
    """The writer hears of it, and what else was written stays."""
    exchanges = Exchanges(ledger)
    with pytest.raises(LedgerError, match="surrogate"):
        await exchanges.add(an_exchange("a", answer="\ud800"))
    await exchanges.add(an_exchange("b"))
    assert look(ledger.path, "select request_id from exchanges") == [("b",)]


async def test_the_plan_uses_the_key(ledger: SqliteLedger) -> None:
    """Reading a span of time and forgetting it search by key and never read the whole table."""
    connection = sqlite3.connect(ledger.path)
    plan = connection.execute("explain query plan delete from exchanges where request_id < 'a'").fetchall()
    connection.close()
    assert "USING PRIMARY KEY" in str(plan)
