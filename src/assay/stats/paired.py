"""Two candidates on the same samples: is one better, and by how much.

Only samples that both have a score for count. The four counts are: right for `both`, `only_a`, `only_b`, `neither`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.intervals import Interval, wilson

__all__ = ["PairedDifference", "mcnemar_exact", "paired_difference"]


class PairedDifference(NamedTuple):
    """`value` = proportion of A minus proportion of B, with its confidence interval."""

    value: float
    interval: Interval


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p-value of McNemar's test: twice the smaller binomial(b + c, 1/2) tail, at most 1.

    Computed in integers, so it is right to the last bit. Source: McNemar (1947, Psychometrika 12:153), with the
    binomial in place of chi-squared (Fagerland, Lydersen, Laake 2013, BMC Med Res Methodol 13:91).

    Args:
        b: samples that only A got right.
        c: samples that only B got right.
    """
    if b < 0 or c < 0:
        raise EvalError(f"counts must be >= 0, not {b!r} and {c!r}")
    n, k = b + c, min(b, c)
    if b == c:
        return 1.0
    term = tail = 1
    for i in range(k):
        term = term * (n - i) // (i + 1)
        tail += term
    return min(1.0, tail / (1 << (n - 1)))


def _phi(both: int, only_a: int, only_b: int, neither: int) -> float:
    """The correlation used by Newcombe's method 10: a positive cross product is reduced by n/2, not below 0."""
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if margins == 0:
        return 0.0
    cross: float = both * neither - only_a * only_b
    if cross > 0:
        cross = max(cross - (both + only_a + only_b + neither) / 2, 0.0)
    return cross / math.sqrt(margins)


def paired_difference(
    both: int, only_a: int, only_b: int, neither: int, confidence: float = 0.95
) -> PairedDifference | None:
    """Difference of two paired proportions with Newcombe's hybrid score interval.

    Method 10 of Newcombe (1998, Statistics in Medicine 17:2635): Wilson limits of each proportion (without
    continuity correction), joined by square-and-add with the corrected correlation phi. `None` without samples.
    """
    counts = (both, only_a, only_b, neither)
    if min(counts) < 0:
        raise EvalError(f"counts must be >= 0, not {counts}")
    n = sum(counts)
    if n == 0:
        return None
    p_a, p_b = (both + only_a) / n, (both + only_b) / n
    low_a, high_a = wilson(both + only_a, n, confidence)
    low_b, high_b = wilson(both + only_b, n, confidence)
    phi = _phi(*counts)
    below = _join(p_a - low_a, high_b - p_b, phi)
    above = _join(high_a - p_a, p_b - low_b, phi)
    value = (only_a - only_b) / n
    return PairedDifference(value, Interval(max(-1.0, value - below), min(1.0, value + above)))


def _join(x: float, y: float, phi: float) -> float:
    return math.sqrt(max(0.0, x * x - 2 * phi * x * y + y * y))
