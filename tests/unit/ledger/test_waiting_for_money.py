"""Nothing is refused that fits once running requests have settled, and nothing is spent beyond a budget."""

import asyncio
import gc
import random
import sqlite3
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from ledger_rows import a_settlement, an_intent, change, limited, look

from assay.errors import BudgetExceeded, LedgerError
from assay.ledger.budgets import Budget, Per, lines_of
from assay.ledger.holding import Holding
from assay.ledger.rows import Intent
from assay.ledger.store import SqliteLedger


async def taken(task: "asyncio.Task[Any]") -> bool:
    """Whether a hold is through, after the turns that it needs."""
    for _ in range(20):
        await asyncio.sleep(0.001)
    return task.done()


def holding(ledger: SqliteLedger, intent: Intent, *budgets: Budget, within_s: float = 5.0) -> "asyncio.Task[None]":
    """A hold on its way."""
    until = asyncio.get_running_loop().time() + within_s
    return asyncio.create_task(ledger.hold(intent, budgets, until=until))


async def most_usd(ledger: SqliteLedger, scope: str) -> float:
    """What is settled on a line, and set aside by anybody."""
    await ledger.attempts()  # what is in the journal is folded
    [(pico,)] = look(
        ledger.path,
        "select coalesce((select sum(settled_pico) from spend where scope = ?1), 0) + "
        "coalesce((select sum(max(0, pico)) from leases where scope = ?1), 0)",
        scope,
    )
    return float(pico) / 1e12


async def test_32_clients_near_a_limit_are_all_served_in_time(ledger: SqliteLedger) -> None:
    """Each call is bounded at 1 USD and costs 0.03: under 2 USD all 64 fit, two at a time, and none is refused."""
    draw, at_once, most = random.Random(1), 0, 0  # noqa: S311 - of delays

    async def client() -> None:
        nonlocal at_once, most
        for _ in range(2):
            intent = an_intent(1.0)
            await ledger.hold(intent, limited(2.0 + 64 * 0.03))
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(draw.random() * 0.004)
            at_once -= 1
            await ledger.settle(a_settlement(intent.id, 0.03))

    await asyncio.gather(*(client() for _ in range(32)))
    assert 2 <= most <= 3
    assert await most_usd(ledger, "everything") <= 2.0 + 64 * 0.03
    spent = await ledger.spent()
    assert (spent.settled_usd, spent.held_usd) == (pytest.approx(64 * 0.03), 0.0)


@pytest.mark.parametrize("durability", ["fsync", "relaxed"])
async def test_money_is_as_exact_however_durable_rows_are(
    tmp_path: Path, durability: Literal["fsync", "relaxed"]
) -> None:
    """Near a limit all are served and nothing is overspent, and a ledger that was closed has it all on record."""
    ledger = SqliteLedger(tmp_path / "ledger.db", durability)

    async def client() -> None:
        for _ in range(2):
            intent = an_intent(1.0)
            await ledger.hold(intent, limited(2.0))
            await ledger.settle(a_settlement(intent.id, 0.03125))

    await asyncio.gather(*(client() for _ in range(16)))
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(1.0 + 1e-12), limited(2.0))
    await ledger.close()
    assert look(ledger.path, "select settled_pico from spend") == [(10**12,)]
    assert look(ledger.path, "select * from leases") == []


async def test_who_could_never_fit_is_refused_at_once(ledger: SqliteLedger) -> None:
    """Waiting would not help, and the error says what was spent, what is held and what to do."""
    running = an_intent(0.5)
    await ledger.hold(running, limited(1.0))
    done = an_intent(0.5)
    await ledger.hold(done, limited(1.0))
    await ledger.settle(a_settlement(done.id, 0.25))
    began = time.monotonic()
    with pytest.raises(BudgetExceeded, match="max_tokens") as raised:
        await ledger.hold(an_intent(0.8), limited(1.0))
    assert time.monotonic() - began < 1
    error = raised.value
    assert (error.spent_usd, error.held_usd, error.limit_usd, error.need_usd) == (0.25, 0.5, 1.0, 0.8)


