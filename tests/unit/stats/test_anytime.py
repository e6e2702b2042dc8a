"""An interval that may be looked at after every sample."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from assay.errors import EvalError
from assay.stats.anytime import anytime
from assay.stats.intervals import Interval, wilson

LOOKS = 120


def ever_left_out(p: float, interval: Callable[[int, int], Interval]) -> float:
    """The exact probability that one of the intervals after 1, 2, ... samples leaves the true share out."""
    paths, left_out = {0: 1.0}, 0.0
    for n in range(1, LOOKS + 1):
        grown: dict[int, float] = {}
        for passes, path in paths.items():
            for more, chance in ((1, p), (0, 1.0 - p)):
                grown[passes + more] = grown.get(passes + more, 0.0) + path * chance
        for passes in list(grown):
            low, high = interval(passes, n)
            left_out += 0.0 if low <= p <= high else grown.pop(passes)
        paths = grown
    return left_out


@pytest.mark.parametrize("prior", [0.5, 1.0])
@pytest.mark.parametrize("p", [0.03, 0.5, 0.9])
def test_all_looks_together_keep_the_confidence(p: float, prior: float) -> None:
    """Whoever looks after each of 120 samples sees the true share left out in at most 5 % of cases, ever."""
    assert ever_left_out(p, lambda passes, n: anytime(passes, n, prior=prior)) <= 0.05


def test_an_interval_of_a_fixed_number_does_not() -> None:
    """Wilson's interval at every look leaves the share out far more often: what the other one is for."""
    assert ever_left_out(0.5, wilson) > 0.25


@pytest.mark.parametrize("prior", [0.5, 1.0])
def test_it_holds_what_was_seen_and_says_nothing_of_nothing(prior: float) -> None:
    """The share seen lies inside; without samples every share does; where all passed the end is 1."""
    low, high = anytime(30, 40, prior=prior)
    assert low < 0.75 < high
    assert anytime(0, 0, prior=prior) == (0.0, 1.0)
    assert anytime(40, 40, prior=prior).high == 1.0


def test_numbers_out_of_range_are_refused() -> None:
    """More successes than samples, no probability and no prior are named."""
    for given in ((3, 2, 0.95, 1.0), (1, 2, 1.0, 1.0), (1, 2, 0.95, 0.0)):
        with pytest.raises(EvalError):
            anytime(*given[:3], prior=given[3])
