"""How many samples of one target are in flight: fewer when its host limits the rate, more again as answers come."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Pace"]


class Pace:
    """Additive increase, multiplicative decrease (Chiu and Jain 1989), as TCP does.

    All that were in flight together when the host said *too many* count as one refusal.

    Args:
        most: in flight at the same time at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._in_flight = 0
        self._begun = 0
        self._cut_at = 0  # what was begun before this one had a part in the last refusal
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> int:
        """Wait for a place; gives the number of this one."""
        while self._in_flight >= int(self._limit):
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter
        self._in_flight += 1
        self._begun += 1
        return self._begun

    def leave(self) -> None:
        """Give a place back."""
        self._in_flight -= 1
        free = int(self._limit) - self._in_flight
        while self._waiting and free > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1

    def answered(self) -> None:
        """The host took a call: one more in flight after as many answers as there are now."""
        if self._limit < self._most:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)

    def limited(self, number: int) -> None:
        """The host refused the sample with this number, because there were too many."""
        if number > self._cut_at:
            self._limit = max(1.0, self._limit / 2)
            self._cut_at = self._begun
