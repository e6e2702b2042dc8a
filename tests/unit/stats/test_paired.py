"""Paired comparisons agree with scipy and with published examples."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.paired import mcnemar_exact, paired_difference

cells = st.integers(0, 200)


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(b: int, c: int) -> None:
    """The p-value is scipy's exact binomial test of b among b + c at one half."""
    theirs = stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar_exact(b, c) == pytest.approx(theirs, rel=1e-9, abs=1e-290)


def test_mcnemar_without_discordant_pairs_says_nothing() -> None:
    """No disagreement is no evidence."""
    assert mcnemar_exact(0, 0) == 1.0


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe 1998, table II, method 10
        ((1, 1, 7, 12), -0.507, -0.026),  # Bentur 2009 in Fagerland, Lydersen, Laake 2014, table VII
        ((14, 5, 0, 22), 0.011, 0.226),  # Altman, Statistics with Confidence, 2nd ed., p. 52
    ],
)
def test_published_intervals_are_reproduced(table: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe's method 10 gives the figures that were printed."""
    found = paired_difference(*table)
    assert found is not None
    assert found.interval == pytest.approx((low, high), abs=6e-4)


@given(cells, cells, cells, cells)
def test_the_interval_holds_the_difference_and_swaps_with_the_candidates(a: int, b: int, c: int, d: int) -> None:
    """It lies in [-1, 1], holds the estimate, and changes sign when A and B change places."""
    found, swapped = paired_difference(a, b, c, d), paired_difference(a, c, b, d)
    if a + b + c + d == 0:
        assert found is swapped is None
        return
    assert found is not None
    assert swapped is not None
    assert -1 <= found.interval.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.interval.high <= 1
    assert swapped.interval == pytest.approx((-found.interval.high, -found.interval.low), abs=1e-12)


def test_a_negative_count_is_refused() -> None:
    """Counts below zero are an error in both functions."""
    with pytest.raises(EvalError, match="-1"):
        mcnemar_exact(-1, 3)
    with pytest.raises(EvalError, match="-1"):
        paired_difference(1, -1, 0, 0)


def test_pairing_is_used() -> None:
    """Strongly agreeing candidates have a narrower interval than independent ones with the same proportions."""
    alike, unlike = paired_difference(75, 5, 0, 20), paired_difference(60, 20, 15, 5)
    assert alike is not None
    assert unlike is not None
    assert alike.value == unlike.value
    assert alike.interval.high - alike.interval.low < 0.6 * (unlike.interval.high - unlike.interval.low)


@pytest.mark.parametrize("probabilities", [(0.70, 0.12, 0.06, 0.12), (0.3, 0.2, 0.2, 0.3), (0.9, 0.05, 0.02, 0.03)])
def test_simulated_coverage(probabilities: tuple[float, float, float, float]) -> None:
    """Drawn pairs: the true difference is covered in about 95 %; with the sign of phi lost it would not be."""
    rng = random.Random(7)  # noqa: S311 - a seeded simulation
    truth, runs, covered = probabilities[1] - probabilities[2], 1500, 0
    for _ in range(runs):
        draws = rng.choices(range(4), probabilities, k=150)
        found = paired_difference(*(draws.count(i) for i in range(4)))
        assert found is not None
        covered += found.interval.low <= truth <= found.interval.high
    assert 0.93 <= covered / runs <= 0.985
