"""Intervals of one proportion agree with scipy and cover what they promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.beta import binomial_cdf, regularised_beta
from assay.stats.intervals import Interval, clopper_pearson, upper_bound, wilson

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@given(counts, confidences)
def test_wilson_agrees_with_scipy(count: tuple[int, int], confidence: float) -> None:
    """The score interval is scipy's `proportion_ci(method="wilson")`."""
    k, n = count
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson(k, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(counts, confidences)
def test_clopper_pearson_agrees_with_scipy(count: tuple[int, int], confidence: float) -> None:
    """The exact interval is scipy's, computed there with other code."""
    k, n = count
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
    assert clopper_pearson(k, n, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@given(counts, confidences)
def test_upper_bound_agrees_with_scipy(count: tuple[int, int], confidence: float) -> None:
    """The one-sided bound is the one of scipy's test with alternative `less`."""
    k, n = count
    theirs = stats.binomtest(k, n, alternative="less").proportion_ci(confidence, method="exact")
    assert upper_bound(k, n, confidence) == pytest.approx(theirs.high, abs=1e-9)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.1, 5000), st.floats(0.1, 5000))
def test_the_beta_function_agrees_with_scipy(x: float, a: float, b: float) -> None:
    """The regularised incomplete beta function is right over a wide range."""
    assert regularised_beta(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-9)


@given(counts, st.floats(0.001, 0.999))
def test_binomial_tails_agree_with_scipy(count: tuple[int, int], p: float) -> None:
    """P(B <= k) is scipy's."""
    k, n = count
    assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), abs=1e-9)


@given(st.integers(1, 500), st.data())
def test_fractional_scores_lie_between_whole_ones(n: int, data: st.DataObject) -> None:
    """A sum of scores between two counts has limits between theirs."""
    k = data.draw(st.integers(0, n - 1))
    below, between, above = wilson(k, n), wilson(k + 0.5, n), wilson(k + 1, n)
    assert below.low <= between.low <= above.low
    assert below.high <= between.high <= above.high


@given(counts)
def test_intervals_hold_the_observed_proportion(count: tuple[int, int]) -> None:
    """Every interval lies in [0, 1] and holds k/n; the exact one is the wider at its upper end."""
    k, n = count
    for low, high in (wilson(k, n), clopper_pearson(k, n)):
        assert 0 <= low <= k / n <= high <= 1
    assert upper_bound(k, n) <= clopper_pearson(k, n).high


def test_nothing_seen_is_nothing_known() -> None:
    """With no trials every proportion is possible."""
    assert wilson(0, 0) == clopper_pearson(0, 0) == Interval(0.0, 1.0)
    assert upper_bound(0, 0) == 1.0


def test_none_of_many_has_the_closed_form() -> None:
    """For no event in n the bound is 1 - (1 - confidence) ** (1/n): about 3/n."""
    for n in (1, 10, 300, 1000, 100_000):
        assert upper_bound(0, n, 0.95) == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-9)


@pytest.mark.parametrize("arguments", [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(arguments: tuple[int, int]) -> None:
    """Counts that cannot be are an error that names them."""
    for function in (wilson, clopper_pearson, upper_bound):
        with pytest.raises(EvalError, match=str(arguments[0])):
            function(*arguments)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -0.1])
def test_a_confidence_in_percent_is_refused(confidence: float) -> None:
    """Confidence is a proportion; 95 is a mistake worth stopping at."""
    for function in (wilson, clopper_pearson, upper_bound):
        with pytest.raises(EvalError, match="confidence"):
            function(1, 2, confidence)


@pytest.mark.parametrize("p", [0.02, 0.1, 0.5, 0.77, 0.97])
@pytest.mark.parametrize("n", [15, 60, 250])
def test_exact_coverage_of_the_intervals(n: int, p: float) -> None:
    """Summed over all outcomes: the exact methods cover at least 95 %, Wilson not far below (0.89 is its worst)."""
    weights = [float(stats.binom.pmf(k, n, p)) for k in range(n + 1)]

    def coverage(holds: list[bool]) -> float:
        return sum(w for w, hold in zip(weights, holds, strict=True) if hold)

    exact = [clopper_pearson(k, n) for k in range(n + 1)]
    score = [wilson(k, n) for k in range(n + 1)]
    assert coverage([low <= p <= high for low, high in exact]) >= 0.95 - 1e-9
    assert coverage([p <= upper_bound(k, n) for k in range(n + 1)]) >= 0.95 - 1e-9
    assert coverage([low <= p <= high for low, high in score]) >= 0.89


def test_simulated_coverage_is_neither_too_small_nor_too_large() -> None:
    """Drawn samples: Wilson covers 95 % within 1.5 points, and a too narrow interval fails the same test."""
    rng = random.Random(20261123)  # noqa: S311 - a seeded simulation
    runs, n, p = 4000, 120, 0.82
    draws = [sum(rng.random() < p for _ in range(n)) for _ in range(runs)]

    def covered(confidence: float) -> float:
        return sum(low <= p <= high for low, high in (wilson(k, n, confidence) for k in draws)) / runs

    assert covered(0.95) == pytest.approx(0.95, abs=0.015)
    assert covered(0.90) < 0.935  # what the check above would not let pass
