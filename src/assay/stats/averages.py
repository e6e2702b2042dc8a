"""The mean of measured amounts, with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from assay.stats.intervals import Interval
from assay.stats.student import t_score

__all__ = ["Average", "average"]


class Average(NamedTuple):
    """A mean of `n` amounts; no interval where there is one amount only."""

    n: int
    value: float
    interval: Interval | None


def average(values: Sequence[float], confidence: float = 0.95) -> Average | None:
    """The mean with Student's interval, cut at 0: amounts are not negative.

    It holds for the mean of many amounts, however they lie (central limit theorem); of a few it is a guide.

    Args:
        values: amounts, none of them below 0.
        confidence: nominal two-sided coverage.

    Returns:
        None without values.
    """
    n = len(values)
    if not n:
        return None
    mean = math.fsum(values) / n
    if n == 1:
        return Average(n, mean, None)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    reach = t_score(confidence, n - 1) * deviation / math.sqrt(n)
    return Average(n, mean, Interval(max(0.0, mean - reach), mean + reach))