async def test_a_budget_of_nothing_lets_nothing_through_that_is_billed(ledger: SqliteLedger) -> None:
    """0 USD is a limit like another; what nobody bills is no matter of money."""
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(1e-9), limited(0.0))
    await ledger.hold(an_intent(0.0), limited(0.0))
    await ledger.hold(an_intent(None), limited(0.0))


async def test_sums_beyond_what_a_column_holds_stop_nothing(ledger: SqliteLedger) -> None:
    """A price that is wrong by orders of magnitude fills the column and no more; a limit of billions is one."""
    for _ in range(12):
        intent = an_intent(1e9)
        await ledger.hold(intent)
        await ledger.settle(a_settlement(intent.id, 1e9))
    await ledger.hold(an_intent(1.0), (Budget("key:a", 1e10),), until=0.0)
    assert [row["outcome"] for row in await ledger.attempts()].count("ok") == 12
    assert look(ledger.path, "select settled_pico from spend where scope = 'everything'") == [(2**62,)]


async def test_a_millionth_and_dust_fit_exactly(ledger: SqliteLedger) -> None:
    """A budget of 1e-6 USD pays ten calls of 1e-7, and one of 0.3 USD pays 0.1 and 0.2."""
    for _ in range(10):
        await ledger.hold(an_intent(1e-7), (Budget("key:a", 1e-6),), until=0.0)
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(1e-12), (Budget("key:a", 1e-6),), until=0.0)
    for bound in (0.1, 0.2):
        await ledger.hold(an_intent(bound), (Budget("key:b", 0.3),), until=0.0)


async def test_it_waits_no_longer_than_it_may(ledger: SqliteLedger) -> None:
    """What runs too long is not waited for beyond the time that was given; the error says how long it was."""
    await ledger.hold(an_intent(1.0), limited(1.0))
    began = asyncio.get_running_loop().time()
    with pytest.raises(BudgetExceeded, match=r"running requests held the rest for 0\.\d s"):
        await ledger.hold(an_intent(0.5), limited(1.0), until=began + 0.1)
    assert 0.1 <= asyncio.get_running_loop().time() - began < 1


async def test_a_large_one_is_not_starved_by_small_ones(ledger: SqliteLedger) -> None:
    """First come, first served: what becomes free is kept for who has waited longest."""
    first = [an_intent(0.5), an_intent(0.5)]
    for intent in first:
        await ledger.hold(intent, limited(1.0))
    large = holding(ledger, an_intent(0.9), *limited(1.0))
    assert not await taken(large)
    small = holding(ledger, an_intent(0.1), *limited(1.0))
    await ledger.settle(a_settlement(first[0].id, 0.0))
    assert not await taken(small)
    assert not ledger.hold_now(an_intent(0.1), limited(1.0))
    await ledger.settle(a_settlement(first[1].id, 0.0))
    assert await taken(large)
    assert await taken(small)


async def test_who_waits_holds_nobody_up_that_needs_another_budget(ledger: SqliteLedger) -> None:
    """A key whose money is held by its own requests is no reason for others to wait, though they share a budget."""
    all_of = Budget("everything", 10.0)
    await ledger.hold(an_intent(1.0), (all_of, Budget("key:a", 1.0)))
    waits = holding(ledger, an_intent(1.0), all_of, Budget("key:a", 1.0))
    assert not await taken(waits)
    await ledger.hold(an_intent(8.0), (all_of, Budget("key:b", 8.0)), until=0.0)
    assert not waits.done()
    waits.cancel()


async def test_who_leaves_while_he_waits_lets_the_next_one_go(ledger: SqliteLedger) -> None:
    """A client that is gone stands in nobody's way, and nothing stays held for it."""
    running = an_intent(0.6)
    await ledger.hold(running, limited(1.0))
    gone = holding(ledger, an_intent(0.9), *limited(1.0))
    assert not await taken(gone)
    behind = holding(ledger, an_intent(0.4), *limited(1.0))
    assert not await taken(behind)
    gone.cancel()
    assert await taken(behind)
    await ledger.settle(a_settlement(running.id, 0.6))
    with pytest.raises(BudgetExceeded):
        await ledger.hold(an_intent(0.01), limited(1.0), until=0.0)


