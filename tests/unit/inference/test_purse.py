"""A purse: so much may be spent, what is in flight included."""

from __future__ import annotations

import asyncio
import random

import pytest

from assay.errors import BudgetExceeded
from assay.inference.purse import Purse


async def test_it_never_spends_more_than_it_holds() -> None:
    """Many calls at once, whatever they cost below their bound: never more than the limit, and most of it is used."""
    purse, chance = Purse(1.0, "test"), random.Random(3)  # noqa: S311 - costs, not secrets
    highest = 0.0

    async def call(number: int) -> None:
        nonlocal highest
        await purse.hold(str(number), 0.05)
        highest = max(highest, purse.spent_usd + purse.held_usd)
        await asyncio.sleep(0)
        purse.settle(str(number), chance.uniform(0, 0.05))

    done = await asyncio.gather(*(call(number) for number in range(100)), return_exceptions=True)
    refused = [one for one in done if isinstance(one, BudgetExceeded)]
    assert highest <= 1.0 + 1e-9
    assert 0.95 < purse.spent_usd <= 1.0
    assert len(refused) == purse.refused > 0
    assert purse.held_usd == 0


async def test_who_does_not_fit_beside_others_waits() -> None:
    """A call whose bound does not fit now is sent when another has cost less than its bound."""
    purse = Purse(1.0, "test")
    await purse.hold("a", 0.8)
    waiting = asyncio.ensure_future(purse.hold("b", 0.8))
    await asyncio.sleep(0)
    assert not waiting.done()
    purse.settle("a", 0.1)
    await waiting
    assert (purse.spent_usd, purse.held_usd) == (0.1, 0.8)


async def test_what_can_never_fit_is_refused_at_once() -> None:
    """The refusal says what is needed, spent and allowed."""
    purse = Purse(0.5, "--max-usd")
    await purse.hold("a", 0.4)
    purse.settle("a", 0.3)
    with pytest.raises(BudgetExceeded, match=r"'--max-usd': a bound of 0\.400 USD does not fit: 0\.300 spent"):
        await purse.hold("b", 0.4)


async def test_an_unknown_cost_counts_as_its_bound() -> None:
    """Unknown is never 0; what nobody bills takes nothing."""
    purse = Purse(1.0, "test")
    await purse.hold("a", 0.4)
    purse.settle("a", None)
    await purse.hold("local", None)
    purse.settle("local", None)
    assert purse.spent_usd == 0.4


async def test_who_leaves_while_waiting_takes_nothing() -> None:
    """A cancelled call holds no money, and wakes nobody in vain."""
    purse = Purse(1.0, "test")
    await purse.hold("a", 1.0)
    waiting = asyncio.ensure_future(purse.hold("b", 1.0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    purse.settle("a", 0.0)
    assert purse.held_usd == 0
