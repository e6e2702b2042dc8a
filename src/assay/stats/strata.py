"""Does one part pass more seldom, or more often, than the rest: exact, with unlike strata kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

from assay.errors import EvalError

__all__ = ["Stratum", "part_differs"]

_EQUAL = 1 + 1e-9
"""Two chances that are the same number but for rounding."""


class Stratum(NamedTuple):
    """What passed of a part and of the rest, under conditions that are alike for both."""

    part_passed: int
    part: int
    rest_passed: int
    rest: int


def part_differs(strata: Sequence[Stratum]) -> float:
    """Two-sided p-value of: within each stratum the part passes as often as the rest.

    Given how many passed in each stratum, the part's passes are hypergeometric; their sum over the strata is compared
    with its exact distribution: Birch (1964, Journal of the Royal Statistical Society B 26:313), for one stratum
    Fisher's exact test. Sums that are no more likely than the one seen count, as R's `mantelhaen.test(exact = TRUE)`
    does. Without anything to compare the value is 1.

    Raises:
        EvalError: counts are negative, or more have passed than there are.
    """
    chances, least, seen = [1.0], 0, 0
    for one in strata:
        if min(one) < 0 or one.part_passed > one.part or one.rest_passed > one.rest:
            raise EvalError(f"{one} is no count of what passed: passes must be >= 0 and at most as many as there are")
        low, each = _chances(one)
        chances = _sum_of(chances, each)
        least += low
        seen += one.part_passed
    limit = chances[seen - least] * _EQUAL
    return min(1.0, sum(chance for chance in chances if chance <= limit))


def _chances(one: Stratum) -> tuple[int, list[float]]:
    """The least number of passes that the part can have, and the chance of each number from it on."""
    passed, whole = one.part_passed + one.rest_passed, one.part + one.rest
    low, high = max(0, passed - one.rest), min(one.part, passed)
    every = comb(whole, passed)
    return low, [comb(one.part, k) * comb(one.rest, passed - k) / every for k in range(low, high + 1)]


def _sum_of(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Chances of a sum of two independent numbers."""
    total = [0.0] * (len(first) + len(second) - 1)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            total[i + j] += a * b
    return total
