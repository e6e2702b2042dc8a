"""The same sample asked several times: how steady answers are, and what several tries are worth.

Every figure is a mean over samples of something that is known exactly, or without bias, from a sample's own repeats, so
that its interval is that of `assay.stats.shares`: samples are independent, repeats of one are not.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import comb
from statistics import fmean, variance
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.shares import Share, share

__all__ = ["Spread", "all_of", "any_of", "pass_all_of", "pass_any_of", "spread", "steady"]


class Spread(NamedTuple):
    """Where scores vary: `within` = variance between repeats of a sample, `between` = of samples' true means."""

    within: float
    between: float


def any_of(passed: int, n: int, k: int) -> float:
    """pass@k: the chance that at least one of k tries passes, from `passed` of n repeats, without bias.

    1 - C(n - passed, k) / C(n, k): Chen et al. (2021, arXiv:2107.03374).
    """
    _check(passed, n, k)
    return 1.0 - comb(n - passed, k) / comb(n, k)


def all_of(passed: int, n: int, k: int) -> float:
    """pass^k: the chance that all of k tries pass, from `passed` of n repeats, without bias.

    C(passed, k) / C(n, k): Yao et al. (2024, arXiv:2406.12045).
    """
    _check(passed, n, k)
    return comb(passed, k) / comb(n, k)


def pass_any_of(
    counts: Sequence[tuple[int, int]], k: int, groups: Sequence[Hashable | None] | None = None, confidence: float = 0.95
) -> Share | None:
    """The mean of `any_of` over samples, given as (passed, repeats) of each; None without samples."""
    return share([any_of(passed, n, k) for passed, n in counts], groups, confidence)


def pass_all_of(
    counts: Sequence[tuple[int, int]], k: int, groups: Sequence[Hashable | None] | None = None, confidence: float = 0.95
) -> Share | None:
    """The mean of `all_of` over samples, given as (passed, repeats) of each; None without samples."""
    return share([all_of(passed, n, k) for passed, n in counts], groups, confidence)


def steady(
    counts: Sequence[tuple[int, int]], groups: Sequence[Hashable | None] | None = None, confidence: float = 0.95
) -> Share | None:
    """The share of samples whose repeats all pass or all fail, given as (passed, repeats) of each."""
    return share([float(passed in (0, n)) for passed, n in counts], groups, confidence)


def spread(values: Sequence[Sequence[float]]) -> Spread | None:
    """The variance of scores within and between samples, from the scores of each sample's repeats.

    One-way analysis of variance with random effects: `within` is the mean of the samples' own variances, `between` that
    of their means less what chance within leaves in them, at least 0 (Searle, Casella, McCulloch, Variance Components,
    3.6). More repeats shrink only what is within; more samples shrink both.

    Returns:
        None with fewer than two samples that have at least two repeats.
    """
    several = [one for one in values if len(one) > 1]
    if len(several) < 2:
        return None
    within = fmean(variance(one) for one in several)
    left = fmean(variance(one) / len(one) for one in several)
    return Spread(within, max(0.0, variance([fmean(one) for one in several]) - left))


def _check(passed: int, n: int, k: int) -> None:
    if not 0 <= passed <= n or not 1 <= k <= n:
        raise EvalError(f"{passed!r} of {n!r} passed, {k!r} tries: passed is at most n, and k between 1 and n")
