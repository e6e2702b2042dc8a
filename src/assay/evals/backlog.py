"""What is still to be asked of one target: samples in their order, and those that a rate limit turned away.

A limit that heals loses no sample. One that does not is told from it so: a sample that is refused twice while it is
asked all alone and others are answered in between has a limit of its own, and when nobody at all has been answered for
`PATIENCE_S` the host is given up. A host that says when to come back, and then does not keep it, is given up earlier.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from assay.evals.sample import Sample
from assay.ledger.rows import ResultRow

__all__ = ["Backlog", "Item"]

PATIENCE_S = 75.0
"""Longer than a minute, which is what most limits are counted over."""
PATIENCE_TOLD_S = 15.0
"""Where the host has said when to come back; five times what it said, if that is more."""
LONGEST_TOLD_S = 300.0
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 16.0
STRIKES = 2


@dataclass(slots=True)
class Item:
    """One answer to be got.

    Attributes:
        row: what the last try came to.
        answered: how many others had been answered when it was last turned away.
    """

    sample: Sample
    repeat: int
    tries: int = 0
    strikes: int = 0
    answered: int | None = None
    row: ResultRow | None = None


class Backlog:
    """Gives out items until there are none.

    Args:
        items: in the order to ask them in.
        stop: asked before each item; true ends it all.
        clock: seconds.
    """

    def __init__(
        self, items: Iterator[Item], stop: Callable[[], bool] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._items = items
        self._stop = stop
        self._clock = clock
        self._later: list[tuple[float, int, Item]] = []
        self._order = count()
        self._answered = 0
        self._answered_at = clock()
        self._halted = False

    async def next(self) -> Item | None:
        """The next item, waited for where a rate limit asks for it; None: there is none for this caller."""
        while not self._halted and not (self._stop is not None and self._stop()):
            due_in_s = self._later[0][0] - self._clock() if self._later else None
            item = heapq.heappop(self._later)[2] if due_in_s is not None and due_in_s <= 0 else next(self._items, None)
            if item is not None:
                item.tries += 1
                return item
            if due_in_s is None:
                return None
            await asyncio.sleep(due_in_s)
        return None

    def answered(self) -> None:
        """The host has answered."""
        self._answered += 1
        self._answered_at = self._clock()

    def again(self, item: Item, row: ResultRow, told_s: float | None, *, alone: bool) -> bool:
        """Put an item back that a rate limit turned away. False: it is given up, or the host with all that is left.

        Args:
            item: what was asked.
            row: what that came to.
            told_s: when the host said to come back.
            alone: it was asked while nothing else was in flight.
        """
        now = self._clock()
        item.row = row
        if alone and item.answered is not None and self._answered > item.answered:
            item.strikes += 1
        item.answered = self._answered
        patience_s = max(PATIENCE_TOLD_S, min(5 * told_s, LONGEST_TOLD_S)) if told_s else PATIENCE_S
        if now - self._answered_at > patience_s:
            self.halt()
        if item.strikes >= STRIKES or self._halted:
            return False
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (item.tries - 1))
        due = now + max(wait_s, min(told_s or 0.0, LONGEST_TOLD_S))
        heapq.heappush(self._later, (due, next(self._order), item))
        return True

    def halt(self) -> None:
        """Give out nothing more."""
        self._halted = True

    def left(self) -> list[Item]:
        """What was turned away and never came again."""
        items = [item for _, _, item in sorted(self._later)]
        self._later.clear()
        return items
