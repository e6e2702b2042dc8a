"""Judges put right by people: shares and differences cover the truth where the judge alone does not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import EvalError
from assay.stats.intervals import Interval, wilson
from assay.stats.misjudged import Confusion, true_share
from assay.stats.prediction_powered import FEWEST_LABELS, corrected_difference, corrected_share
from assay.stats.shares import share


def _judge(
    rng: random.Random, n: int, right: float, sensitivity: float, specificity: float
) -> tuple[list[float], list[float]]:
    truths = [float(rng.random() < right) for _ in range(n)]
    return truths, [float(rng.random() < (sensitivity if truth else 1 - specificity)) for truth in truths]


def _covered(interval: Interval, truth: float) -> bool:
    return interval.low - 1e-12 <= truth <= interval.high + 1e-12


# ------------------------------------------------------------------------------------------- prediction-powered


@given(st.integers(0, 2**32 - 1))
def test_it_is_the_published_estimator(seed: int) -> None:
    """Mean of labels + weight x (mean verdict of the rest - mean verdict of the labelled), with PPI++'s weight."""
    truths, judged = _judge(random.Random(seed), 120, 0.6, 0.9, 0.8)  # noqa: S311 - a seeded sequence
    found = corrected_share(judged, [*truths[:40], *[None] * 80])
    assert found is not None
    y, f, rest = np.array(truths[:40]), np.array(judged[:40]), np.array(judged[40:])
    weight = np.cov(y, f)[0, 1] / ((1 + 40 / 80) * np.var(judged, ddof=1))
    weight = min(1.0, max(0.0, float(weight)))
    assert found.weight == pytest.approx(weight)
    assert found.value == pytest.approx(min(1.0, max(0.0, float(y.mean() + weight * (rest.mean() - f.mean())))))
    assert (found.labels, found.disagreed) == (40, float(abs(y - f).sum()))


def test_a_judge_that_knows_nothing_counts_for_nothing() -> None:
    """Constant verdicts have weight 0: the figure is that of the labels."""
    human = [1.0] * 15 + [0.0] * 5
    found = corrected_share([1.0] * 100, [*human, *[None] * 80])
    assert found is not None
    assert (found.weight, found.value) == (0.0, 0.75)
    assert found.interval.high - found.interval.low >= wilson(15, 20).high - wilson(15, 20).low - 1e-9


def test_a_good_judge_sharpens_what_labels_say() -> None:
    """With 100 labels of 1,000 and a judge that is right in 95 %, the interval is a third narrower than the labels'."""
    truths, judged = _judge(random.Random(1), 1000, 0.7, 0.95, 0.95)  # noqa: S311 - a seeded sequence
    found, labels = corrected_share(judged, [*truths[:100], *[None] * 900]), share(truths[:100])
    assert found is not None
    assert labels is not None
    assert found.interval.high - found.interval.low < 0.75 * (labels.interval.high - labels.interval.low)


def test_agreement_that_was_hardly_seen_is_not_believed() -> None:
    """No disagreement among 20 labels gains nothing over the labels alone."""
    human = [1.0] * 12 + [0.0] * 8
    judged = [*human, *([1.0] * 300 + [0.0] * 180)]
    found = corrected_share(judged, [*human, *[None] * 480])
    assert found is not None
    assert found.disagreed == 0
    assert found.interval.high - found.interval.low > 0.95 * (wilson(12, 20).high - wilson(12, 20).low)


