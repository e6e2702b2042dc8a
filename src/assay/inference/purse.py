"""Money for one piece of work in this process: `assay eval --max-usd`. The ledger's monthly budget is kept apart.

As there, the bound of a call is held before it is sent. A call that does not fit beside what is in flight waits, since
most calls cost far less than their bound; one that would not fit alone is refused.
"""

from __future__ import annotations

import asyncio

from assay.errors import BudgetExceeded
from assay.ledger.budgets import pico_of, usd_of

__all__ = ["Purse"]


class Purse:
    """So much may be spent, what is in flight included.

    Args:
        limit_usd: at most.
        name: what it is called in messages.

    Attributes:
        refused: how many calls did not fit.
    """

    def __init__(self, limit_usd: float, name: str) -> None:
        self.limit_usd = limit_usd
        self.refused = 0
        self._name = name
        self._limit = pico_of(limit_usd)
        self._spent = 0  # picodollars, as all sums here
        self._held: dict[str, int] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def spent_usd(self) -> float:
        """By calls that have ended."""
        return usd_of(self._spent)

    @property
    def held_usd(self) -> float:
        """The bounds of what is in flight."""
        return usd_of(sum(self._held.values()))

    async def hold(self, attempt_id: str, bound_usd: float | None, *, patient: bool = True) -> None:
        """Set an attempt's bound aside; None or 0, of what nobody bills, is let through.

        Args:
            attempt_id: its id.
            bound_usd: what it costs at most.
            patient: wait for what is in flight; not for what comes with a batch, which may take a day.

        Raises:
            BudgetExceeded: it does not fit into what is left.
        """
        if not bound_usd:
            return
        bound = pico_of(bound_usd)
        while not self._fits(bound + sum(self._held.values())):
            if not patient or not self._fits(bound):
                self.refused += 1
                raise BudgetExceeded(
                    self._name, need_usd=bound_usd, spent_usd=self.spent_usd, held_usd=self.held_usd,
                    limit_usd=self.limit_usd,
                )  # fmt: skip
            await self._change()
        self._held[attempt_id] = bound

    def settle(self, attempt_id: str, cost_usd: float | None) -> None:
        """An attempt has ended, and cost so much; where that is not known, its bound."""
        bound = self._held.pop(attempt_id, 0)
        self._spent += pico_of(cost_usd) if cost_usd is not None else bound
        self._wake()

    def _fits(self, pico: int) -> bool:
        return self._spent + pico <= self._limit

    async def _change(self) -> None:
        """Wait until something has been settled."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
