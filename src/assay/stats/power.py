"""What a number of samples can show, and how many are needed, told before they are paid for.

In a paired comparison two candidates answer the same samples. Only those count where one is right and the other wrong:
their share is `discordant`, and the difference of the two shares of right answers is at most that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from assay.errors import EvalError
from assay.stats.beta import binomial_cdf
from assay.stats.intervals import wilson

__all__ = ["chance_told", "detectable_difference", "half_width", "pairs_needed"]


def pairs_needed(difference: float, discordant: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Samples with which McNemar's test finds a true difference with probability `power`.

    n = (z_alpha sqrt(psi) + z_beta sqrt(psi - d^2))^2 / d^2 with psi the discordant share and d the difference:
    Connor (1987, Biometrics 43:207), for the large-sample test. The exact one needs a little more; 2 / d is added,
    with which its power, computed exactly, was never below the wanted one (tests/unit/stats/test_power.py).

    Args:
        difference: true difference of the two shares; its sign does not matter.
        discordant: share of samples that exactly one of the two gets right.
        alpha: two-sided level of the test.
        power: wanted probability of finding the difference.

    Returns:
        None for a difference of 0, which no number of samples finds.

    Raises:
        EvalError: a difference above the discordant share cannot be, nor can shares outside 0 to 1.
    """
    _check(discordant, alpha, power)
    size = abs(difference)
    if size > discordant + 1e-12:
        raise EvalError(f"a difference of {difference!r} cannot come from {discordant!r} discordant samples")
    if size == 0:
        return None
    normal = NormalDist()
    spread = math.sqrt(max(0.0, discordant - size * size))
    root = normal.inv_cdf(1 - alpha / 2) * math.sqrt(discordant) + normal.inv_cdf(power) * spread
    return math.ceil(root * root / (size * size) + 2 / size)


def detectable_difference(n: int, discordant: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """The least difference that `n` samples find with probability `power`, by bisection of `pairs_needed`.

    Returns:
        None where even the largest possible one, all discordant samples on one side, would be missed.
    """
    _check(discordant, alpha, power)

    def enough(difference: float) -> bool:
        need = pairs_needed(difference, discordant, alpha=alpha, power=power)
        return need is not None and need <= n

    if not enough(discordant):
        return None
    low, high = 0.0, discordant
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(discordant: float, alpha: float, power: float) -> None:
    if not 0 <= discordant <= 1 or not 0 < alpha < 1 or not 0 < power < 1:
        raise EvalError(
            f"discordant {discordant!r}, alpha {alpha!r} and power {power!r} must be shares between 0 and 1"
        )


def half_width(n: float, share: float = 0.5, confidence: float = 0.95) -> float:
    """Half the width of Wilson's interval of a share that so many scores give; 0.5 is the share with the widest."""
    low, high = wilson(share * n, n, confidence)
    return (high - low) / 2


def chance_told(n: int, share: float, bar: float, confidence: float = 0.95) -> float:
    """The chance that the interval of a candidate lies wholly on the right side of a bar.

    Exact: the binomial chance of all counts of passes whose Wilson interval is above the bar, for a candidate whose
    true share is above it, or below.

    Args:
        n: samples.
        share: true share of passes.
        bar: another share.
        confidence: of the interval.
    """
    if share >= bar:
        least = _first(n + 1, lambda k: k > n or wilson(k, n, confidence).low > bar)
        return 1.0 - binomial_cdf(least - 1, n, share)
    most = _first(n + 1, lambda k: k > n or wilson(k, n, confidence).high >= bar) - 1
    return binomial_cdf(most, n, share)


def _first(end: int, holds: Callable[[int], bool]) -> int:
    """The smallest k in 0..end for which a monotone condition holds."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
