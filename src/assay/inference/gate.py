"""The gate of one deployment: as many requests in flight as it may have, the others in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

__all__ = ["Gate"]


class Gate:
    """Gives places to requests; each is given back with `release`.

    A place that is given back goes to whoever waits longest, and is never free in between: nobody overtakes.

    Args:
        places: how many there are.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()  # while somebody waits, none is free

    def locked(self) -> bool:
        """Whether there is no place at the moment."""
        return not self._free

    def take(self) -> bool:
        """Take a place, if there is one."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def acquire(self) -> None:
        """Take a place when there is one."""
        if self.take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # who gave a place back has passed over it
                    self._waiting.remove(turn)
            else:  # the place had been given just before
                self.release()
            raise

    def release(self) -> None:
        """Give a place back."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
