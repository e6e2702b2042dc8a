"""Who is able, as far as published figures can say.

Able is who is above the bar of the task. Where quality comes first, the bar is the low end of the best one's range, or
the best tenth: what figures cannot tell from the best need not cost more than it. Where price comes first, it is the
task's floor. A model without a figure is never able, however cheap: an eval must judge it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from assay.decision.advice.candidate import Candidate
from assay.decision.advice.situation import Situation

__all__ = ["MODEST", "TOP", "Ranked", "bar_among", "bar_of", "by_price", "divided", "is_able"]

TOP = 0.9
"""The bar is never above this share: within the best tenth benchmarks are full, and figures tell nobody apart."""
MODEST = 0.5
"""Of the bar: who is below that would hand on nearly everything, or do it badly."""


class Ranked(Protocol):
    """What published figures say of a model: a share of all others, and the low end of its range."""

    @property
    def share(self) -> float:
        """Of all others, those that it is above."""
        ...

    @property
    def low(self) -> float:
        """The low end of its range."""
        ...


def bar_of(asked: Situation, candidates: Iterable[Candidate]) -> float | None:
    """Share of the measured models that one who is able is above; `None` = no candidate has a figure."""
    return bar_among(asked, [one.rank for one in candidates if one.rank is not None])


def bar_among(asked: Situation, ranks: Sequence[Ranked]) -> float | None:
    """The same from what figures say of each."""
    if not ranks:
        return None
    if asked.about.first == "price":
        return asked.about.floor
    return min(TOP, max(ranks, key=lambda rank: rank.share).low)


def is_able(candidate: Candidate, bar: float | None) -> bool:
    """Whether the middle of its range is above the bar."""
    return bar is not None and candidate.rank is not None and candidate.rank.share >= bar


def by_price(one: Candidate) -> tuple[bool, float]:
    """Cheapest first, unknown prices last."""
    return (one.usd_per_month is None, one.usd_per_month or 0.0)


def divided(asked: Situation) -> bool:
    """Whether a part of the work may leave and another may not."""
    return asked.privacy == "sensitive"
