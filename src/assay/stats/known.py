"""Sums and means of figures some of which may not be known, as costs: a part that is missing is never taken for 0."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["known_mean", "known_sum"]


def known_sum(values: Iterable[float | None]) -> float | None:
    """The sum; None when one is not known, or there is none."""
    every = list(values)
    known = [value for value in every if value is not None]
    return sum(known) if known and len(known) == len(every) else None


def known_mean(values: Iterable[float | None]) -> float | None:
    """The mean; None when one is not known, or there is none."""
    every = list(values)
    total = known_sum(every)
    return total / len(every) if total is not None else None