def test_everything_labelled_is_the_labels() -> None:
    """Where people read all answers, the judge is not needed, and the groups still count."""
    human = [1.0] * 30 + [0.0] * 10
    found = corrected_share([0.0] * 40, human)
    assert found is not None
    assert found.value == 0.75
    alike, mixed = (corrected_share([0.0] * 40, human, groups) for groups in (
        [place // 10 for place in range(40)], [place % 4 for place in range(40)]
    ))  # fmt: skip
    assert alike is not None
    assert mixed is not None
    width = found.interval.high - found.interval.low
    assert alike.interval.high - alike.interval.low > 2 * width
    assert mixed.interval.high - mixed.interval.low >= width


def test_too_few_labels_tell_nothing() -> None:
    """Below the fewest there is no figure; verdicts and labels of different number are refused."""
    few: list[float | None] = [1.0] * (FEWEST_LABELS - 1)
    judged = [1.0] * 50
    assert corrected_share(judged, [*few, *[None] * (50 - len(few))]) is None
    assert corrected_difference(judged, [*few, *[None] * (50 - len(few))]) is None
    with pytest.raises(EvalError, match="50 verdicts"):
        corrected_share(judged, few)


@pytest.mark.parametrize(
    ("right", "sensitivity", "specificity"), [(0.5, 0.99, 0.9), (0.8, 0.9, 0.4), (0.95, 0.95, 0.95)]
)
def test_simulated_coverage_of_a_corrected_share(right: float, sensitivity: float, specificity: float) -> None:
    """With 30 labels of 300: covered in 93 % or more, for judges that are too kind, too strict, or nearly right."""
    rng, runs = random.Random(21), 300  # noqa: S311 - a seeded simulation
    covered = 0
    for _ in range(runs):
        truths, judged = _judge(rng, 300, right, sensitivity, specificity)
        found = corrected_share(judged, [*truths[:30], *[None] * 270])
        assert found is not None
        covered += _covered(found.interval, right)
    assert covered / runs >= 0.93


def test_the_judge_alone_does_not_cover() -> None:
    """What the simulation above would not let pass: believing a judge that passes 60 % of wrong answers."""
    rng, runs = random.Random(22), 100  # noqa: S311 - a seeded simulation
    assert sum(_covered(wilson(sum(_judge(rng, 300, 0.5, 0.9, 0.4)[1]), 300), 0.5) for _ in range(runs)) < 0.1 * runs


def test_simulated_coverage_of_a_corrected_difference() -> None:
    """A judge kinder to A than to B: the true difference is covered, and the judge's own is not."""
    rng, runs = random.Random(23), 200  # noqa: S311 - a seeded simulation
    covered = believed = 0
    for _ in range(runs):
        a, b = _judge(rng, 400, 0.7, 0.95, 0.5), _judge(rng, 400, 0.7, 0.95, 0.95)
        judged = [x - y for x, y in zip(a[1], b[1], strict=True)]
        truths = [x - y for x, y in zip(a[0], b[0], strict=True)]
        found = corrected_difference(judged, [*truths[:60], *[None] * 340])
        assert found is not None
        covered += _covered(found.interval, 0.0)
        half = 1.96 * float(np.std(judged)) / 20
        believed += _covered(Interval(float(np.mean(judged)) - half, float(np.mean(judged)) + half), 0.0)
    assert covered / runs >= 0.93
    assert believed / runs < 0.4


def test_simulated_coverage_in_groups() -> None:
    """Answers of 30 groups that are all right or all wrong: labels are worth their groups, and the interval says so."""
    rng, runs, names = random.Random(24), 200, [place // 10 for place in range(300)]  # noqa: S311 - a simulation
    covered = blind = 0
    for _ in range(runs):
        truths = [float(right) for right in (rng.random() < 0.6 for _ in range(30)) for _ in range(10)]
        judged = [truth if rng.random() < 0.9 else 1 - truth for truth in truths]
        read = set(rng.sample(range(300), 60))
        human = [truth if place in read else None for place, truth in enumerate(truths)]
        found, alone = corrected_share(judged, human, names), corrected_share(judged, human)
        assert found is not None
        assert alone is not None
        covered += _covered(found.interval, 0.6)
        blind += _covered(alone.interval, 0.6)
    assert covered / runs >= 0.92
    assert blind / runs < 0.85


# ------------------------------------------------------------------------------------------- Rogan and Gladen


def test_the_correction_undoes_the_judge() -> None:
    """A share that a judge with known errors would show gives the true one back."""
    seen = Confusion(hits=90, misses=10, false_alarms=20, rejections=80)
    for right in (0.0, 0.3, 1.0):
        shown = right * 0.9 + (1 - right) * 0.2
        found = true_share(1000 * shown, 1000, seen)
        assert found is not None
        assert found.value == pytest.approx(right, abs=1e-12)
        assert found.interval.low <= found.value <= found.interval.high


def test_a_published_interval() -> None:
    """Lang and Reiczigel's interval without any error of the judge is Agresti and Coull's for many labels."""
    found = true_share(30, 100, Confusion(10**9, 0, 0, 10**9))
    assert found is not None
    n, p = 100 + 1.96**2, (30 + 1.96**2 / 2) / (100 + 1.96**2)
    half = 1.96 * (p * (1 - p) / n) ** 0.5
    assert found.interval == pytest.approx((p - half, p + half), abs=1e-4)


def test_the_interval_has_its_shift() -> None:
    """40 of 150 passed, 18 of 20 right and 27 of 30 wrong answers told: the published steps, one by one."""
    z2 = 1.959964**2
    share, sensitivity, specificity = (40 + z2 / 2) / (150 + z2), 19 / 22, 28 / 32
    gain = sensitivity + specificity - 1
    value = (share + specificity - 1) / gain
    by_right, by_wrong = sensitivity * (1 - sensitivity) / 22, specificity * (1 - specificity) / 32
    shift = 2 * z2 * (value * by_right - (1 - value) * by_wrong)
    error = (share * (1 - share) / (150 + z2) + value**2 * by_right + (1 - value) ** 2 * by_wrong) ** 0.5 / gain
    found = true_share(40, 150, Confusion(18, 2, 3, 27))
    assert found is not None
    assert abs(shift) > 0.005
    assert found.interval == pytest.approx((value + shift - z2**0.5 * error, value + shift + z2**0.5 * error), abs=1e-6)


@pytest.mark.parametrize(
    "seen", [Confusion(5, 0, 0, 0), Confusion(0, 0, 3, 9), Confusion(5, 5, 5, 5), Confusion(1, 9, 5, 5)]
)
def test_what_cannot_be_told_is_not_told(seen: Confusion) -> None:
    """No right answers, no wrong ones, or a judge that is no better than chance: no figure."""
    assert true_share(50, 100, seen) is None


def test_counting_verdicts() -> None:
    """Pairs of verdicts are counted by who called the answer right; rates without a case are unknown."""
    seen = Confusion.of([1, 1, 0, 0, 1], [1, 0, 1, 0, 1])
    assert seen == (2, 1, 1, 1)
    assert (seen.sensitivity, seen.specificity) == (pytest.approx(2 / 3), 0.5)
    assert seen.sensitivity_interval() == wilson(2, 3)
    assert seen.specificity_interval() == wilson(1, 2)
    assert (Confusion(0, 0, 1, 1).sensitivity, Confusion(1, 1, 0, 0).specificity) == (None, None)
    with pytest.raises(EvalError, match="120 passed of 100"):
        true_share(120, 100, seen)


@pytest.mark.parametrize("right", [0.3, 0.8])
def test_simulated_coverage_with_labels_of_other_answers(right: float) -> None:
    """Labels from elsewhere, half of them right: covered in 94 % or more, with 30 labels."""
    rng, runs = random.Random(25), 400  # noqa: S311 - a seeded simulation
    covered = 0
    for _ in range(runs):
        _, judged = _judge(rng, 200, right, 0.9, 0.8)
        truths, verdicts = _judge(rng, 30, 0.5, 0.9, 0.8)
        found = true_share(sum(judged), 200, Confusion.of(verdicts, truths))
        covered += found is None or _covered(found.interval, right)
    assert covered / runs >= 0.94
