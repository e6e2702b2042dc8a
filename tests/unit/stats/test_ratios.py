"""Two arms by the mean per request: sessions are what counts, and looking often does not make differences."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from assay.errors import EvalError
from assay.stats.ratios import LEAST_UNITS, Contrast, Moments, contrast, units_needed


def moments(*units: tuple[float, float]) -> Moments:
    """The sums over some sessions."""
    made = Moments()
    for total, count in units:
        made = made.plus(total, count)
    return made


def test_the_variance_is_that_between_sessions() -> None:
    """It agrees with the variance of the mean over many draws, where sessions differ and their lengths do, too."""
    random_numbers = np.random.default_rng(5)

    def draw() -> Moments:
        sizes = random_numbers.choice([1, 4, 16], 200)
        rates = random_numbers.beta(2, 2, 200)
        return moments(*zip(random_numbers.binomial(sizes, rates).astype(float), sizes.astype(float), strict=True))

    drawn = [draw() for _ in range(400)]
    real = np.var([one.mean for one in drawn])
    told = np.mean([one.variance for one in drawn])
    assert told == pytest.approx(real, rel=0.15)
    naive = np.mean([one.mean * (1 - one.mean) / one.requests for one in drawn if one.mean is not None])
    assert told > 3 * naive


def test_of_independent_values_it_is_the_textbooks() -> None:
    """With a request a session it is the variance of a mean."""
    values = [1.0, 4.0, 2.0, 9.0]
    assert moments(*((one, 1.0) for one in values)).variance == pytest.approx(np.var(values, ddof=1) / 4)


def test_peeking_after_every_session_does_not_make_a_difference() -> None:
    """Arms that are alike are told apart in 5 % of experiments at most, however often one looks."""
    found, trials = 0, 120
    for seed in range(trials):
        chance = random.Random(seed)  # noqa: S311 - a simulation
        arms = [Moments(), Moments()]
        for _ in range(600):
            size, rate = chance.choice([1, 2, 8]), chance.betavariate(1.4, 0.6)
            arm = int(chance.random() < 0.5)
            arms[arm] = arms[arm].plus(sum(chance.random() < rate for _ in range(size)), size)
            seen = contrast(arms[0], arms[1], 0.05, share=True)
            if seen is not None and seen.interval is not None and not seen.interval.low <= 0 <= seen.interval.high:
                found += 1
                break
    assert found / trials <= 0.08  # 0.05 and two standard errors


def test_a_real_difference_is_found() -> None:
    """60 % against 80 % in 400 sessions each: the interval leaves out 0 and holds the truth."""
    chance = random.Random(3)  # noqa: S311 - a simulation
    old = moments(*((float(chance.random() < 0.6), 1.0) for _ in range(400)))
    new = moments(*((float(chance.random() < 0.8), 1.0) for _ in range(400)))
    found = contrast(old, new, 0.05, share=True)
    assert found is not None
    assert found.interval is not None
    assert 0 < found.interval.low < 0.2 < found.interval.high


def test_no_failure_yet_is_not_no_failures() -> None:
    """Without one failure in either arm the interval of the difference is still wide."""
    clean = moments(*((0.0, 1.0) for _ in range(50)))
    found = contrast(clean, clean, 0.05, share=True)
    assert found is not None
    assert found.interval is not None
    assert found.interval.high > 0.05


def test_a_factor_asks_for_a_part_more() -> None:
    """20 % dearer is not more than 1.3 times as dear, and it is more than 1.05 times."""
    old = moments(*((1.0 + 0.01 * (n % 3), 1.0) for n in range(100)))
    new = moments(*((1.2 + 0.01 * (n % 3), 1.0) for n in range(100)))
    under, over = contrast(old, new, 0.05, factor=1.3), contrast(old, new, 0.05, factor=1.05)
    assert under is not None
    assert under.interval is not None
    assert under.interval.high < 0
    assert over is not None
    assert over.interval is not None
    assert over.interval.low > 0


def test_few_sessions_have_no_interval_and_nothing_has_no_contrast() -> None:
    """Below the least number nothing is claimed; an arm without a request cannot be compared."""
    few = moments(*((1.0, 1.0) for _ in range(LEAST_UNITS - 1)))
    assert contrast(few, few, 0.05) == Contrast(0.0, None)
    assert contrast(few, Moments(), 0.05) is None
    assert Moments().variance == math.inf


def test_how_many_more() -> None:
    """As many as it says show the difference; half of them do not."""
    old = moments(*((float(n % 2 == 0), 1.0) for n in range(100)))
    new = moments(*((float(n % 5 < 3), 1.0) for n in range(100)))
    needed = units_needed(old, new, 0.05, share=True)
    assert needed is not None

    def shown(units: int) -> bool:
        times = units / 200
        grown = [Moments(round(one.units * times), *(value * times for value in one[1:])) for one in (old, new)]
        found = contrast(*grown, 0.05)
        assert found is not None
        assert found.interval is not None
        return found.interval.low > 0

    assert shown(round(needed * 1.05))
    assert not shown(needed // 2)
    assert units_needed(old, old, 0.05) is None
    assert units_needed(Moments(), new, 0.05) is None


def test_rounding_is_no_difference() -> None:
    """Equal costs, whose sums were rounded otherwise, differ by nothing, and by nothing that looks like something."""
    old = moments(*((0.00003, 1.0) for _ in range(30)))
    new = moments(*((0.00003, 1.0) for _ in range(23)))
    assert old.mean != new.mean
    found = contrast(old, new, 0.05)
    assert found is not None
    assert found.value == 0.0


def test_what_cannot_be_asked() -> None:
    """An error that is no probability, and a factor that is none, are refused."""
    one = moments((1.0, 1.0))
    with pytest.raises(EvalError, match="error"):
        contrast(one, one, 0.0)
    with pytest.raises(EvalError, match="factor"):
        contrast(one, one, 0.05, factor=0.0)
