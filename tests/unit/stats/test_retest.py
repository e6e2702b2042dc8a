"""Proving a known score again: what is proven is true as often as is said, and soon."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import EvalError
from assay.stats.certainty import Verdict
from assay.stats.intervals import wilson
from assay.stats.retest import Retest, Seen

Rule = Callable[[Seen], Verdict]


def drawn(seed: int) -> random.Random:
    """Chance that is the same every time."""
    return random.Random(seed)  # noqa: S311 - an order, no secret


def looks(before: Sequence[bool], now: Sequence[bool], order: Sequence[int]) -> Iterator[Seen]:
    """What was seen after each sample in its order."""
    seen = Seen()
    for place in order:
        if before[place]:
            seen = seen._replace(passing=seen.passing + 1, lost=seen.lost + (not now[place]))
        else:
            seen = seen._replace(failing=seen.failing + 1, gained=seen.gained + now[place])
        yield seen


def stopped(rule: Rule, before: Sequence[bool], now: Sequence[bool], order: Sequence[int]) -> tuple[Verdict, int]:
    """The first verdict, and after how many samples."""
    seen = Seen()
    for seen in looks(before, now, order):
        if (verdict := rule(seen)) is not Verdict.OPEN:
            return verdict, seen.passing + seen.failing
    return Verdict.OPEN, seen.passing + seen.failing


def paired(passed: int, failed: int, tolerated: int, error: float) -> Rule:
    """The rule of `Retest` where every sample has a score."""
    test = Retest(passed=passed, failed=failed, error=error)
    return cache(lambda seen: test.verdict(tolerated, seen, seen))


def peeking(passed: int, failed: int, tolerated: int, error: float) -> Rule:
    """What people do: a 95 % interval of the share after every sample, until it lies on one side of the bar."""
    total = passed + failed
    bar = (passed - tolerated) / total

    @cache
    def rule(seen: Seen) -> Verdict:
        asked = seen.passing + seen.failing
        low, high = wilson(seen.passing - seen.lost + seen.gained, asked, 1 - error)
        if asked >= 10 and low >= bar:
            return Verdict.PASS
        return Verdict.FAIL if asked >= 10 and high < bar else Verdict.OPEN

    return rule


def wrong_share(
    make: Callable[[int, int, int, float], Rule], counts: tuple[int, int], changes: tuple[int, int], tolerated: int,
    trials: int, error: float = 0.05,
) -> float:  # fmt: skip
    """The share of random orders in which a rule ends with the wrong verdict. `changes`: so many lost and gained."""
    passed, failed = counts
    lost, gained = changes
    before = [True] * passed + [False] * failed
    now = [False] * lost + [True] * (passed - lost) + [True] * gained + [False] * (failed - gained)
    truth = Verdict.PASS if lost - gained <= tolerated else Verdict.FAIL
    rule, chance, order = make(passed, failed, tolerated, error), drawn(7), list(range(passed + failed))
    wrong = 0
    for _ in range(trials):
        chance.shuffle(order)
        wrong += stopped(rule, before, now, order)[0] is not truth
    return wrong / trials


WORST = [
    ((40, 0), (5, 0), 4),
    ((40, 0), (4, 0), 4),
    ((45, 15), (4, 0), 3),
    ((45, 15), (10, 7), 3),
    ((45, 15), (9, 7), 2),
]
"""Just above or just below what is tolerated: where a rule is wrong most often."""


@pytest.mark.parametrize(("counts", "changes", "tolerated"), WORST)
def test_the_stated_error_holds_where_it_is_hardest(
    counts: tuple[int, int], changes: tuple[int, int], tolerated: int
) -> None:
    """Of 600 orders, no more than 5 % and what chance allows end with a wrong verdict, on either side of the limit."""
    assert wrong_share(paired, counts, changes, tolerated, 600) <= 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5


def test_a_peeking_rule_breaks_the_stated_error() -> None:
    """An interval that is looked at after every sample is wrong far more often than it says."""
    assert max(wrong_share(peeking, *case, 600) for case in WORST) > 0.15


def test_the_error_is_exact_over_all_orders() -> None:
    """Of all 5,040 orders of 7 samples with one loss too many, no more than the stated fifth prove that it holds."""
    before, now = [True] * 5 + [False] * 2, [False] * 2 + [True] * 3 + [False] * 2
    rule = paired(5, 2, 1, 0.2)
    wrong = sum(stopped(rule, before, now, order)[0] is Verdict.PASS for order in permutations(range(7)))
    assert wrong <= 0.2 * 5040


@pytest.mark.parametrize(("passed", "failed", "most"), [(400, 0, 70), (360, 40, 70), (100, 0, 50), (90, 10, 50)])
def test_what_is_unchanged_holds_early(passed: int, failed: int, most: int) -> None:
    """Where nothing changes, 5 points of tolerance are proven within a fraction of the samples."""
    before = [True] * passed + [False] * failed
    order = list(range(passed + failed))
    drawn(3).shuffle(order)
    verdict, asked = stopped(paired(passed, failed, (passed + failed) // 20, 0.05), before, before, order)
    assert verdict is Verdict.PASS
    assert asked <= most


def test_what_is_much_worse_is_found_early() -> None:
    """A model that lost a quarter is found within a fifth of the samples."""
    chance = drawn(5)
    before = [True] * 360 + [False] * 40
    now = [one and chance.random() > 0.25 for one in before]
    order = list(range(400))
    chance.shuffle(order)
    verdict, asked = stopped(paired(360, 40, 20, 0.05), before, now, order)
    assert verdict is Verdict.FAIL
    assert asked <= 80


def test_only_changes_count() -> None:
    """The same answers prove a score of 80 % with less than a third of what passes alone would need."""
    before = [True] * 320 + [False] * 80
    order = list(range(400))
    drawn(1).shuffle(order)
    known = stopped(paired(320, 80, 20, 0.05), before, before, order)
    alone = stopped(paired(400, 0, 100, 0.05), [True] * 400, before, order)
    assert (known[0], alone[0]) == (Verdict.PASS, Verdict.PASS)
    assert known[1] * 3 < alone[1]


def test_without_an_error_only_arithmetic_counts() -> None:
    """Error 0: a verdict comes exactly when the rest can no longer change it."""
    rule = paired(8, 2, 1, 0.0)
    assert rule(Seen(passing=7)) is Verdict.PASS  # the one that is left is tolerated
    assert rule(Seen(passing=6)) is Verdict.OPEN
    assert rule(Seen(passing=8, lost=3)) is Verdict.OPEN  # both others could be gained
    assert rule(Seen(passing=8, lost=3, failing=1)) is Verdict.FAIL
    assert rule(Seen(passing=8, lost=2, failing=1, gained=1)) is Verdict.PASS


def test_what_has_no_score_counts_both_ways() -> None:
    """A sample without a score lets nothing be proven that it could refute."""
    test = Retest(passed=4, failed=0, error=0.0)
    worst, best = Seen(passing=4, lost=2), Seen(passing=4, lost=1)
    assert test.verdict(1, worst, best) is Verdict.OPEN
    assert test.verdict(2, worst, best) is Verdict.PASS
    assert test.verdict(0, worst, best) is Verdict.FAIL


@settings(max_examples=60)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(-3, 6), st.randoms(use_true_random=False))
def test_verdicts_are_never_contradicted_by_arithmetic(
    passed: int, failed: int, tolerated: int, chance: random.Random
) -> None:
    """Asked to the end every score is decided rightly, and both hypotheses are never refuted by one look."""
    before = [True] * passed + [False] * failed
    now = [chance.random() < 0.6 for _ in before]
    order = list(range(len(before)))
    chance.shuffle(order)
    seen = Seen()
    test = Retest(passed=passed, failed=failed, error=0.05)
    for seen in looks(before, now, order):
        assert not (test.falls_at_most(tolerated, seen) and test.falls_more_than(tolerated, seen))
    truth = Verdict.PASS if passed - sum(now) <= tolerated else Verdict.FAIL
    assert test.verdict(tolerated, seen, seen) is truth
    assert test.drop(seen, seen) == (passed - sum(now),) * 2


def test_the_bounds_of_the_fall_agree_with_the_verdicts() -> None:
    """What lies outside the bounds is refuted, what lies on them is not."""
    test, seen = Retest(passed=80, failed=20, error=0.05), Seen(passing=40, lost=3, failing=10, gained=1)
    low, high = test.drop(seen, seen)
    assert low < seen.lost - seen.gained < high
    assert test.falls_at_most(high, seen)
    assert not test.falls_at_most(high - 1, seen)
    assert test.falls_more_than(low - 1, seen)
    assert not test.falls_more_than(low, seen)


@pytest.mark.parametrize(("passed", "error"), [(-1, 0.05), (3, 0.5), (3, -0.1)])
def test_numbers_out_of_their_range_are_told(passed: int, error: float) -> None:
    """A negative count or an error that is no probability is refused by its value."""
    with pytest.raises(EvalError, match="probability below 1/2"):
        Retest(passed=passed, failed=0, error=error)
