"""Values that come in groups: samples of one document, answers of one customer, repeats of one question.

What is of one group is alike, so that ten samples of one document tell less than ten of ten documents. The unit that
is independent is the group; a value without a group is a group of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from assay.errors import EvalError

__all__ = ["Cluster", "clusters", "mean_variance", "weighted_mean"]


class Cluster(NamedTuple):
    """One group: the sum of its values and how many there are."""

    total: float
    size: float


def clusters(values: Sequence[float], groups: Sequence[Hashable | None] | None = None) -> list[Cluster]:
    """Values summed up by group, in the order in which groups appear.

    Args:
        values: one per sample.
        groups: the group of each; None = the sample stands alone.

    Raises:
        EvalError: not as many groups as values.
    """
    if groups is None:
        return [Cluster(value, 1) for value in values]
    if len(groups) != len(values):
        raise EvalError(f"{len(values)} values have {len(groups)} groups; give one group, or None, for each value")
    found: dict[Hashable, Cluster] = {}
    for place, (value, group) in enumerate(zip(values, groups, strict=True)):
        key = (place,) if group is None else (group, None)
        total, size = found.get(key, (0.0, 0))
        found[key] = Cluster(total + value, size + 1)
    return list(found.values())


def weighted_mean(parts: Sequence[Cluster]) -> float:
    """The mean of all values in the groups: each value counts alike, not each group."""
    return sum(total for total, _ in parts) / sum(size for _, size in parts)


def mean_variance(parts: Sequence[Cluster]) -> float:
    """The cluster-robust variance of `weighted_mean`, for at least two groups.

    G / (G - 1) * sum of (total - size * mean)^2 over groups / n^2: Liang and Zeger (1986, Biometrika 73:13) for a
    mean, with the small-sample factor that is called CR1. With groups of one it is s^2 / n.
    """
    count, n, mean = len(parts), sum(size for _, size in parts), weighted_mean(parts)
    return count / (count - 1) * sum((total - size * mean) ** 2 for total, size in parts) / (n * n)
