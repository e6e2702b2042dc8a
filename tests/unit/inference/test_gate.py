"""The gate of a deployment: how many are in flight, and who is next."""

from __future__ import annotations

import asyncio

import pytest

from assay.inference.gate import Gate


def test_places_are_taken_until_none_is_left() -> None:
    """And can be taken again when they are given back."""
    gate = Gate(2)
    assert [gate.take(), gate.take(), gate.take()] == [True, True, False]
    assert gate.locked()
    gate.release()
    assert not gate.locked()
    assert gate.take()


async def test_who_came_first_is_next() -> None:
    """A place goes from hand to hand: who comes later cannot take it in between."""
    gate, order = Gate(1), []
    await gate.acquire()

    async def wait(name: str) -> None:
        await gate.acquire()
        order.append(name)

    waiting = [asyncio.create_task(wait(name)) for name in ("a", "b")]
    await asyncio.sleep(0)
    gate.release()
    assert not gate.take()
    await waiting[0]
    assert order == ["a"]
    gate.release()
    await waiting[1]
    gate.release()
    assert (order, gate.locked()) == (["a", "b"], False)


async def test_who_leaves_while_waiting_is_passed_over() -> None:
    """Nothing is left of it, and the next one gets the place."""
    gate = Gate(1)
    await gate.acquire()
    first, second = (asyncio.create_task(gate.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(gate._waiting) == 1
    gate.release()
    await second
    assert gate.locked()


@pytest.mark.parametrize("told_first", [True, False])
async def test_a_place_that_is_given_to_who_just_leaves_is_not_lost(told_first: bool) -> None:
    """Whether it was cancelled before or after the place was given, another has it."""
    gate = Gate(1)
    await gate.acquire()
    leaving, next_one = (asyncio.create_task(gate.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    for act in (leaving.cancel, gate.release) if told_first else (gate.release, leaving.cancel):
        act()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await asyncio.wait_for(next_one, 1)
    assert gate.locked()
    gate.release()
    assert not gate.locked()
    assert not gate._waiting


async def test_many_that_come_and_leave_at_random_lose_no_place() -> None:
    """Never more than its places in flight, and all of them are free in the end."""
    gate, flying, most = Gate(3), 0, 0

    async def fly(number: int) -> None:
        nonlocal flying, most
        await gate.acquire()
        try:
            flying += 1
            most = max(most, flying)
            for _ in range(number % 4):
                await asyncio.sleep(0)
        finally:
            flying -= 1
            gate.release()

    tasks = [asyncio.create_task(fly(number)) for number in range(200)]
    for turn in range(60):
        await asyncio.sleep(0)
        tasks[turn * 7 % 200].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert [gate.take() for _ in range(4)] == [True, True, True, False]
