"""The change detector: exact without a change, quick with one, whatever the items' own rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pytest
from benchmarks.watch import peeking
from scipy.stats import hypergeom

from assay.stats.change import HORIZON_DAYS, LONGEST_DAYS, Detector, Evidence, Tally, days_between
from assay.stats.detection import delays, even, false_alarms, fewer, lower, steady

RIGHT, WRONG, NOTHING = Tally(1, 1), Tally(0, 1), Tally(0, 0)
FEW_PER_YEAR = 0.6


def seen(days: Sequence[Sequence[Tally]], **options: object) -> Evidence:
    """What some days say."""
    detector = Detector(len(days[0]), **options)  # type: ignore[arg-type]
    for day in days:
        detector.see(day)
    return detector.evidence()


@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.3, 0.9), (0.02, 0.999)])
def test_without_a_change_the_evidence_is_what_it_promises_on_the_average(rates: tuple[float, float]) -> None:
    """Over all outcomes of four days, each day on which the change may have come has mean 1, for any rates."""
    mean = 0.0
    for outcome in product((0, 1), repeat=8):
        days = [outcome[at : at + 2] for at in range(0, 8, 2)]
        chance = math.prod(rate if one else 1 - rate for day in days for one, rate in zip(day, rates, strict=True))
        mean += chance * math.exp(seen([[Tally(one, 1) for one in day] for day in days]).log_value)
    assert mean == pytest.approx(3)


def test_each_item_is_held_against_its_own_past() -> None:
    """The ratio is by the hypergeometric means of each item, as scipy has them, at one of the tilts."""
    days = [[RIGHT, WRONG], [RIGHT, RIGHT], [RIGHT, WRONG], [WRONG, WRONG]]
    found = math.exp(seen(days, drops=((0.05, 1.0),)).log_value)
    assert any(found == pytest.approx(_sum(days, 0.1 * 1.33**step)) for step in range(14))


def _sum(days: Sequence[Sequence[Tally]], theta: float) -> float:
    """The sum of the ratios at one tilt, by scipy."""
    whole = [sum(day[item].passed for day in days) for item in range(len(days[0]))]
    total = 0.0
    for late in range(1, len(days)):
        passes = sum(one.passed for day in days[-late:] for one in day)
        means = [
            sum(hypergeom.pmf(hits, len(days), passed, late) * math.exp(-theta * hits) for hits in range(late + 1))
            for passed in whole
        ]
        total += math.exp(-theta * passes) / math.prod(means)
    return total


def test_steady_items_that_never_changed_say_nothing() -> None:
    """Nothing wavers, so the sum is the number of days on which something could have come."""
    found = seen([[RIGHT, WRONG, RIGHT]] * 10)
    assert found.log_value == pytest.approx(math.log(9))


def test_one_day_says_nothing() -> None:
    """There is no past to be held against."""
    assert seen([[RIGHT] * 5]) == Evidence(-math.inf, None, Tally(5, 5), NOTHING)


def test_three_steady_items_of_fifty_that_fail_are_found_within_days() -> None:
    """A drop of six points is plain at once where nothing wavered: no fifty coins need be tossed for weeks."""
    before, after = [RIGHT] * 50, [WRONG] * 3 + [RIGHT] * 47
    found = seen([before] * 30 + [after] * 2)
    assert found.alarms(days_between(FEW_PER_YEAR))
    assert found.late_days == 2
    assert found.before == Tally(1500, 1500)
    assert found.after == Tally(94, 100)


def test_an_improvement_is_no_drop() -> None:
    """Items that pass more often than before bring no alarm."""
    assert seen([[WRONG] * 50] * 30 + [[RIGHT] * 50] * 5).log_value < 0


def test_items_that_were_not_asked_neither_help_nor_harm() -> None:
    """A panel of which half never answers says what the other half says."""
    half = [[RIGHT] * 5] * 8 + [[WRONG] * 2 + [RIGHT] * 3] * 2
    whole = [[*day, *[NOTHING] * 5] for day in half]
    assert seen(whole).log_value == pytest.approx(seen(half).log_value)


def test_missed_days_do_no_harm() -> None:
    """An item that had no answer on some days is held against those that it had."""
    days = [[RIGHT, RIGHT] if day % 3 else [RIGHT, NOTHING] for day in range(20)]
    assert seen(days).log_value == pytest.approx(math.log(19))


def test_what_is_long_past_is_forgotten() -> None:
    """A change that came a long time ago is the state that is known now."""
    days = [[WRONG] * 20] * 50 + [[RIGHT] * 20] * HORIZON_DAYS
    assert seen(days) == seen(days[50:])
    assert seen(days).log_value == pytest.approx(math.log(LONGEST_DAYS))


@pytest.mark.parametrize("per_year", [0.0, -1.0, math.inf, math.nan])
def test_no_false_alarm_at_all_cannot_be_promised(per_year: float) -> None:
    """Neither none nor boundless many."""
    with pytest.raises(ValueError, match="above 0"):
        days_between(per_year)


# ------------------------------------------------------------------------------------- by simulation


@pytest.mark.parametrize(("rates", "after"), [
    (even(50, 0.5), lower(even(50, 0.5), 0.05)),
    (even(50, 0.85), lower(even(50, 0.85), 0.05)),
    (steady(50, 0.85), fewer(steady(50, 0.85), 0.05)),
])  # fmt: skip
def test_a_drop_of_five_points_is_found_within_twenty_days(rates: list[float], after: list[float]) -> None:
    """The median over runs, with fifty canaries a day, three months after the beginning."""
    found = delays(rates, after, quiet_days=90, most_days=90, days=days_between(FEW_PER_YEAR), runs=25)
    assert found.median_days is not None
    assert found.median_days <= 20


def test_false_alarms_keep_to_the_promise_and_peeking_does_not() -> None:
    """Four years without a change; a test at 5 % of each day against all before it would alarm every month."""
    rates, years = even(50, 0.85), 4
    assert false_alarms(rates, simulated_days=365 * years, days=days_between(FEW_PER_YEAR)) <= FEW_PER_YEAR * years
    assert peeking(rates, 365 * years, seed=1) > 5 * years


def test_what_is_not_found_has_no_delay() -> None:
    """Nothing changes, so most runs end without an alarm: that is not a number of days."""
    found = delays(even(10, 0.9), even(10, 0.9), quiet_days=10, most_days=10, days=1000, runs=3)
    assert found == (3, None, None)


def test_half_an_item_falls_by_half() -> None:
    """Five points of fifty items are two and a half of them."""
    assert fewer([0.9] * 50, 0.05)[:4] == pytest.approx([0.0, 0.0, 0.45, 0.9])
