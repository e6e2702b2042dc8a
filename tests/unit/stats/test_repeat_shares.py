"""Repeats: what several tries are worth, by counting; how steady answers are."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.repeats import all_of, any_of, pass_all_of, pass_any_of, spread, steady
from assay.stats.shares import share

counted = st.integers(1, 8).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n), st.integers(1, n)))


@given(counted)
def test_tries_are_drawn_from_the_repeats(count: tuple[int, int, int]) -> None:
    """Of all choices of k repeats: the share with at least one pass, and the share with passes only."""
    passed, n, k = count
    choices = list(itertools.combinations([True] * passed + [False] * (n - passed), k))
    assert any_of(passed, n, k) == pytest.approx(sum(map(any, choices)) / len(choices))
    assert all_of(passed, n, k) == pytest.approx(sum(map(all, choices)) / len(choices))


@given(counted)
def test_tries_are_hypergeometric(count: tuple[int, int, int]) -> None:
    """Both are tails of scipy's hypergeometric distribution."""
    passed, n, k = count
    assert any_of(passed, n, k) == pytest.approx(float(stats.hypergeom.sf(0, n, passed, k)))
    assert all_of(passed, n, k) == pytest.approx(float(stats.hypergeom.pmf(k, n, passed, k)))


def test_the_estimates_are_unbiased() -> None:
    """Averaged over all outcomes of five tries: 1 - (1 - p)^3 and p^3."""
    for p in (0.2, 0.7):
        weights = [float(stats.binom.pmf(passed, 5, p)) for passed in range(6)]
        assert sum(w * any_of(c, 5, 3) for c, w in enumerate(weights)) == pytest.approx(1 - (1 - p) ** 3)
        assert sum(w * all_of(c, 5, 3) for c, w in enumerate(weights)) == pytest.approx(p**3)


def test_the_interval_is_over_samples() -> None:
    """Ten repeats of six samples are six observations, not sixty; groups of samples count again."""
    counts = [(10, 10), (0, 10), (9, 10), (10, 10), (1, 10), (10, 10)]
    found = pass_all_of(counts, 2)
    assert found == share([all_of(passed, n, 2) for passed, n in counts])
    assert found is not None
    assert found.n == 6
    grouped = pass_any_of(counts, 2, ["a", "a", "a", "b", "b", "b"])
    assert grouped is not None
    assert grouped.groups == 2
    assert pass_any_of([], 1) is None


def test_steadiness_is_the_share_that_agrees() -> None:
    """All passed or all failed is steady; anything between is not."""
    found = steady([(5, 5), (0, 5), (4, 5), (1, 1)])
    assert found is not None
    assert found.value == 0.75


def test_the_spread_is_the_analysis_of_variance() -> None:
    """Within is scipy's mean square within; between is what remains of the means' variance."""
    rng = random.Random(8)  # noqa: S311 - a seeded sequence
    values = [[rng.gauss(centre, 0.1) for _ in range(4)] for centre in (0.2, 0.5, 0.9, 0.4)]
    found = spread(values)
    assert found is not None
    assert found.within == pytest.approx(float(np.mean([np.var(one, ddof=1) for one in values])))
    f_value = stats.f_oneway(*values).statistic
    assert found.between == pytest.approx(found.within * (f_value - 1) / 4)


def test_the_spread_needs_repeats() -> None:
    """One answer each says nothing of what is within; equal means leave nothing between, never less."""
    assert spread([[1.0], [0.0], [1.0]]) is None
    assert spread([[0.0, 1.0], [1.0]]) is None
    found = spread([[0.0, 1.0], [1.0, 0.0]])
    assert found is not None
    assert found == (0.5, 0.0)


@pytest.mark.parametrize("wrong", [(3, 2, 1), (-1, 2, 1), (1, 2, 3), (1, 2, 0)])
def test_impossible_counts_are_refused(wrong: tuple[int, int, int]) -> None:
    """More passes than repeats, or more tries, are an error."""
    for function in (any_of, all_of):
        with pytest.raises(EvalError, match="tries"):
            function(*wrong)
