"""The mean of proportions with its interval."""

from __future__ import annotations

import random

import pytest

from assay.errors import EvalError
from assay.stats.intervals import wilson
from assay.stats.means import mean_of_proportions


def test_of_one_group_it_is_wilsons_interval() -> None:
    """MOVER of a single proportion changes nothing."""
    mean = mean_of_proportions([(7, 12)])
    assert mean is not None
    assert mean.value == pytest.approx(7 / 12)
    assert mean.interval == pytest.approx(wilson(7, 12))


def test_groups_count_alike() -> None:
    """A large group does not outvote a small one."""
    mean = mean_of_proportions([(1, 1), (0, 100)])
    assert mean is not None
    assert mean.value == 0.5


def test_the_interval_shrinks_with_groups() -> None:
    """Independent groups make the mean more certain than any of them."""
    one, four = mean_of_proportions([(8, 16)]), mean_of_proportions([(8, 16)] * 4)
    assert one is not None
    assert four is not None
    assert four.interval.high - four.interval.low == pytest.approx((one.interval.high - one.interval.low) / 2)


def test_it_covers_the_true_mean() -> None:
    """In 2,000 drawn worlds the interval holds the true mean about as often as it says."""
    draw, covered = random.Random(5), 0  # noqa: S311 - worlds for a test
    truths, size = (0.95, 0.6, 0.3, 0.8), 25
    for _ in range(2000):
        mean = mean_of_proportions([(sum(draw.random() < p for _ in range(size)), size) for p in truths])
        assert mean is not None
        covered += mean.interval.low <= sum(truths) / len(truths) <= mean.interval.high
    assert 0.935 <= covered / 2000 <= 0.975


def test_nothing_measured_has_no_mean() -> None:
    """No group gives None; a group without a score is a mistake of the caller."""
    assert mean_of_proportions([]) is None
    with pytest.raises(EvalError, match="0 of 0"):
        mean_of_proportions([(0, 0)])
