"""An attempt's way through the ledger: held before it is sent, settled once, listed with its request."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from ledger_rows import a_request, a_settlement, an_intent, change, folded, limited, look
from msgspec.structs import replace

from assay.errors import LedgerError
from assay.ledger.budgets import period_of
from assay.ledger.rows import Reply, Settlement, new_id
from assay.ledger.store import SqliteLedger


async def test_a_hold_is_durable_and_running(ledger: SqliteLedger) -> None:
    """What was held is a running attempt for other connections too, and its money is held."""
    intent = an_intent(0.5, kind="sql", run_id="run", sample_id="7", passed_through=True)
    await ledger.hold(intent, limited(10.0))
    await folded(ledger)
    rows = look(
        ledger.path, "select id, outcome, reserved_usd, cost_usd, cost_basis, kind, passed_through from attempts"
    )
    assert rows == [(intent.id, "running", 0.5, None, "held", "sql", 1)]
    assert (await ledger.spent()).held_usd == 0.5


async def test_settling_exchanges_the_hold_for_the_cost(ledger: SqliteLedger) -> None:
    """After settlement nothing is held, and exactly the cost is spent."""
    intent = an_intent(0.5)
    await ledger.hold(intent, limited(10.0))
    await ledger.settle(a_settlement(intent.id, 0.2))
    spent = await ledger.spent()
    assert (spent.settled_usd, spent.held_usd) == (0.2, 0.0)


async def test_every_field_of_a_settlement_is_kept(ledger: SqliteLedger) -> None:
    """Each field of `Settlement` comes back from the attempt's row as it was given."""
    intent = an_intent()
    await ledger.hold(intent)
    given = Settlement(
        id=intent.id, outcome="error", total_s=1.5, cost_usd=0.1, cost_basis="bound", first_event_s=0.2,
        error="RateLimited", message="slow down", status=429, finish="stop", input_tokens=1, cached_tokens=2,
        cache_write_tokens=3, output_tokens=4, reasoning_tokens=5, engine_s=0.3, sent_bytes=6, received_bytes=7,
        provider_request_id="req_1",
    )  # fmt: skip
    await ledger.settle(given)
    [row] = await ledger.attempts()
    assert {name: row[name] for name in given.__struct_fields__} == {
        name: getattr(given, name) for name in given.__struct_fields__
    }


async def test_an_unknown_attempt_cannot_be_settled(ledger: SqliteLedger) -> None:
    """Settling what was never held is an error that names the attempt, and spends nothing."""
    with pytest.raises(LedgerError, match="attempt nobody is not open"):
        await ledger.settle(a_settlement("nobody", 5.0))
    assert (await ledger.spent()).settled_usd == 0.0


async def test_an_attempt_is_settled_once(ledger: SqliteLedger) -> None:
    """The second settlement is refused and changes neither the row nor the money."""
    intent = an_intent()
    await ledger.hold(intent)
    await ledger.settle(a_settlement(intent.id, 0.25))
    with pytest.raises(LedgerError, match="settled once"):
        await ledger.settle(a_settlement(intent.id, 0.75, outcome="error"))
    [row] = await ledger.attempts()
    assert (row["outcome"], row["cost_usd"]) == ("ok", 0.25)
    assert (await ledger.spent()).settled_usd == 0.25


async def test_an_attempt_is_held_once(ledger: SqliteLedger) -> None:
    """A second hold under the same id is refused and holds no money."""
    intent = an_intent(0.5)
    await ledger.hold(intent)
    with pytest.raises(LedgerError, match="held once"):
        await ledger.hold(intent)
    assert (await ledger.spent()).held_usd == 0.5


async def test_reply_and_settlement_are_one_transaction(ledger: SqliteLedger) -> None:
    """A reply is in the cache when its attempt is settled, and not when the settlement is refused."""
    intent = an_intent()
    await ledger.hold(intent)
    settlement = a_settlement(intent.id, 0.25, engine_s=1.5)
    await ledger.settle(settlement, Reply(key="key", response=b"\x00answer"))
    found = await ledger.cached_reply("key")
    assert found is not None
    assert (found.response, found.cost_usd, found.cost_basis, found.engine_s) == (b"\x00answer", 0.25, "measured", 1.5)
    with pytest.raises(LedgerError):
        await ledger.settle(settlement, Reply(key="other", response=b"never"))
    assert await ledger.cached_reply("other") is None


