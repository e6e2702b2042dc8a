"""Not worse by more than a margin: the interval is Tango's, and the error holds however often one looks."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from statistics import NormalDist

import pytest

from assay.errors import EvalError
from assay.stats.noninferiority import Counts, Noninferiority, PairedTest, more_needed, score, score_interval

MARGIN = 0.1


@pytest.mark.parametrize("counts", [Counts(12, 2, 36), Counts(3, 9, 200), Counts(0, 4, 30)])
def test_the_interval_holds_what_the_test_does_not_refute(counts: Counts) -> None:
    """At both ends the statistic is 1.96, and what was seen lies between them."""
    low, high = score_interval(counts)
    assert (score(counts, low), score(counts, high)) == (pytest.approx(1.96, abs=1e-3), pytest.approx(-1.96, abs=1e-3))
    assert low < (counts.gained - counts.lost) / counts.total < high


def test_no_difference_among_many_has_a_closed_form() -> None:
    """Where both always agree the statistic is sqrt(n d / (1 - d)), so that the interval ends at z^2 / (n + z^2)."""
    z2 = NormalDist().inv_cdf(0.975) ** 2
    low, high = score_interval(Counts(0, 0, 54))
    assert high == pytest.approx(z2 / (54 + z2), rel=1e-6)
    assert low == pytest.approx(-high, rel=1e-6)


def test_the_statistic_is_of_the_likeliest_shares() -> None:
    """The closed form agrees with a search for the share that makes what was seen most likely."""
    counts, difference = Counts(7, 12, 61), -0.1

    def likelihood(lost: float) -> float:
        shares = (lost + difference, lost, 1 - 2 * lost - difference)
        return sum(n * math.log(share) for n, share in zip(counts, shares, strict=True))

    lost = max((0.1 + step / 20_000 for step in range(1, 8_990)), key=likelihood)
    variance = counts.total * (2 * lost + difference * (1 - difference))
    assert score(counts, difference) == pytest.approx((7 - 12 + 8.0) / math.sqrt(variance), rel=1e-3)


def test_nothing_is_known_of_nothing() -> None:
    """Without samples any difference is possible."""
    assert score_interval(Counts()) == (-1.0, 1.0)
    assert score(Counts(), -0.1) == 0.0


def test_an_interval_ends_where_no_difference_can_be() -> None:
    """All gained or all lost: the interval ends at 1 or -1."""
    assert score_interval(Counts(9, 0, 0)).high == 1.0
    assert score_interval(Counts(0, 9, 0)).low == -1.0


def ended(total: int, gained: float, lost: float, seed: int) -> PairedTest:
    """One trial with chances of a sample gained and lost."""
    draw, trial = random.Random(seed), PairedTest(total, MARGIN, 0.05, 0.05)  # noqa: S311 - a simulation
    for _ in range(total):
        point = draw.random()
        difference = 1 if point < gained else -1 if point < gained + lost else 0
        if trial.see(difference, difference) is not Noninferiority.OPEN:
            break
    return trial


def peeking(total: int, gained: float, lost: float, seed: int) -> bool:
    """What many do: look after every sample, stop when the interval looks good. Whether that said "not worse"."""
    draw, counts = random.Random(seed), Counts()  # noqa: S311 - a simulation
    for seen in range(1, total + 1):
        point = draw.random()
        counts = counts.plus(1 if point < gained else -1 if point < gained + lost else 0)
        if seen >= 20 and score(counts, -MARGIN) >= 1.96:
            return True
    return False


TRIALS = 400
MOST = 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / TRIALS)
"""The stated error and two and a half standard errors of its simulation."""


@pytest.mark.parametrize("lost", [0.1, 0.3])
def test_the_stated_error_holds_on_the_margin(lost: float) -> None:
    """Truly worse by just the margin: "not worse" comes in no more than 5 %, "worse" likewise."""
    verdicts = [ended(160, lost - MARGIN, lost, seed).verdict for seed in range(TRIALS)]
    assert verdicts.count(Noninferiority.NOT_WORSE) / TRIALS <= MOST
    assert verdicts.count(Noninferiority.WORSE) / TRIALS <= MOST


def test_a_peeking_rule_would_break_it() -> None:
    """The simulation can fail: with the interval looked at after every sample the error is far above what is stated."""
    wrong = sum(peeking(160, 0.2, 0.3, seed) for seed in range(TRIALS))
    assert wrong / TRIALS > MOST


def test_what_is_clear_is_told_early() -> None:
    """No difference among many samples, or a large one, needs far from all of them; and bets end it."""
    same = [ended(1000, 0.02, 0.02, seed) for seed in range(10)]
    assert all(one.verdict is Noninferiority.NOT_WORSE and one.early for one in same)
    worse = [ended(1000, 0.0, 0.4, seed) for seed in range(10)]
    assert all(one.verdict is Noninferiority.WORSE for one in worse)


def test_what_is_certain_needs_no_bet() -> None:
    """So many have been lost that all samples would say "worse" whatever comes: it is said at once, and stays."""
    trial = PairedTest(40, MARGIN, 0.05, 0.05)
    seen = 0
    while trial.see(-1, -1) is Noninferiority.OPEN:
        seen += 1
    assert seen < 30
    assert trial.see(1, 1) is Noninferiority.WORSE


def test_what_is_not_known_counts_both_ways() -> None:
    """Samples without a score prove neither, and widen the interval to both sides."""
    known, holed = PairedTest(60, MARGIN, 0.05, 0.05), PairedTest(60, MARGIN, 0.05, 0.05)
    for number in range(60):
        known.see(0, 0)
        holed.see(*((-1, 1) if number < 10 else (0, 0)))
    assert (known.verdict, holed.verdict) == (Noninferiority.NOT_WORSE, Noninferiority.OPEN)
    assert holed.interval().low < known.interval().low <= known.interval().high < holed.interval().high


def test_how_many_more_is_about_right() -> None:
    """With as many as it says, a verdict comes about as often as it says; on the margin itself nothing helps."""
    more = more_needed(Counts(1, 1, 18), MARGIN)
    assert more is not None
    total, told = more + 20, 0
    for seed in range(60):
        told += ended(total, 2 / 22, 2 / 22, seed).verdict is not Noninferiority.OPEN
    assert 0.6 <= told / 60 <= 1.0
    assert more_needed(Counts(0, 1, 8), 1 / 11) is None


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: PairedTest(0, 0.1, 0.05, 0.05),
        lambda: PairedTest(10, 0.0, 0.05, 0.05),
        lambda: PairedTest(10, 1.0, 0.05, 0.05),
        lambda: PairedTest(10, 0.1, 0.0, 0.05),
        lambda: PairedTest(10, 0.1, 0.05, 0.5),
    ],
)
def test_wrong_numbers_are_refused(wrong: Callable[[], PairedTest]) -> None:
    """No samples, no margin, errors that are none: each says so."""
    with pytest.raises(EvalError, match=r"samples|margin|errors"):
        wrong()
