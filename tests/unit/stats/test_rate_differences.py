"""The difference of two rates, exactly, at any time."""

from __future__ import annotations

import random

import pytest

from assay.stats.failure_rates import Tally, difference_interval, log_evidence


@pytest.mark.parametrize(("old", "new"), [((5, 100), (9, 100)), ((0, 40), (4, 4)), ((70, 90), (3, 60))])
def test_it_is_what_the_evidence_does_not_exclude(old: tuple[int, int], new: tuple[int, int]) -> None:
    """At its ends the evidence stands on 1 / error, and the seen difference lies inside; exchanged, it is mirrored."""
    first, second = Tally(*old), Tally(*new)
    low, high = difference_interval(first, second, 0.05)
    assert low <= second.failures / second.requests - first.failures / first.requests <= high
    turned = difference_interval(second, first, 0.05)
    assert (turned.low, turned.high) == pytest.approx((-high, -low), abs=1e-6)
    if low > 0:
        assert log_evidence(first, second, low - 1e-4, above=True) >= 3.68
        assert log_evidence(first, second, low + 1e-4, above=True) <= 3.70


def test_nothing_is_known_of_nothing() -> None:
    """Without requests every difference may be."""
    assert difference_interval(Tally(0, 0), Tally(0, 0)) == (-1.0, 1.0)


def test_it_holds_the_truth_at_all_looks() -> None:
    """Rates of 5 and 15 %, looked at again and again: the true difference is left out in 5 % at most."""
    missed = 0
    for seed in range(30):
        chance, counts = random.Random(seed), [[0, 0], [0, 0]]  # noqa: S311 - a simulation
        for n in range(400):
            arm = n % 2
            counts[arm][0] += chance.random() < (0.05, 0.15)[arm]
            counts[arm][1] += 1
            if n % 100 == 99:
                low, high = difference_interval(Tally(*counts[0]), Tally(*counts[1]))
                if not low <= 0.1 <= high:
                    missed += 1
                    break
    assert missed <= 2
