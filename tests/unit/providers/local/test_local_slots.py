import asyncio

import pytest

from assay.providers.local.slots import PASSES, Slots

PREFIX_A = b"A" * 2000
PREFIX_B = b"B" * 2000


class Clock:
    """A clock that stands still unless it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:  # noqa: D102
        return self.now


async def test_never_more_than_the_slots_are_taken() -> None:
    """The third request on two slots waits until one is given back."""
    slots = Slots(2)
    first = {await slots.take(b"x"), await slots.take(b"y")}
    third = asyncio.create_task(slots.take(b"z"))
    await asyncio.sleep(0)
    assert first == {0, 1}
    assert not third.done()
    slots.give(1)
    assert await third == 1


async def test_a_request_gets_the_slot_that_knows_its_beginning() -> None:
    """The prompt that a slot worked on last decides, not the order of the slots."""
    slots = Slots(2)
    for prefix in (PREFIX_A, PREFIX_B):
        await slots.take(prefix + b"1")
    slots.give(0)
    slots.give(1)
    assert await slots.take(PREFIX_B + b"2") == 1
    assert await slots.take(PREFIX_A + b"2") == 0


async def test_what_a_slot_knows_is_not_thrown_away_for_a_small_likeness() -> None:
    """A new kind of work that shares a few words goes to the slot that was not used for longest."""
    slots = Slots(2, parallel=1)
    assert await slots.take(b"[same words]" + PREFIX_A) == 0
    slots.give(0)
    assert await slots.take(b"[same words]" + PREFIX_B) == 1
    slots.give(1)
    assert await slots.take(b"[same words]" + PREFIX_A) == 0


async def test_of_those_that_wait_the_one_that_fits_best_is_next() -> None:
    """A freed slot goes to the request that shares its beginning, before an older one that does not."""
    slots = Slots(1)
    await slots.take(PREFIX_A)
    other = asyncio.create_task(slots.take(PREFIX_B))
    await asyncio.sleep(0)
    same = asyncio.create_task(slots.take(PREFIX_A + b"2"))
    await asyncio.sleep(0)
    slots.give(0)
    assert await same == 0
    assert not other.done()
    slots.give(0)
    assert await other == 0


async def test_nobody_is_overtaken_for_ever() -> None:
    """After a number of passes the oldest request is next, whatever fits better."""
    slots = Slots(1)
    await slots.take(PREFIX_A)
    other = asyncio.create_task(slots.take(PREFIX_B))
    await asyncio.sleep(0)
    for _ in range(PASSES):
        same = asyncio.create_task(slots.take(PREFIX_A))
        await asyncio.sleep(0)
        slots.give(0)
        await same
    last = asyncio.create_task(slots.take(PREFIX_A))
    await asyncio.sleep(0)
    slots.give(0)
    assert await other == 0
    assert not last.done()
    last.cancel()
    await asyncio.gather(last, return_exceptions=True)


async def test_waits_for_a_busy_slot_as_long_as_reading_anew_would_take() -> None:
    """A long shared beginning is worth a wait; then a free slot is taken after all."""
    clock = Clock()
    slots = Slots(2, clock)
    await slots.take(PREFIX_A)
    patient = asyncio.create_task(slots.take(PREFIX_A))
    await asyncio.sleep(0.01)
    assert not patient.done()
    clock.now = 60.0
    slots._assign()
    assert await patient == 1


async def test_the_wait_ends_by_itself() -> None:
    """No event is needed to end a patient wait."""
    slots = Slots(2)
    await slots.take(b"A" * 256)
    async with asyncio.timeout(5):
        assert await slots.take(b"A" * 300) == 1


async def test_fewer_may_run_than_there_are_slots() -> None:
    """One at a time on two slots: the other slot keeps what it knows and is taken by who fits it."""
    slots = Slots(2, parallel=1)
    for number, prefix in enumerate((PREFIX_A, PREFIX_B)):
        assert await slots.take(prefix) == number
        waiting = asyncio.create_task(slots.take(prefix))
        await asyncio.sleep(0)
        assert not waiting.done()
        slots.give(number)
        assert await waiting == number
        slots.give(number)
    assert await slots.take(PREFIX_A + b"2") == 0


async def test_a_short_beginning_is_not_worth_a_wait() -> None:
    """Requests that share little take what is free at once."""
    slots = Slots(2)
    await slots.take(b"[same]" + PREFIX_A)
    async with asyncio.timeout(0.1):
        assert await slots.take(b"[same]" + PREFIX_B) == 1


@pytest.mark.parametrize("granted", [False, True])
async def test_a_cancelled_wait_leaves_nothing_behind(granted: bool) -> None:
    """Cancelled before or after the slot was granted, the slot serves the next request."""
    slots = Slots(1)
    await slots.take(b"x")
    waiting = asyncio.create_task(slots.take(b"y"))
    await asyncio.sleep(0)
    if granted:
        slots.give(0)
    waiting.cancel()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], asyncio.CancelledError)
    if not granted:
        slots.give(0)
    async with asyncio.timeout(1):
        assert await slots.take(b"z") == 0
    assert slots.waiting == 0
