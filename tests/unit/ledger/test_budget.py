"""Money: what is settled and held together never exceeds the limit."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_rows import a_settlement, an_intent, limited, look

from assay.errors import BudgetExceeded, LedgerError
from assay.ledger.budgets import period_of
from assay.ledger.store import SqliteLedger


async def test_a_hold_that_does_not_fit_is_refused(ledger: SqliteLedger) -> None:
    """Settled + held + bound above the limit is refused, with the figures, and leaves no row."""
    first = an_intent(4.0)
    await ledger.hold(first, limited(10.0))
    await ledger.settle(a_settlement(first.id, 3.0))
    await ledger.hold(an_intent(5.0), limited(10.0))
    with pytest.raises(BudgetExceeded) as raised:
        await ledger.hold(an_intent(2.5), limited(10.0), until=0.0)
    error = raised.value
    assert (error.need_usd, error.spent_usd, error.held_usd, error.limit_usd) == (2.5, 3.0, 5.0, 10.0)
    assert (error.scope, error.period) == ("everything", period_of(time.time(), "month"))
    assert len(await ledger.attempts()) == 2
    assert (await ledger.spent()).held_usd == 5.0


async def test_a_hold_that_fits_exactly_is_taken(ledger: SqliteLedger) -> None:
    """The limit itself may be reached."""
    await ledger.hold(an_intent(4.0), limited(10.0))
    await ledger.hold(an_intent(6.0), limited(10.0))
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(0.01), limited(10.0), until=0.0)


async def test_settling_makes_room(ledger: SqliteLedger) -> None:
    """A call that cost less than its bound gives the difference back."""
    intent = an_intent(9.0)
    await ledger.hold(intent, limited(10.0))
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(2.0), limited(10.0), until=0.0)
    await ledger.settle(a_settlement(intent.id, 1.0))
    await ledger.hold(an_intent(9.0), limited(10.0))


async def test_fifty_holds_at_once_never_overspend(ledger: SqliteLedger) -> None:
    """Of 50 concurrent holds of 1 USD under 7 USD, exactly 7 are taken."""
    fifty = (ledger.hold(an_intent(1.0), limited(7.0), until=0.0) for _ in range(50))
    results = await asyncio.gather(*fifty, return_exceptions=True)
    assert sum(result is None for result in results) == 7
    assert all(result is None or isinstance(result, BudgetExceeded) for result in results)
    assert (await ledger.spent()).held_usd == 7.0
    assert len(await ledger.attempts()) == 7


async def test_two_ledgers_on_one_file_share_the_budget(ledger: SqliteLedger) -> None:
    """Two connections that race for the same money get it once."""
    other = SqliteLedger(ledger.path)
    try:
        soon = asyncio.get_running_loop().time() + 0.5
        both = [one.hold(an_intent(1.0), limited(7.0), until=soon) for _ in range(25) for one in (ledger, other)]
        results = await asyncio.gather(*both, return_exceptions=True)
        assert sum(result is None for result in results) == 7
    finally:
        await other.close()


async def test_without_a_limit_money_is_still_counted(ledger: SqliteLedger) -> None:
    """A hold without a limit is never refused but counts against a later limit."""
    await ledger.hold(an_intent(100.0))
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(1.0), limited(50.0), until=0.0)


async def test_an_unknown_bound_holds_nothing_but_needs_room(ledger: SqliteLedger) -> None:
    """A call whose bound nobody knows holds no money, and is refused once the budget is overdrawn."""
    await ledger.hold(an_intent(None), limited(1.0))
    assert (await ledger.spent()).held_usd == 0.0
    await ledger.hold(an_intent(2.0))
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(None), limited(1.0), until=0.0)


async def test_an_unknown_cost_stays_unknown(ledger: SqliteLedger) -> None:
    """A settlement without a cost leaves NULL in the row, never 0, and lets go of the hold."""
    intent = an_intent(0.5)
    await ledger.hold(intent)
    await ledger.settle(a_settlement(intent.id, None, cost_basis="unknown"))
    [row] = await ledger.attempts()
    assert (row["cost_usd"], row["cost_basis"]) == (None, "unknown")
    assert (await ledger.spent()).held_usd == 0.0


async def test_a_bound_that_is_no_number_is_refused(ledger: SqliteLedger) -> None:
    """NaN compares with nothing, so it must not slip past the limit."""
    with pytest.raises((LedgerError, BudgetExceeded)):
        await ledger.hold(an_intent(float("nan")), limited(1.0))
    assert await ledger.attempts() == []


async def test_last_months_money_is_not_this_months(ledger: SqliteLedger) -> None:
    """A budget is per calendar month; an attempt is charged to the month it began in, also when it ends later."""
    before = time.time() - 40 * 86400
    old = an_intent(9.0, started_at=before)
    await ledger.hold(old, limited(10.0))
    await ledger.hold(an_intent(9.0), limited(10.0))
    await ledger.settle(a_settlement(old.id, 8.0))
    assert (await ledger.spent()).settled_usd == 0.0
    assert look(ledger.path, "select settled_pico from spend where period = ?", period_of(before, "month")) == [
        (8 * 10**12,)
    ]


@settings(max_examples=25, deadline=None)
@given(
    bounds=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=12),
    shares=st.lists(st.floats(0.0, 1.0), min_size=12, max_size=12),
)
def test_any_order_of_holds_and_settlements_stays_below_the_limit(bounds: list[float], shares: list[float]) -> None:
    """Whatever is held and settled in between, the books never show more than the limit, and nothing stays held."""
    import tempfile

    async def scenario(folder: str) -> None:
        ledger = SqliteLedger(f"{folder}/ledger.db")
        try:
            taken = []
            for bound, share in zip(bounds, shares, strict=False):
                intent = an_intent(bound)
                try:
                    await ledger.hold(intent, limited(4.0), until=0.0)
                except BudgetExceeded:
                    continue
                taken.append((intent, bound * share))
                if share < 0.5:
                    one, cost = taken.pop(0)
                    await ledger.settle(a_settlement(one.id, cost))
                spent = await ledger.spent()
                assert spent.settled_usd + spent.held_usd <= 4.0 + 1e-9
            for one, cost in taken:
                await ledger.settle(a_settlement(one.id, cost))
            assert (await ledger.spent()).held_usd == pytest.approx(0.0, abs=1e-9)
        finally:
            await ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(folder))
