"""Sample sizes of paired comparisons keep what they promise, by the exact power of the exact test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.intervals import wilson
from assay.stats.power import chance_told, detectable_difference, half_width, pairs_needed


def exact_power(n: int, difference: float, discordant: float, alpha: float = 0.05) -> float:
    """The chance that McNemar's exact test rejects, summed over all numbers of discordant samples."""
    towards, total = (discordant + difference) / 2 / discordant, 0.0
    for count in range(n + 1):
        few = np.arange(count // 2 + 1)
        rejected = few[2 * stats.binom.cdf(few, count, 0.5) <= alpha]
        if len(rejected):
            most = int(rejected.max())
            tails = stats.binom.cdf(most, count, towards) + stats.binom.sf(count - most - 1, count, towards)
            total += stats.binom.pmf(count, n, discordant) * tails
    return float(total)


@pytest.mark.parametrize("discordant", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("part", [1.0, 0.8, 0.5])
def test_the_promised_power_is_reached(discordant: float, part: float) -> None:
    """With as many samples the exact test finds the difference in at least 80 %, and not in nearly all for nothing."""
    difference = discordant * part
    n = pairs_needed(difference, discordant)
    assert n is not None
    assert 0.8 <= exact_power(n, difference, discordant) < 0.97


def test_the_published_formula() -> None:
    """Connor 1987 without the addition for the exact test: difference 0.05, 19 % discordant, 594 samples."""
    assert pairs_needed(0.05, 0.19) == 595 + 40


@given(st.floats(0.01, 1.0), st.integers(1, 5000))
def test_what_can_be_detected_is_the_inverse(discordant: float, n: int) -> None:
    """The detectable difference needs at most n samples, a clearly smaller one more; None only if nothing would do."""
    found = detectable_difference(n, discordant)
    if found is None:
        assert (pairs_needed(discordant, discordant) or 0) > n
        return
    assert (pairs_needed(found, discordant) or 0) <= n
    assert (pairs_needed(max(found - 1e-3, 1e-6), discordant) or 0) >= n


def test_no_difference_is_never_found() -> None:
    """A difference of 0, or no discordant sample at all, has no number."""
    assert pairs_needed(0.0, 0.2) is None
    assert pairs_needed(0.0, 0.0) is None
    assert detectable_difference(100, 0.0) is None
    assert pairs_needed(-0.1, 0.2) == pairs_needed(0.1, 0.2)


@pytest.mark.parametrize("wrong", [(0.3, 0.2), (0.1, 1.2), (0.1, -0.1)])
def test_impossible_shares_are_refused(wrong: tuple[float, float]) -> None:
    """A difference above the discordant share, or a share outside 0 to 1, is an error that names it."""
    with pytest.raises(EvalError, match=str(wrong[1])):
        pairs_needed(*wrong)


@pytest.mark.parametrize(("n", "share", "bar"), [(50, 0.7, 0.8), (200, 0.9, 0.8), (30, 0.8, 0.8), (10, 0.2, 0.9)])
def test_the_chance_to_be_told_from_a_bar_is_exact(n: int, share: float, bar: float) -> None:
    """Summed over every count of passes whose interval lies on the right side of the bar."""
    told = [
        wilson(k, n).low > bar if share >= bar else wilson(k, n).high < bar
        for k in range(n + 1)
    ]  # fmt: skip
    expected = sum(float(stats.binom.pmf(k, n, share)) for k in range(n + 1) if told[k])
    assert chance_told(n, share, bar) == pytest.approx(expected, abs=1e-9)


def test_more_samples_tell_more() -> None:
    """The interval narrows and the chance to be told grows; nothing is told by none."""
    assert half_width(100) == pytest.approx(0.0957, abs=1e-3)
    assert half_width(400) < half_width(100) < half_width(25)
    assert half_width(100, 0.95) < half_width(100, 0.5)
    assert chance_told(1000, 0.75, 0.8) > chance_told(100, 0.75, 0.8)
    assert chance_told(0, 0.5, 0.8) == 0.0
    assert half_width(0) == 0.5
