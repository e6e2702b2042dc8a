"""What is still to be asked of one target: samples in their order, then again those that a rate limit turned away.

A limit that heals loses no sample. The host is given up when it has answered nobody for `PATIENCE_S`; one that said
when to come back, and did not keep it, earlier. What it still owes then stays without a score.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from assay.ledger.rows import ResultRow

__all__ = ["Backlog", "Item"]

PATIENCE_S = 75.0
"""Longer than a minute, which is what most limits are counted over."""
PATIENCE_TOLD_S = 15.0
"""Where the host has said when to come back; five times what it said, if that is more."""
LONGEST_TOLD_S = 300.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 16.0


@dataclass(slots=True)
class Item:
    """One answer to be got: which sample, by number, and which repeat. `row` is what the last try came to."""

    number: int
    repeat: int
    tries: int = 0
    row: ResultRow | None = None


class Backlog:
    """Gives out items until there are none.

    Args:
        items: in the order to ask them in.
        stop: asked before each item; true ends it all.
        most: asked before each item: so many may be under way at the same time.
        clock: seconds.
    """

    def __init__(
        self,
        items: Iterator[Item],
        stop: Callable[[], bool] | None = None,
        most: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._items = items
        self._stop = stop
        self._most = most
        self._under_way = 0
        self._back = asyncio.Event()
        self._clock = clock
        self._later: list[tuple[float, int, Item]] = []
        self._order = count()
        self._answered_at = clock()
        self._halted = self._given_up = False

    async def next(self) -> Item | None:
        """The next item, waited for where a rate limit asks for it; None: there is none for this caller."""
        while not self._halted and not (self._stop is not None and self._stop()):
            if self._most is not None and self._under_way >= max(1, self._most()):
                self._back.clear()
                await self._back.wait()
                continue
            item = next(self._items, None)
            due_in_s = self._later[0][0] - self._clock() if self._later else None
            if item is None and due_in_s is not None and due_in_s <= 0:
                item = heapq.heappop(self._later)[2]
            if item is not None:
                item.tries += 1
                self._under_way += 1
                return item
            if due_in_s is None:
                return None
            await asyncio.sleep(due_in_s)
        return None

    def done(self) -> None:
        """An item that was given out is under way no more."""
        self._under_way -= 1
        self._back.set()

    def answered(self) -> None:
        """The host has answered."""
        self._answered_at = self._clock()

    def again(self, item: Item, row: ResultRow, told_s: float | None) -> bool:
        """Put an item back that a rate limit turned away. False: the host is given up.

        Args:
            item: what was asked.
            row: what that came to.
            told_s: when the host said to come back.
        """
        now = self._clock()
        patience_s = max(PATIENCE_TOLD_S, min(5 * told_s, LONGEST_TOLD_S)) if told_s else PATIENCE_S
        if now - self._answered_at > patience_s:
            self._given_up = True
            self.halt()
            return False
        item.row = row
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (item.tries - 1))
        due = now + max(wait_s, min(told_s or 0.0, LONGEST_TOLD_S))
        heapq.heappush(self._later, (due, next(self._order), item))
        return True

    def halt(self) -> None:
        """Give out nothing more."""
        self._halted = True
        self._back.set()

    @property
    def cut_short(self) -> bool:
        """Whether the host was given up before everything had been asked of it once."""
        return self._given_up and next(self._items, None) is not None

    def left(self) -> list[Item]:
        """What was turned away and never came again."""
        items = [item for _, _, item in sorted(self._later)]
        self._later.clear()
        return items
