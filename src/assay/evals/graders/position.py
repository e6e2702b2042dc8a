"""Does a judge that compares two answers favour a place? Told from the choices that it made in both orders."""

from __future__ import annotations

from collections.abc import Iterable

from assay.evals.graders.grader import Score
from assay.stats.intervals import wilson
from assay.stats.paired import mcnemar_exact
from assay.types import Value

__all__ = ["PositionBias", "position_bias"]

_ALPHA = 0.05


class PositionBias(Value, frozen=True, kw_only=True):
    """What the two orders of many pairs came to.

    Attributes:
        pairs: of answers that were compared in both orders.
        steady: pairs whose two verdicts are the same.
        first, second: pairs where the answer in this place was called better in both orders, or equal once.
        steady_share, steady_interval: of all pairs, Wilson 95 %.
        p_value: the chance that `first` and `second` are so unequal if no place were favoured (exact sign test).
        favours: the place that is certainly favoured at 5 %; None = it cannot be told.
    """

    pairs: int
    steady: int
    first: int
    second: int
    steady_share: float | None
    steady_interval: tuple[float, float] | None
    p_value: float | None
    favours: str | None


def position_bias(scores: Iterable[Score]) -> PositionBias:
    """Over the scores of a grader `pairwise`; others are left out."""
    orders = [tuple(score.detail["orders"]) for score in scores if score.detail and "orders" in score.detail]
    leans = [_lean(*order) for order in orders]
    steady, first, second = leans.count(0), sum(lean > 0 for lean in leans), sum(lean < 0 for lean in leans)
    p_value = mcnemar_exact(first, second) if orders else None
    span = wilson(steady, len(orders)) if orders else None
    certain = p_value is not None and p_value <= _ALPHA
    return PositionBias(
        pairs=len(orders),
        steady=steady,
        first=first,
        second=second,
        steady_share=steady / len(orders) if orders else None,
        steady_interval=(span.low, span.high) if span is not None else None,
        p_value=p_value,
        favours=("first" if first > second else "second") if certain else None,
    )


def _lean(one: str, other: str) -> int:
    """How far both choices lean to the first place: 0 if they mean the same answer, or both call them equal."""
    worth = {"first": 1, "second": -1, "equal": 0}
    return worth[one] + worth[other]
