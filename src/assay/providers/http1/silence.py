"""Waiting for a host, and how long it may be silent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from assay.errors import Timeout


class Silence:
    """One waiter and one timer for a connection.

    The timer is not set for each wait, nor for each exchange: when it rings, it looks.

    Args:
        on_timeout: told that a limit was reached.

    Attributes:
        waiter: who waits, unless it is done: then nobody does.
        since: when the host was last heard, or waiting for it began; in the loop's time.
    """

    __slots__ = ("_limit_s", "_loop", "_on_timeout", "_timer", "_what", "since", "waiter")

    def __init__(self, on_timeout: Callable[[Timeout], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_timeout = on_timeout
        self.waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._limit_s = 0.0
        self.since = 0.0
        self._what = ""

    def news(self, what: str, limit_s: float) -> asyncio.Future[None]:
        """What is to be awaited: done with `wake`, which comes after `on_timeout`, too.

        Args:
            what: what is missing, for the error.
            limit_s: longest silence.
        """
        self._what = what
        self.since = self._loop.time()
        if self._timer is None or limit_s != self._limit_s:
            self.stop()
            self._limit_s = limit_s
            self._timer = self._loop.call_later(limit_s, self._ring)
        waiter = self.waiter = self._loop.create_future()
        return waiter

    def wake(self) -> None:
        """Something happened."""
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def stop(self) -> None:
        """Nothing is waited for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Nobody will wait any more, nor be told: whom it would tell is free without the collector."""
        self.stop()
        self._on_timeout = _to_nobody

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self.waiter is None or self.waiter.done():  # the reader is slow, not the host, or there is none
            return  # the next wait sets it again
        left_s = self.since + self._limit_s - now
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._ring)
        else:
            self._on_timeout(Timeout(f"{self._what} for {self._limit_s:g} s"))


def _to_nobody(error: Timeout) -> None:
    """There is nobody left to tell."""