async def test_what_running_requests_can_no_longer_cost_is_free(ledger: SqliteLedger) -> None:
    """A bound that shrinks lets others through, and the row says the smaller one: a crash is charged at it."""
    running = an_intent(1.0)
    await ledger.hold(running, limited(1.0))
    waits = holding(ledger, an_intent(0.7), *limited(1.0))
    assert not await taken(waits)
    ledger.shrink(running.id, 0.3)
    await waits
    reserved = {row["id"]: row["reserved_usd"] for row in await ledger.attempts()}
    assert reserved[running.id] == 0.3
    assert not ledger.hold_now(an_intent(1e-9), limited(1.0))
    await ledger.settle(a_settlement(running.id, 0.3))
    assert (await ledger.spent()).settled_usd == 0.3


async def test_a_bound_that_shrinks_is_not_written_while_there_is_enough(ledger: SqliteLedger) -> None:
    """It costs nothing where nobody needs the money."""
    running = an_intent(1.0)
    await ledger.hold(running, limited(100.0))
    ledger.shrink(running.id, 0.3)
    await ledger.hold(an_intent(50.0), limited(100.0), until=0.0)
    [reserved] = [row["reserved_usd"] for row in await ledger.attempts() if row["id"] == running.id]
    assert reserved == 1.0


async def test_what_comes_with_a_batch_is_not_waited_for(ledger: SqliteLedger) -> None:
    """A day is no time to wait: the refusal is at once and says why; for running requests a batch's own wait too."""
    await ledger.hold(an_intent(0.8, batch_id=""), limited(1.0))
    with pytest.raises(BudgetExceeded, match="batch"):
        await ledger.hold(an_intent(0.5), limited(1.0))
    running = an_intent(0.2)
    await ledger.hold(running, limited(1.0))
    another = holding(ledger, an_intent(0.1, batch_id=""), *limited(1.0))
    assert not await taken(another)
    await ledger.settle(a_settlement(running.id, 0.0))
    await another


async def test_an_attempt_counts_for_the_day_on_which_it_began(ledger: SqliteLedger) -> None:
    """At midnight a day's budget is whole again; what ends after it is charged to the day before."""
    yesterday = time.time() - 86_400
    budget = Budget("key:a", 1.0, "day")
    late = an_intent(1.0, started_at=yesterday)
    await ledger.hold(late, (budget,))
    await ledger.hold(an_intent(1.0), (budget,), until=0.0)
    await ledger.settle(a_settlement(late.id, 0.75))
    await ledger.attempts()
    settled = dict(look(ledger.path, "select period, settled_pico from spend where scope = 'key:a'"))
    assert sorted(settled.values()) == [0, 750_000_000_000]


async def test_a_new_budget_counts_what_was_spent_before(ledger: SqliteLedger) -> None:
    """Attempts of its key and period are summed once, when it is first asked for; what runs counts at its bound."""
    for key, cost in (("a", 0.25), ("b", 5.0)):
        intent = an_intent(cost, key_id=key)
        await ledger.hold(intent)
        await ledger.settle(a_settlement(intent.id, cost))
    await ledger.hold(an_intent(0.5, key_id="a"))
    with pytest.raises(BudgetExceeded) as raised:
        await ledger.hold(an_intent(0.5, key_id="a"), (Budget("key:a", 1.0, "day"),), until=0.0)
    assert raised.value.spent_usd == 0.75
    await ledger.hold(an_intent(0.25, key_id="a"), (Budget("key:a", 1.0, "day"),), until=0.0)


async def test_a_new_key_is_not_looked_for_in_what_is_older(ledger: SqliteLedger) -> None:
    """Its first request does not read through a month of others' attempts."""
    made_at = time.time()
    change(
        ledger.path,
        f"insert into keys (id, created_at, name, hash, body) values ('a', {made_at}, 'a', 'x', x'7b7d')",
    )
    old = an_intent(0.75, key_id="a", started_at=made_at - 1)
    await ledger.hold(old)
    await ledger.settle(a_settlement(old.id, 0.75))
    await ledger.hold(an_intent(1.0, key_id="a"), (Budget("key:a", 1.0, "total"),), until=0.0)


