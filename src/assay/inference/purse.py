"""Money for one piece of work in this process: `assay eval --max-usd`. The ledger's monthly budget is kept apart.

As there, the bound of a call is held before it is sent. A call that does not fit beside what is in flight waits, since
most calls cost far less than their bound; one that would not fit alone is refused.
"""

from __future__ import annotations

import asyncio

from assay.errors import BudgetExceeded

__all__ = ["Purse"]

_DUST_USD = 1e-12  # what adding and taking away floats may leave


class Purse:
    """So much may be spent, what is in flight included.

    Args:
        limit_usd: at most.
        name: what it is called in messages.

    Attributes:
        spent_usd: by calls that have ended.
        refused: how many calls did not fit.
    """

    def __init__(self, limit_usd: float, name: str) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self.refused = 0
        self._name = name
        self._held: dict[str, float] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def held_usd(self) -> float:
        """The bounds of what is in flight."""
        return sum(self._held.values())

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
        while not self._fits(bound_usd + self.held_usd):
            if not patient or not self._fits(bound_usd):
                self.refused += 1
                raise BudgetExceeded(
                    self._name, need_usd=bound_usd, spent_usd=self.spent_usd, held_usd=self.held_usd,
                    limit_usd=self.limit_usd,
                )  # fmt: skip
            await self._change()
        self._held[attempt_id] = bound_usd

    def settle(self, attempt_id: str, cost_usd: float | None) -> None:
        """An attempt has ended, and cost so much; where that is not known, its bound."""
        bound_usd = self._held.pop(attempt_id, 0.0)
        self.spent_usd += cost_usd if cost_usd is not None else bound_usd
        self._wake()

    def _fits(self, usd: float) -> bool:
        return self.spent_usd + usd <= self.limit_usd + _DUST_USD

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
