"""Two candidates on the same samples, whatever their scores: right or wrong, fractions, in groups or not."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from assay.stats.bootstrap import bootstrap_t
from assay.stats.clusters import Cluster, clusters, mean_variance, weighted_mean
from assay.stats.intervals import Interval
from assay.stats.paired import mcnemar_exact, paired_difference
from assay.stats.sign_flips import sign_flip_test
from assay.stats.student import t_score

__all__ = ["Matched", "clustered_difference", "matched"]


class Matched(NamedTuple):
    """Mean score of A minus mean score of B.

    Attributes:
        value: the difference.
        interval: its confidence interval.
        p_value: of the hypothesis that neither is better.
        n: number of samples.
        groups: number of groups, those of one sample counted.
        discordant: mean square of a sample's difference; for right or wrong, the share that only one got right.
        design_effect: so many times as many samples are needed as without groups, as these data show it; 1 or more.
    """

    value: float
    interval: Interval
    p_value: float
    n: int
    groups: int
    discordant: float
    design_effect: float


def matched(
    pairs: Sequence[tuple[float, float]], groups: Sequence[Hashable | None] | None = None, confidence: float = 0.95
) -> Matched | None:
    """Compare paired scores in [0, 1].

    Right or wrong without groups: McNemar's exact test and Newcombe's interval (`assay.stats.paired`). Otherwise the
    test is `sign_flip_test` on the groups' totals, which is McNemar's for such scores. The interval is then, for right
    or wrong in groups, `clustered_difference`, and for fractions the bootstrap (`bootstrap_t`). Both have one win added
    on each side, as by Bonett and Price (2012, Journal of Educational and Behavioral Statistics 37:479), so that few
    differences do not look like none. In groups a win is added with others of its group, (mean size - 1) /
    (1 + differences seen) of them, since few differences do not show either whether they come together. Simulated
    coverage: `python -m benchmarks.coverage`, docs/decisions/033-intervals.md.

    Returns:
        None without pairs.
    """
    if not pairs:
        return None
    whole = all(a in (0.0, 1.0) and b in (0.0, 1.0) for a, b in pairs)
    if whole and groups is None:
        return _plain(pairs)
    parts = clusters([a - b for a, b in pairs], groups)
    if whole and len(parts) == len(pairs):
        return _plain(pairs)
    added = _either_way(parts, math.fsum(abs(a - b) for a, b in pairs))
    interval = clustered_difference(parts, added, confidence) if whole else bootstrap_t([*parts, *added], confidence)
    value = weighted_mean(parts)
    p_value = sign_flip_test([total for total, _ in parts])
    squares = math.fsum((a - b) ** 2 for a, b in pairs)
    effect = max(1.0, math.fsum(total * total for total, _ in parts) / squares) if squares else 1.0
    return Matched(value, _inside(interval, value), p_value, len(pairs), len(parts), squares / len(pairs), effect)


def clustered_difference(parts: Sequence[Cluster], added: Sequence[Cluster] = (), confidence: float = 0.95) -> Interval:
    """The mean of all values +- t * its cluster-robust standard error.

    Student's t has one degree of freedom less than there are groups: Cameron and Miller (2015, Journal of Human
    Resources 50:317, VI.D).

    Args:
        parts: at least two groups, with `added`.
        added: groups that count in the mean and its error, not in the degrees of freedom.
        confidence: nominal two-sided coverage.
    """
    every = [*parts, *added]
    mean, error = weighted_mean(every), math.sqrt(mean_variance(every))
    half = t_score(confidence, max(1, len(parts) - 1)) * error
    return Interval(mean - half, mean + half)


def _either_way(parts: Sequence[Cluster], seen: float) -> tuple[Cluster, Cluster]:
    mean_size = sum(size for _, size in parts) / len(parts)
    size = 1.0 + (mean_size - 1.0) / (1.0 + seen)
    return Cluster(size, size), Cluster(-size, size)


def _plain(pairs: Sequence[tuple[float, float]]) -> Matched:
    only_a, only_b = sum(a > b for a, b in pairs), sum(b > a for a, b in pairs)
    both = sum(a == b == 1.0 for a, b in pairs)
    found = paired_difference(both, only_a, only_b, len(pairs) - both - only_a - only_b)
    assert found is not None  # noqa: S101 - there are pairs
    n, p_value = len(pairs), mcnemar_exact(only_a, only_b)
    return Matched(found.value, found.interval, p_value, n, n, (only_a + only_b) / n, 1.0)


def _inside(interval: Interval, value: float) -> Interval:
    """Within [-1, 1], and around the value itself, from which what was added may have moved it."""
    return Interval(max(-1.0, min(interval.low, value)), min(1.0, max(interval.high, value)))