async def test_how_much_is_left_is_told_without_waiting(ledger: SqliteLedger) -> None:
    """Of the tightest budget; None where there is none."""
    assert ledger.left_usd(()) is None
    budgets = (Budget("everything", 10.0), Budget("key:a", 2.0, "day"))
    assert ledger.left_usd(budgets) == 2.0
    intent = an_intent(1.5)
    await ledger.hold(intent, budgets)
    assert ledger.left_usd(budgets) == 0.5
    await ledger.settle(a_settlement(intent.id, 0.25))
    assert ledger.left_usd(budgets) == 1.75


async def test_giving_back_while_a_request_looks_is_no_spending(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given back between a look at the file and what is made of it is not taken for money that is gone."""
    monkeypatch.setattr("assay.ledger.lending.IDLE_S", -1.0)
    intent = an_intent(0.5)
    await ledger.hold(intent, limited(8.0))
    await ledger.settle(a_settlement(intent.id, 0.5))
    asks = holding(ledger, an_intent(1.0), *limited(8.0), Budget("key:new", 1.0))
    await asyncio.sleep(0)
    ledger._holding._lending.look()
    await asks


async def test_an_idle_lease_is_given_back(ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that asks for nothing keeps no money from others."""
    monkeypatch.setattr("assay.ledger.lending.LOOK_S", 0.01)
    monkeypatch.setattr("assay.ledger.lending.IDLE_S", 0.1)
    intent = an_intent(0.5)
    await ledger.hold(intent, limited(8.0))
    assert look(ledger.path, "select pico from leases") == [(8 * 10**12,)]
    await ledger.settle(a_settlement(intent.id, 0.5))
    for _ in range(500):
        await asyncio.sleep(0.01)
        if not look(ledger.path, "select pico from leases where pico > 0"):
            break
    assert look(ledger.path, "select total(pico) from leases") == [(0.0,)]
    await ledger.hold(an_intent(7.5), limited(8.0), until=0.0)


async def test_a_hold_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """Where the disk is full, taking back what was asked of others fails as well, and nobody has to hear of it."""
    ledger, problems = SqliteLedger(tmp_path / "ledger.db"), list[dict[str, Any]]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(context))

    def full(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def write(_: object, *, small: bool = True) -> "asyncio.Future[Any]":
        return ledger._writer.write(full, small=small)

    holding = Holding("session", write, ledger._looker)
    for number in range(3):
        with pytest.raises(LedgerError, match="disk is full"):
            await holding.hold(str(number), lines_of(limited(1.0), 0.0), 1, loop.time() + 5)
    await asyncio.sleep(0.05)
    await ledger.close()
    gc.collect()
    await asyncio.sleep(0)
    assert [one["message"] for one in problems] == []


@pytest.mark.parametrize(
    ("limit", "per", "spent", "bound", "helps"),
    [
        (2.0, "month", 1.5, 1.0, "ask for a shorter answer (max_tokens), raise the limit, or wait for the next period"),
        (2.0, "month", 0.0, 3.0, "ask for a shorter answer (max_tokens) or raise the limit"),
        (2.0, "day", 2.0, 1.0, "raise the limit or wait for the next period"),
        (2.0, "total", 1.5, 1.0, "ask for a shorter answer (max_tokens) or raise the limit"),
        (2.0, "total", 2.0, 1.0, "raise the limit"),
        (0.0, "month", 0.0, 1.0, "raise the limit"),
    ],
)
async def test_a_refusal_says_what_helps(
    ledger: SqliteLedger, limit: float, per: Per, spent: float, bound: float, helps: str
) -> None:
    """No shorter answer fits into nothing, all time has no next period, and the next one has no larger limit."""
    budget = (Budget("team:shop", limit, per),)
    if spent:
        intent = an_intent(spent)
        await ledger.hold(intent, budget)
        await ledger.settle(a_settlement(intent.id, spent))
    with pytest.raises(BudgetExceeded) as refused:
        await ledger.hold(an_intent(bound), budget)
    assert str(refused.value).endswith(f" USD; {helps}")
