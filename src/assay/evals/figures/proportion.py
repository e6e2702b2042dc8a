"""A share of some, with how sure it is."""

from __future__ import annotations

from assay.stats.intervals import wilson
from assay.types import Value

__all__ = ["FEW", "Proportion", "proportion"]

FEW = 30
"""Of fewer no share is told to people without a remark."""


class Proportion(Value, frozen=True, kw_only=True):
    """A share of `n` with its interval of 95 %, Wilson's; `value` None = there are none, and it may be anything."""

    value: float | None
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """For people: in percent, with a remark where it is one of few."""
        if self.value is None:
            return "-"
        few = "; too few to rely on" if self.n < FEW else ""
        return f"{100 * self.value:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f} %) of {self.n:,}{few}"


def proportion(some: int, n: int) -> Proportion:
    """So many of `n`."""
    low, high = wilson(some, n)
    return Proportion(value=some / n if n else None, low=low, high=high, n=n)
