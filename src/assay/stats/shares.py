"""The mean of scores between 0 and 1, with an interval that is honest about groups, fractions, and all-right runs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.anytime import anytime
from assay.stats.clusters import Cluster, clusters, mean_variance, weighted_mean
from assay.stats.intervals import Interval, wilson, z_score
from assay.stats.student import t_score

__all__ = ["Share", "share"]


class Share(NamedTuple):
    """A mean of scores.

    Attributes:
        value: the mean; for right or wrong, the share of right ones.
        interval: for new work of the same kind.
        n: number of scores.
        groups: number of groups, those of one score counted.
        effective_n: as many independent right-or-wrong scores would have this interval.
    """

    value: float
    interval: Interval
    n: int
    groups: int
    effective_n: float


def share(
    values: Sequence[float], groups: Sequence[Hashable | None] | None = None, confidence: float = 0.95, *,
    stopped: bool = False,
) -> Share | None:  # fmt: skip
    """The mean of scores in [0, 1] and its interval: Wilson's, with as many scores as the data are worth.

    Where what was seen has ended the sampling (`stopped`), it is `anytime`'s instead, which is wider.

    Right-or-wrong scores without groups have Wilson's interval itself. Otherwise the variance of the mean is estimated
    between groups (`mean_variance`; each score is a group where there are none), and n scores are worth
    n_eff = p(1 - p) / variance, times (z / t)^2 with G - 1 degrees of freedom for G groups: Korn and Graubard
    (1998, Survey Methodology 24:193), put into Wilson's interval as by Dean and Pagano (2015, Journal of Survey
    Statistics and Methodology 3:484). Groups never count as worth more than their scores alone.

    A few errors do not show how they cluster, and none show nothing at all. So the design effect n / n_eff is averaged
    with the worst one there could be (each group all right or all wrong) as though one more error had been seen there.
    Simulated coverage: `python -m benchmarks.coverage`, docs/decisions/033-intervals.md.

    Returns:
        None without scores.

    Raises:
        EvalError: a score is not in [0, 1], or `groups` has another length.
    """
    if not values:
        return None
    if not all(0.0 <= value <= 1.0 for value in values):
        raise EvalError(f"scores lie between 0 and 1, not {next(v for v in values if not 0 <= v <= 1)!r}")
    interval = anytime if stopped else wilson
    n, whole = len(values), all(value in (0.0, 1.0) for value in values)
    if whole and groups is None:
        return Share(sum(values) / n, interval(sum(values), n, confidence), n, n, float(n))
    parts = clusters(values, groups)
    effective = float(n) if whole and len(parts) == n else _effective_n(values, parts, confidence)
    value = min(1.0, weighted_mean(parts))
    return Share(value, interval(value * effective, effective, confidence), n, len(parts), effective)


def _effective_n(values: Sequence[float], parts: Sequence[Cluster], confidence: float) -> float:
    n, count = len(values), len(parts)
    worst = sum(size * size for _, size in parts) / n
    if count < 2:
        return 1.0
    value = weighted_mean(parts)
    spread = value * (1.0 - value) / n  # variance of the mean of right-or-wrong scores
    effect, seen = worst, 0.0
    if spread > 0:
        alone = min(1.0, mean_variance(clusters(values)) / spread)
        effect = max(alone, mean_variance(parts) / spread)
        seen = n * min(value, 1.0 - value)
    effect = (seen * effect + worst) / (seen + 1.0)
    return n / effect * (z_score(confidence) / t_score(confidence, count - 1)) ** 2
