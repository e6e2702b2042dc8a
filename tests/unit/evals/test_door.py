"""The door of a run: few samples are made ready at the same time, and nobody who waits stands in it."""

import asyncio

from assay.evals.runs.door import Door, Passage


async def test_the_next_enters_when_one_leaves() -> None:
    """As many as it is wide are in it, the others wait in their order; leaving twice makes no more room."""
    door, inside = Door(width=2), list[int]()
    passages: list[Passage] = []

    async def enter(number: int) -> None:
        passages.append(await door.enter())
        inside.append(number)

    tasks = [asyncio.create_task(enter(number)) for number in range(4)]
    await asyncio.sleep(0.01)
    assert inside == [0, 1]
    passages[0].leave()
    passages[0].leave()
    await asyncio.sleep(0.01)
    assert inside == [0, 1, 2]
    passages[1].leave()
    await asyncio.gather(*tasks)
    assert inside == [0, 1, 2, 3]


async def test_who_gives_up_waiting_takes_no_room() -> None:
    """A sample that is cancelled before its turn leaves the door to those behind it."""
    door = Door(width=1)
    first = await door.enter()
    gone, stays = asyncio.create_task(door.enter()), asyncio.create_task(door.enter())
    await asyncio.sleep(0)
    gone.cancel()
    first.leave()
    await asyncio.wait_for(stays, 5)
    assert gone.cancelled()
