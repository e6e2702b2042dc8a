"""Confidence intervals of one proportion.

`wilson` is for showing a score with its uncertainty; `clopper_pearson` and `upper_bound` never cover less than
they say and are for guarantees.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.beta import beta_quantile

__all__ = ["Interval", "clopper_pearson", "upper_bound", "wilson", "z_score"]


class Interval(NamedTuple):
    """A closed interval. It unpacks as `low, high`."""

    low: float
    high: float


def z_score(confidence: float) -> float:
    """The two-sided standard normal quantile of `confidence` (1.96 for 0.95)."""
    _check_confidence(confidence)
    return NormalDist().inv_cdf(1.0 - (1.0 - confidence) / 2.0)


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise EvalError(f"confidence must lie strictly between 0 and 1, not {confidence!r}")


def _check_counts(successes: float, n: float) -> None:
    if n < 0 or not 0 <= successes <= n:
        raise EvalError(f"{successes!r} successes of {n!r}: both must be >= 0 and successes at most n")


def wilson(successes: float, n: float, confidence: float = 0.95) -> Interval:
    """The score interval of Wilson (1927, JASA 22:209), without continuity correction.

    Args:
        successes: sum of the scores. It may be fractional when a score is any value in [0, 1]: the variance of
            such a score is at most p(1 - p), that of right or wrong with the same mean, so it errs to the wide side.
        n: number of scores, or what they are worth (`assay.stats.shares`); with 0 nothing is known: [0, 1].
        confidence: nominal two-sided coverage. The real coverage swings around it and may fall below.
    """
    z = z_score(confidence)
    _check_counts(successes, n)
    if n == 0:
        return Interval(0.0, 1.0)
    p = successes / n
    z2 = z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """The exact two-sided interval of Clopper and Pearson (1934, Biometrika 26:404) as beta quantiles.

    Its coverage is at least `confidence` for every true proportion.
    """
    _check_confidence(confidence)
    _check_counts(k, n)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if k == 0 else beta_quantile(tail, k, n - k + 1)
    high = 1.0 if k == n else beta_quantile(1.0 - tail, k + 1, n - k)
    return Interval(low, high)


def upper_bound(k: int, n: int, confidence: float = 0.95) -> float:
    """The exact one-sided upper confidence bound of a proportion (Clopper and Pearson with all error on one side).

    `upper_bound(0, n)` is 1 - (1 - confidence) ** (1 / n): none of 300 seen still allows 1 % at 95 %.
    """
    _check_confidence(confidence)
    _check_counts(k, n)
    return 1.0 if k == n else beta_quantile(confidence, k + 1, n - k)
