"""Answers that come together would go on together, in step: all parsed, then all written, then all asked anew.

Then hosts wait for this process, and after that it waits for them. Behind a door those in front send their next request
while the others are still to be made ready, so that after some rounds answers come a few at a time.
"""

from __future__ import annotations

import asyncio

__all__ = ["Door", "Passage"]

WIDTH = 2
"""Two, three and five could not be told apart in CPU; with two, a request waits least for those beside it."""


class Passage:
    """One sample's way through the door."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self._through = False

    def leave(self) -> None:
        """It waits for somebody else from now on, or is done: the next may enter. Again is nothing."""
        if not self._through:
            self._through = True
            self._free.release()


class Door:
    """How many samples of a target are made ready at the same time.

    Args:
        width: so many.
    """

    def __init__(self, width: int = WIDTH) -> None:
        self._free = asyncio.Semaphore(width)

    async def enter(self) -> Passage:
        """Wait for one's turn; in the order of asking."""
        await self._free.acquire()
        return Passage(self._free)