async def test_a_reply_that_cannot_be_written_leaves_the_attempt_open(ledger: SqliteLedger) -> None:
    """When the cache refuses its row, the settlement is undone with it and can be tried again."""
    intent = an_intent(0.5)
    await ledger.hold(intent)
    change(
        ledger.path, "create trigger full before insert on replies begin select raise(abort, 'no more replies'); end"
    )
    with pytest.raises(LedgerError, match="no more replies"):
        await ledger.settle(a_settlement(intent.id), Reply(key="key", response=b"x"))
    [row] = await ledger.attempts()
    assert row["outcome"] == "running"
    assert (await ledger.spent()).held_usd == 0.5
    await ledger.settle(a_settlement(intent.id))
    assert (await ledger.spent()).held_usd == 0.0


async def test_a_reply_whose_attempt_is_gone_has_an_unknown_cost(ledger: SqliteLedger) -> None:
    """Rows may be removed; then what the cached answer cost is unknown, not 0."""
    intent = an_intent()
    await ledger.hold(intent)
    await ledger.settle(a_settlement(intent.id), Reply(key="key", response=b"x"))
    change(ledger.path, "delete from attempts")
    found = await ledger.cached_reply("key")
    assert found is not None
    assert (found.cost_usd, found.cost_basis) == (None, "unknown")


async def test_clearing_the_cache_keeps_the_attempts(ledger: SqliteLedger) -> None:
    """`clear_replies` says how many answers it deleted and deletes nothing else."""
    for key in ("a", "b"):
        intent = an_intent()
        await ledger.hold(intent)
        await ledger.settle(a_settlement(intent.id), Reply(key=key, response=b"x"))
    assert await ledger.clear_replies() == 2
    assert await ledger.clear_replies() == 0
    assert len(await ledger.attempts()) == 2


async def test_a_request_is_recorded_once(ledger: SqliteLedger, caplog: pytest.LogCaptureFixture) -> None:
    """A finished request has one row with its session; the same id again changes nothing, and the log says so."""
    row = a_request(answered_by="attempt", deployment="small")
    await ledger.close_request(row)
    await folded(ledger)
    [found] = look(ledger.path, "select id, target, cached, answered_by, session_id is not null from requests")
    assert found == (row.id, "support", 0, "attempt", 1)
    await ledger.close_request(replace(row, outcome="failed"))
    other = a_request()
    await ledger.close_request(other)
    await folded(ledger)
    assert dict(look(ledger.path, "select id, outcome from requests")) == {row.id: "answered", other.id: "answered"}
    assert "UNIQUE constraint failed: requests.id" in caplog.text


async def test_attempts_are_filtered_newest_first(ledger: SqliteLedger) -> None:
    """Every filter of `attempts` narrows the list; the newest come first; `limit` cuts."""
    now = time.time()
    for age, kind in ((30, "sql"), (20, "sql"), (10, "triage")):
        await ledger.hold(an_intent(None, kind=kind, started_at=now - age, request_id=f"r{age}", run_id=f"run{age}"))
    assert [row["request_id"] for row in await ledger.attempts()] == ["r10", "r20", "r30"]
    assert [row["request_id"] for row in await ledger.attempts(limit=1)] == ["r10"]
    assert [row["request_id"] for row in await ledger.attempts(kind="sql")] == ["r20", "r30"]
    assert [row["request_id"] for row in await ledger.attempts(since=now - 15)] == ["r10"]
    assert [row["request_id"] for row in await ledger.attempts(run_id="run30", outcome="running")] == ["r30"]
    assert await ledger.attempts(outcome="ok") == []
    assert await ledger.attempts(deployment="'; drop table attempts; --") == []
    assert await ledger.attempts(request_id="r30", deployment="small") != []


@pytest.mark.parametrize("value", [10**30, "\ud800"])
async def test_a_value_that_sqlite_cannot_hold_fails_alone(ledger: SqliteLedger, value: object) -> None:
    """A number of 100 bits or half a surrogate pair from a provider is an error of its row, and the writer lives on."""
    intent = an_intent()
    await ledger.hold(intent)
    key = "input_tokens" if isinstance(value, int) else "message"
    with pytest.raises(LedgerError, match="cannot be written"):
        await asyncio.wait_for(ledger.settle(a_settlement(intent.id, **{key: value})), 5)
    await asyncio.wait_for(ledger.settle(a_settlement(intent.id)), 5)


def test_ids_sort_by_time() -> None:
    """An id made later sorts later, and no two are equal."""
    first = new_id()
    time.sleep(0.002)
    assert first < new_id()
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_period_is_a_month_in_utc() -> None:
    """The last second of a month belongs to it in UTC, wherever the machine is."""
    end = datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert period_of(end - 1, "month") == "2026-11"
    assert period_of(end, "month") == "2026-12"
