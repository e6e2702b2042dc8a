"""Resampling with a seed: an interval for a mean that assumes no distribution."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from operator import mul

from assay.stats.clusters import Cluster, mean_variance, weighted_mean
from assay.stats.intervals import Interval

__all__ = ["bootstrap_t"]

RESAMPLES = 2000
_MOST_CLUSTERS = 1000


def bootstrap_t(
    parts: Sequence[Cluster], confidence: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The studentised bootstrap interval of `weighted_mean`, groups being drawn whole.

    Efron (1981, Canadian Journal of Statistics 9:139); Davison and Hinkley, Bootstrap Methods, 5.2.1. The drawn
    quantity is each group's total less its size times the mean, the linear part of the mean's error (ibid. 2.7.2).
    The order of the groups does not matter, and exchanging all signs mirrors the interval. More than 1,000 groups are
    first joined at random to 1,000, which are independent of one another as well.

    Args:
        parts: at least two groups.
        confidence: nominal two-sided coverage.
        resamples: how many are drawn; 2,000 of 1,000 groups take 0.5 s.
        seed: of the draws.
    """
    order, other_way = sorted(parts), sorted(Cluster(-total, size) for total, size in parts)
    low, high = _drawn(max(order, other_way), confidence, resamples, random.Random(seed))  # noqa: S311 - a simulation
    if order == other_way:
        return Interval((low - high) / 2, (high - low) / 2)
    return Interval(low, high) if order > other_way else Interval(-high, -low)


def _drawn(parts: Sequence[Cluster], confidence: float, resamples: int, rng: random.Random) -> Interval:
    joined = _joined(parts, rng)
    mean, error, count = weighted_mean(joined), math.sqrt(mean_variance(joined)), len(joined)
    if error == 0:
        return Interval(mean, mean)
    residuals = [total - size * mean for total, size in joined]
    drawn = sorted(_studentised(rng.choices(residuals, k=count)) for _ in range(resamples))
    tail = max(1, math.floor((1.0 - confidence) / 2.0 * (resamples + 1)))
    return Interval(mean - drawn[-tail] * error, mean - drawn[tail - 1] * error)


def _studentised(drawn: Sequence[float]) -> float:
    """The mean of a resample in units of its own standard error; without any spread it says nothing: 0."""
    count, total = len(drawn), math.fsum(drawn)
    spread = sum(map(mul, drawn, drawn)) - total * total / count
    return total / math.sqrt(count / (count - 1) * spread) if spread > 1e-12 else 0.0


def _joined(parts: Sequence[Cluster], rng: random.Random) -> Sequence[Cluster]:
    if len(parts) <= _MOST_CLUSTERS:
        return parts
    order = rng.sample(parts, len(parts))
    bundles = (order[start::_MOST_CLUSTERS] for start in range(_MOST_CLUSTERS))
    return [Cluster(sum(total for total, _ in some), sum(size for _, size in some)) for some in bundles]
