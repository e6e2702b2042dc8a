"""Quantiles of latencies and their intervals."""

from __future__ import annotations

import math
import random
import tracemalloc
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.latency import Quantile, in_order, quantile

samples = st.lists(st.floats(0, 1e6), min_size=1, max_size=300)


@given(samples, st.sampled_from([0.05, 0.5, 0.9, 0.95]))
def test_the_value_is_scipys_inverted_cdf(values: list[float], q: float) -> None:
    """The estimate is an observation: the smallest that at least the fraction q does not exceed."""
    value = quantile(values, q).value
    assert value is not None
    n = len(values)
    assert sum(v <= value for v in values) / n >= q - 1e-9
    assert sum(v < value for v in values) / n < q + 1e-9


@given(samples, st.sampled_from([0.5, 0.95]), st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_agrees_with_scipys_quantile_test(values: list[float], q: float, confidence: float) -> None:
    """Both order statistics are those of scipy's `quantile_test`; where scipy has none, ours is `None`."""
    ours = quantile(values, q, confidence).interval
    low = stats.quantile_test(values, q=0, p=q, alternative="two-sided").confidence_interval(confidence)
    if ours is None:
        assert math.isnan(low.low) or math.isnan(low.high)
    else:
        assert ours == (low.low, low.high)


@pytest.mark.parametrize(("q", "least"), [(0.5, 6), (0.95, 72)])
def test_too_few_observations_have_no_interval(q: float, least: int) -> None:
    """The median needs 6 values at 95 %, p95 needs 72; below there is a value and no interval."""
    assert quantile(range(least - 1), q).interval is None
    assert quantile(range(least - 1), q).value is not None
    assert quantile(range(least), q).interval is not None


def test_no_observation_has_no_quantile() -> None:
    """Nothing measured is `None`, not 0."""
    assert quantile([], 0.5) == Quantile(None, None, 0)


def test_what_is_no_number_is_refused() -> None:
    """NaN would make the order meaningless; a percentage is no quantile."""
    with pytest.raises(EvalError, match="NaN"):
        quantile([1.0, math.nan], 0.5)
    with pytest.raises(EvalError, match="95"):
        quantile([1.0], 95)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_simulated_coverage_of_a_skewed_distribution(q: float) -> None:
    """The true quantile of a log-normal is covered in at least 95 % of draws, and the interval is not all there is."""
    rng = random.Random(11)  # noqa: S311 - a seeded simulation
    truth = float(stats.lognorm.ppf(q, 1.0))
    runs, covered, width = 1500, 0, 0
    for _ in range(runs):
        interval = quantile([rng.lognormvariate(0, 1) for _ in range(160)], q).interval
        assert interval is not None
        covered += interval.low <= truth <= interval.high
        width += interval.low > truth or interval.high < truth
    assert 0.94 <= covered / runs <= 0.995
    assert width > 0


def test_very_many_are_sorted_in_little_memory() -> None:
    """A hundred thousand are in order, and were never all objects: that alone would take 3.2 MB."""
    draw = random.Random(7)  # noqa: S311 - values, not secrets
    values = array("d", (draw.random() for _ in range(100_000)))
    tracemalloc.start()
    ordered = in_order(values)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 3_000_000
    assert list(ordered) == sorted(values)
