"""The table of batches: what waits is held over the life of processes, what was never sent is given back."""

from __future__ import annotations

import time

import pytest
from ledger_rows import a_settlement, an_intent, books, held_usd, look

from assay.ledger.batches import UNSENT, Batches
from assay.ledger.rows import BatchRow, Reply, new_id
from assay.ledger.store import SqliteLedger


def a_batch(**given: object) -> BatchRow:
    """A batch about to be sent."""
    values = {
        "id": new_id(), "created_at": time.time(), "deployment": "small", "dialect": "openai", "state": "sending",
        "items": 1, "body": b"[]",
    }  # fmt: skip
    return BatchRow(**{**values, **given})  # type: ignore[arg-type]


async def waiting(ledger: SqliteLedger, *bounds: float | None) -> tuple[BatchRow, list[str]]:
    """A batch with an attempt per bound."""
    row, attempts = a_batch(items=len(bounds)), [an_intent(bound, batch_id=UNSENT) for bound in bounds]
    for intent in attempts:
        await ledger.hold(intent)
    await Batches(ledger).send(row, [intent.id for intent in attempts])
    return row, [intent.id for intent in attempts]


async def test_a_batch_goes_from_state_to_state(ledger: SqliteLedger) -> None:
    """Sent, acknowledged, ended; an end is final, and nothing comes back to life."""
    batches = Batches(ledger)
    row, _ = await waiting(ledger, 1.0)
    [sent] = await batches.open()
    assert (sent.state, sent.provider_batch_id, await batches.is_being_sent(sent)) == ("sending", None, True)
    await batches.acknowledged(row.id, "host-1")
    [taken] = await batches.open()
    assert (taken.state, taken.provider_batch_id) == ("waiting", "host-1")
    assert await batches.known_to_hosts() == {"host-1"}
    await batches.ended(row.id, "done")
    await batches.ended(row.id, "failed", "too late")
    await batches.acknowledged(row.id, "host-2")
    [found] = await batches.begin_with(row.id[:20])
    assert (found.state, found.message, found.provider_batch_id) == ("done", None, "host-1")
    assert await batches.open() == []


async def test_counts_are_those_of_its_attempts(ledger: SqliteLedger) -> None:
    """Answered, failed, waiting, and what those with an end cost; unknown as soon as one is."""
    batches = Batches(ledger)
    row, [ok, bad, open_] = await waiting(ledger, 1.0, 1.0, None)
    assert [one.id for one in await batches.waiting(row.id)] == [ok, bad, open_]
    await ledger.settle(a_settlement(ok, 0.25, total_s=None), Reply(key="k", response=b"{}"))
    await ledger.settle(a_settlement(bad, 0.0, outcome="error", cost_basis="none"))
    counts = await batches.counts(row.id)
    assert (counts.running, counts.ok, counts.error, counts.usd) == (1, 1, 1, 0.25)
    await ledger.settle(a_settlement(open_, None, cost_basis="unknown"))
    assert (await batches.counts(row.id)).usd is None
    replayed = await ledger.cached_reply("k")
    assert replayed is not None
    assert (replayed.batched, replayed.cost_usd) == (True, 0.25)


@pytest.mark.parametrize("state", ["sending", "waiting"])
async def test_what_waits_stays_held_when_its_process_ends(ledger: SqliteLedger, state: str) -> None:
    """Neither charged nor let go, also where it is not known whether the host has it; another process settles it."""
    row, [attempt] = await waiting(ledger, 2.0)
    if state == "waiting":
        await Batches(ledger).acknowledged(row.id, "host-1")
    await ledger.hold(an_intent(1.0))
    await ledger.close()
    assert (books(ledger.path), held_usd(ledger.path)) == ([(1.0, 0.0)], 2.0)
    later = SqliteLedger(ledger.path)
    [open_] = await Batches(later).open()
    assert await Batches(later).is_being_sent(open_) is False
    await later.settle(a_settlement(attempt, 0.5))
    assert (books(ledger.path), held_usd(ledger.path)) == ([(1.5, 0.0)], 0.0)
    await later.close()


async def test_what_was_never_sent_is_given_back(ledger: SqliteLedger) -> None:
    """A process that ends with requests gathered charges nothing for them."""
    await ledger.hold(an_intent(2.0, batch_id=UNSENT))
    await ledger.close()
    assert (books(ledger.path), held_usd(ledger.path)) == ([], 0.0)
    assert look(ledger.path, "select outcome, cost_usd, cost_basis from attempts") == [("lost", 0.0, "none")]
