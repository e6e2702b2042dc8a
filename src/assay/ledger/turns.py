"""Turns: who waits for money gets it in the order of coming, on each line of the books apart.

A large request is not starved by small ones that come later. It stands in the way of those that want money which it
lacks itself, and of nobody else.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

from assay.ledger.accounts import Accounts
from assay.ledger.budgets import Line, Lines

__all__ = ["Turns", "Waiter"]


class Waiter:
    """Who waits for money.

    Attributes:
        changed: it has got the money, or is to look for some in the file.
        since: when it came, in seconds since 1970.
        granted: it has got the money.
        first: nobody before it lacks money on the same line, so that it looks at the file for all of them.
    """

    __slots__ = ("attempt_id", "changed", "first", "granted", "lines", "loop", "pico", "since")

    def __init__(self, attempt_id: str, lines: Lines, pico: int) -> None:
        self.attempt_id = attempt_id
        self.lines = lines
        self.pico = pico
        self.loop = asyncio.get_running_loop()
        self.changed = asyncio.Event()
        self.since = time.time()
        self.granted = False
        self.first = False

    @property
    def waited_s(self) -> float:
        """How long it has waited."""
        return max(0.0, time.time() - self.since)

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop is closed: it waits no more
            self.loop.call_soon_threadsafe(self.changed.set)


class Turns:
    """Those that wait for money of one session.

    Args:
        accounts: its money.

    Attributes:
        waiting: who waits, as they came.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._lock = threading.RLock()
        self.waiting: list[Waiter] = []

    def come(self, waiter: Waiter) -> None:
        """Wait behind all others."""
        with self._lock:
            self.waiting.append(waiter)
            self._accounts.freed = self.grant

    def leave(self, waiter: Waiter) -> bool:
        """Wait no more; False = it did not."""
        with self._lock:
            if waiter not in self.waiting:
                return False
            self.waiting.remove(waiter)
            return True

    def grant(self) -> None:
        """Hold for those that wait what there is now."""
        with self._lock:
            short: set[Line] = set()
            for waiter in list(self.waiting):
                lacks = self._accounts.lacks(waiter.lines, waiter.pico)
                queues = any(line in short for line, limit in waiter.lines.limits if limit is not None)
                if not queues and self._accounts.hold(waiter.attempt_id, waiter.lines, waiter.pico, in_turn=True):
                    waiter.granted = True
                    self.waiting.remove(waiter)
                    waiter.wake()
                    continue
                first = any(line not in short for line in lacks)
                if first and not waiter.first:
                    waiter.wake()
                waiter.first = first
                short.update(lacks)
            self._accounts.short = frozenset(short)
            if not self.waiting:
                self._accounts.freed = None

    def look_again(self) -> None:
        """There may be more in the file, or elsewhere: who is first looks."""
        with self._lock:
            for waiter in self.waiting:
                if waiter.first:
                    waiter.wake()

    def since(self) -> dict[Line, float]:
        """Since when somebody waits for each line."""
        with self._lock:
            return {line: waiter.since for waiter in reversed(self.waiting) for line, _ in waiter.lines.limits}
