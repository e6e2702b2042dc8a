"""Quantiles of latencies with confidence intervals that assume nothing about their distribution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.beta import binomial_cdf
from assay.stats.intervals import Interval

__all__ = ["Quantile", "quantile"]


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
    ordered = sorted(values)
    n = len(ordered)
    if any(math.isnan(value) for value in ordered):
        raise EvalError("a latency is not a number (NaN); leave out what was not measured")
    if n == 0:
        return Quantile(None, None, 0)
    rank = min(n, max(1, math.ceil(round(q * n, 9))))
    return Quantile(ordered[rank - 1], _interval(ordered, q, confidence), n)


def _interval(ordered: list[float], q: float, confidence: float) -> Interval | None:
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
