"""How many are in flight while a host limits the rate, and what is asked again when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assay.evals.runs.backlog import PATIENCE_S, PATIENCE_TOLD_S, Backlog, Item
from assay.evals.runs.pace import Pace
from assay.ledger.rows import ResultRow


async def in_flight(pace: Pace) -> int:
    """How many more get a place at once."""
    taken = 0
    while True:
        entering = asyncio.ensure_future(pace.enter())
        await asyncio.sleep(0)
        if not entering.done():
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
            break
        taken += 1
    for _ in range(taken):
        pace.leave()
    return taken


async def test_refusals_of_one_moment_halve_it_once() -> None:
    """Sixteen in flight are refused together: eight go on, not one."""
    pace = Pace(16)
    numbers = [await pace.enter() for _ in range(16)]
    for number in numbers:
        pace.limited(number)
        pace.leave()
    assert await in_flight(pace) == 8


async def test_answers_bring_it_back_step_by_step() -> None:
    """As many answers as are in flight make room for one more, up to what was asked for."""
    pace = Pace(4)
    for _ in range(3):
        pace.limited(await pace.enter())
        pace.leave()
    assert await in_flight(pace) == 1
    pace.answered()
    assert await in_flight(pace) == 2
    for _ in range(100):
        pace.answered()
    assert await in_flight(pace) == 4


async def test_who_waits_is_let_in_when_one_leaves() -> None:
    """A place that is given back goes to the one that has waited longest."""
    pace = Pace(1)
    await pace.enter()
    waiting = [asyncio.ensure_future(pace.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    pace.leave()
    await asyncio.sleep(0)
    assert [one.done() for one in waiting] == [True, False]
    pace.leave()
    await waiting[1]


class Clock:
    """Seconds that pass only when a test says so, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Sleeping lets the clock's time pass at once."""
    made = Clock()

    async def sleep(seconds: float) -> None:
        made.now += seconds

    monkeypatch.setattr("assay.evals.runs.backlog.asyncio.sleep", sleep)
    return made


ROW = ResultRow(
    run_id="r", sample_id="s", kind="k", value=None, unscored="RateLimited: no", cost_basis="none", cached=False,
    created_at=0.0, scores=b"[]", answer=None,
)  # fmt: skip


def backlog(clock: Clock, count: int, **more: Any) -> Backlog:
    """So many items."""
    return Backlog((Item(number, 0) for number in range(count)), clock=clock, **more)


async def number_of(waiting: Backlog) -> int | None:
    """The number of the next item."""
    item = await waiting.next()
    return item.number if item is not None else None


async def test_what_was_turned_away_comes_after_the_rest_and_after_its_time(clock: Clock) -> None:
    """Nobody waits for a refused sample while others can be asked; then it is waited for, longer each time."""
    waiting = backlog(clock, 3)
    first = await waiting.next()
    assert first is not None
    assert waiting.again(first, ROW, None)
    assert [await number_of(waiting) for _ in range(2)] == [1, 2]
    again = await waiting.next()
    assert again is first
    assert clock.now == 1.0
    waiting.answered()
    assert waiting.again(first, ROW, 7.0)
    await waiting.next()
    assert clock.now == 8.0
    assert await waiting.next() is None


@pytest.mark.parametrize(("told_s", "patience_s"), [(None, PATIENCE_S), (1.0, PATIENCE_TOLD_S), (20.0, 100.0)])
async def test_a_host_that_answers_nobody_is_given_up(clock: Clock, told_s: float | None, patience_s: float) -> None:
    """After its patience nothing more is given out, and what is owed is told; an answer in between starts it anew."""
    waiting = backlog(clock, 3)
    item, other = await waiting.next(), await waiting.next()
    assert item is not None
    assert other is not None
    clock.now = patience_s
    waiting.answered()
    clock.now = 2 * patience_s - 0.1
    assert waiting.again(item, ROW, told_s)
    clock.now = 2 * patience_s + 0.1
    assert not waiting.again(other, ROW, told_s)
    assert await waiting.next() is None
    assert waiting.left() == [item]
    assert waiting.cut_short


async def test_a_host_that_is_given_up_at_the_end_has_been_asked_everything(clock: Clock) -> None:
    """Then the samples are unscored, and nothing was cut short."""
    waiting = backlog(clock, 1)
    item = await waiting.next()
    assert item is not None
    clock.now = 1000.0
    assert not waiting.again(item, ROW, None)
    assert not waiting.cut_short


async def test_the_stop_condition_holds_for_waiting_samples_too(clock: Clock) -> None:
    """A decision that is made does not wait for a rate limit."""
    decided = False
    waiting = backlog(clock, 1, stop=lambda: decided)
    item = await waiting.next()
    assert item is not None
    waiting.again(item, ROW, None)
    decided = True
    assert await waiting.next() is None
