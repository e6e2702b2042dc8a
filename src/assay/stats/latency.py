"""Quantiles of latencies with confidence intervals that assume nothing about their distribution."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from heapq import merge
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.beta import binomial_cdf
from assay.stats.intervals import Interval

__all__ = ["Quantile", "in_order", "quantile", "value_at"]

_SORTED_AT_ONCE = 4096


class Quantile(NamedTuple):
    """A sample quantile.

    Attributes:
        value: the smallest observation that at least the fraction q of all does not exceed; `None` without any.
        interval: its confidence interval; `None` when there are too few observations for one.
        n: number of observations.
    """

    value: float | None
    interval: Interval | None
    n: int


def quantile(values: Iterable[float], q: float, confidence: float = 0.95) -> Quantile:
    """The q-quantile and an interval between two order statistics (David and Nagaraja, Order Statistics, 7.1).

    The number of observations below the true quantile is Binomial(n, q). The interval [x_(l), x_(u)] has each
    tail at most (1 - confidence) / 2, so it covers at least `confidence` for any continuous distribution. Where
    no such l >= 1 or u <= n exists the interval is `None`: at 95 % the median needs 6 values, p95 needs 72.
    """
    if not 0.0 < q < 1.0 or not 0.0 < confidence < 1.0:
        raise EvalError(f"quantile {q!r} and confidence {confidence!r} must lie strictly between 0 and 1")
    ordered = in_order(values)
    n = len(ordered)
    return Quantile(value_at(ordered, q), _interval(ordered, q, confidence) if n else None, n)


def in_order(values: Iterable[float]) -> Sequence[float]:
    """The values sorted, piece by piece: of very many, only a few thousand are objects at a time.

    Raises:
        EvalError: one is not a number.
    """
    given = array("d", values)
    if any(map(math.isnan, given)):
        raise EvalError("a latency is not a number (NaN); leave out what was not measured")
    starts = range(0, len(given), _SORTED_AT_ONCE)
    return array("d", merge(*(array("d", sorted(given[at : at + _SORTED_AT_ONCE])) for at in starts)))


def value_at(ordered: Sequence[float], q: float) -> float | None:
    """The value of the q-quantile of values in order; None without any."""
    n = len(ordered)
    return ordered[min(n, max(1, math.ceil(round(q * n, 9)))) - 1] if n else None


def _interval(ordered: Sequence[float], q: float, confidence: float) -> Interval | None:
    n, tail = len(ordered), (1.0 - confidence) / 2.0
    low = _first(n, lambda k: binomial_cdf(k, n, q) > tail)  # P(B < low) <= tail, the largest such rank
    high = _first(n, lambda k: binomial_cdf(k, n, q) >= 1.0 - tail) + 1  # P(B >= high) <= tail, the smallest
    if low < 1 or high > n:
        return None
    return Interval(ordered[low - 1], ordered[high - 1])


def _first(n: int, holds: Callable[[int], bool]) -> int:
    """The smallest k in 0..n for which the monotone condition holds."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low
