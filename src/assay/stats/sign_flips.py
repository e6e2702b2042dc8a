"""Is a mean difference more than chance: a permutation test that needs no distribution and knows groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

__all__ = ["sign_flip_test"]

_MOST_WORK = 10**10
"""Bits that are added in all, which take about half a second."""
_LARGEST_DENOMINATOR = 1000


def sign_flip_test(differences: Sequence[float]) -> float:
    """Two-sided p-value: the share of all 2^k choices of signs whose sum is at least as far from 0 as the one seen.

    If A and B do equally well in every group, the names could be exchanged in any of them, and each group's total
    difference has either sign with chance 1/2. Source: Fisher (1935, The Design of Experiments, 21). For differences
    of -1, 0 and 1 it is McNemar's exact test; with totals of groups its large-sample form is the test of clustered
    matched pairs of Yang, Sun and Hardin (2010, Biometrical Journal 52:638), which is used where counting all choices
    would take too long: for more than about a thousand.

    Args:
        differences: total of A minus total of B, per group.
    """
    moved = [abs(one) for one in differences if one != 0]
    seen = abs(math.fsum(differences))
    if not moved or seen <= 1e-12:
        return 1.0
    whole = _whole(moved)
    if whole is None or (sum(whole) + 1) * len(whole) ** 2 > _MOST_WORK:
        return math.erfc(seen / math.sqrt(2 * math.fsum(one * one for one in moved)))
    total = sum(whole)
    scale = total / math.fsum(moved)
    return _exact(whole, (total - round(seen * scale)) // 2)


def _whole(sizes: Sequence[float]) -> list[int] | None:
    """The sizes as whole multiples of one unit; None where they have none that is not tiny."""
    fractions = [Fraction(size).limit_denominator(_LARGEST_DENOMINATOR) for size in sizes]
    unit = math.lcm(*(one.denominator for one in fractions))
    if unit > _LARGEST_DENOMINATOR**2 or any(
        abs(float(one) - size) > 1e-9 for one, size in zip(fractions, sizes, strict=True)
    ):
        return None
    return [int(one * unit) for one in fractions]


def _exact(sizes: Sequence[int], most: int) -> float:
    """Twice the share of subsets whose sum is at most `most`, at most 1.

    Subsets are counted by their sum in one long integer: digit s, of k + 1 bits, says how many have the sum s.
    """
    width = len(sizes) + 1
    counts = 1
    for size in sizes:
        counts += counts << (width * size)
    tail = counts & ((1 << (width * (most + 1))) - 1)
    few = tail % ((1 << width) - 1)  # the sum of the digits, which is below this modulus
    return min(1.0, 2 * few / (1 << len(sizes)))
