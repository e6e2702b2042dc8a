"""Shares: Wilson's interval where scores stand alone, statsmodels' cluster-robust variance where they do not."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import EvalError
from assay.stats.clusters import clusters, mean_variance, weighted_mean
from assay.stats.intervals import Interval, wilson
from assay.stats.shares import share

scores = st.lists(st.floats(0, 1), min_size=3, max_size=60)
verdicts = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=60)


@given(verdicts)
def test_scores_that_stand_alone_have_wilsons_interval(values: list[float]) -> None:
    """Right or wrong without groups: Wilson to the last bit, also where every group has one member."""
    found = share(values)
    assert found is not None
    assert found.interval == wilson(sum(values), len(values))
    assert (found.n, found.groups, found.effective_n) == (len(values), len(values), len(values))
    assert share(values, [None] * len(values)) == found
    assert share(values, list(range(len(values)))) == found


@given(scores, st.integers(2, 12))
def test_the_variance_is_that_of_statsmodels(values: list[float], groups: int) -> None:
    """The mean's variance between groups is that of an intercept-only regression with cov_type="cluster"."""
    names = [place % groups for place in range(len(values))]
    if len(set(names)) < 2:
        return
    fit = sm.OLS(np.array(values), np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": np.array(names)})
    parts = clusters(values, names)
    assert weighted_mean(parts) == pytest.approx(float(fit.params[0]), abs=1e-12)
    assert mean_variance(parts) == pytest.approx(float(fit.cov_params()[0][0]), rel=1e-9, abs=1e-15)


@given(scores)
def test_groups_of_one_have_the_usual_variance(values: list[float]) -> None:
    """Without groups it is s^2 / n."""
    assert mean_variance(clusters(values)) == pytest.approx(float(np.var(values, ddof=1)) / len(values), abs=1e-15)


@given(scores, st.integers(1, 10))
def test_the_interval_holds_the_mean_and_stays_a_share(values: list[float], groups: int) -> None:
    """0 <= low <= mean <= high <= 1 for any scores and groups."""
    found = share(values, [place % groups for place in range(len(values))])
    assert found is not None
    assert 0 <= found.interval.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.interval.high <= 1
    assert found.value == pytest.approx(math.fsum(values) / len(values))


@given(verdicts, st.integers(1, 10))
def test_groups_never_narrow_an_interval(values: list[float], groups: int) -> None:
    """Right or wrong in groups is never worth more than the same scores standing alone."""
    found = share(values, [place % groups for place in range(len(values))])
    assert found is not None
    assert found.effective_n <= len(values) + 1e-9


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_is_not_all_known(value: float) -> None:
    """With nothing wrong the groups count, not the samples: 10 groups of 10 are worth less than 10 samples."""
    found = share([value] * 100, [place // 10 for place in range(100)])
    assert found is not None
    assert 5 < found.effective_n < 10
    assert found.interval.high - found.interval.low > 0.27
    equal = share([0.5] * 30)
    assert equal is not None
    assert equal.interval.high - equal.interval.low > 0.05


def test_groups_that_fail_whole_lower_the_limit() -> None:
    """With each group of five that fails as a whole the limit falls; an error that stands alone shows no clustering."""
    names = [place // 5 for place in range(100)]
    lows = []
    for wrong in range(6):
        found = share([0.0] * (5 * wrong) + [1.0] * (100 - 5 * wrong), names)
        assert found is not None
        lows.append(found.interval.low)
    assert lows == sorted(lows, reverse=True)
    alone = share([float(place % 20 != 0) for place in range(100)], names)
    assert alone is not None
    assert alone.interval.low > lows[1]


def test_fractions_are_worth_more_than_right_or_wrong() -> None:
    """Means of repeats that lie close together have a narrower interval than Wilson's of the same mean."""
    values = [0.6, 0.8] * 50
    found = share(values)
    assert found is not None
    plain = wilson(70, 100)
    assert found.interval.high - found.interval.low < 0.5 * (plain.high - plain.low)


def test_one_group_says_little() -> None:
    """All samples of one group are one observation."""
    found = share([1.0, 0.0, 1.0, 1.0], ["a"] * 4)
    assert found is not None
    assert found.interval == wilson(0.75, 1)


def test_nothing_and_nonsense() -> None:
    """No scores are no share; a score above 1 and groups of another number are refused by value."""
    assert share([]) is None
    with pytest.raises(EvalError, match=r"1\.5"):
        share([0.0, 1.5])
    with pytest.raises(EvalError, match="not nan"):
        share([0.0, math.nan])
    with pytest.raises(EvalError, match="2 values have 1 groups"):
        share([0.0, 1.0], ["a"])


def _drawn(rng: random.Random, groups: int, size: int, mean: float, correlation: float) -> list[float]:
    weight = 1 / correlation - 1
    chances = [rng.betavariate(mean * weight, (1 - mean) * weight) for _ in range(groups)]
    return [float(rng.random() < chance) for chance in chances for _ in range(size)]


@pytest.mark.parametrize(
    ("groups", "size", "mean", "correlation"), [(8, 10, 0.85, 0.4), (20, 10, 0.5, 0.2), (40, 5, 0.95, 0.6)]
)
def test_simulated_coverage_in_groups(groups: int, size: int, mean: float, correlation: float) -> None:
    """Drawn groups: the share is covered in 93 % or more, and Wilson's interval, blind to groups, is far below."""
    rng, runs = random.Random(3), 400  # noqa: S311 - a seeded simulation
    names = [place // size for place in range(groups * size)]
    ours, blind = 0, 0
    for _ in range(runs):
        values = _drawn(rng, groups, size, mean, correlation)
        found = share(values, names)
        assert found is not None
        ours += _holds(found.interval, mean)
        blind += _holds(wilson(sum(values), len(values)), mean)
    assert ours / runs >= 0.93
    assert blind / runs < 0.87


def test_simulated_coverage_of_fractions() -> None:
    """Skewed fractions, 20 of them: covered in 94 % or more, where mean +- 1.96 standard errors is far below."""
    rng, runs, truth = random.Random(4), 500, 0.9 + 0.1 * 0.2  # noqa: S311 - a seeded simulation
    ours, usual = 0, 0
    for _ in range(runs):
        values = [1.0 if rng.random() < 0.9 else 0.2 for _ in range(20)]
        found = share(values)
        assert found is not None
        ours += _holds(found.interval, truth)
        mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(20)
        usual += _holds(Interval(mean - 1.96 * error, mean + 1.96 * error), truth)
    assert ours / runs >= 0.94
    assert usual / runs < 0.9


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high
