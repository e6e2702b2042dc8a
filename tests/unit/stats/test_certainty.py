"""What is certain before a suite is finished."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import EvalError
from assay.stats.certainty import Verdict, bounds, certain, needed

bars = st.integers(0, 1000).map(lambda k: k / 1000)


@st.composite
def states(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Counts of a suite in progress: passed, failed, unscored, total."""
    passed, failed, unscored, rest = (draw(st.integers(0, 60)) for _ in range(4))
    return passed, failed, unscored, max(1, passed + failed + unscored + rest)


@given(states(), bars)
def test_the_verdict_is_that_of_every_possible_end(state: tuple[int, int, int, int], bar: float) -> None:
    """PASS means all ends pass, FAIL that none does, OPEN that both happen."""
    passed, failed, _, total = state
    exact = Fraction(str(bar))
    ends = {Fraction(right, total) >= exact for right in range(passed, total - failed + 1)}
    expected = {frozenset({True}): Verdict.PASS, frozenset({False}): Verdict.FAIL}.get(frozenset(ends), Verdict.OPEN)
    assert certain(*state, bar) is expected


@given(states(), bars)
def test_a_verdict_never_changes_once_certain(state: tuple[int, int, int, int], bar: float) -> None:
    """Whatever comes next, a certain verdict stays."""
    passed, failed, unscored, total = state
    verdict = certain(*state, bar)
    if verdict is Verdict.OPEN or passed + failed + unscored >= total:
        return
    assert certain(passed + 1, failed, unscored, total, bar) is verdict
    assert certain(passed, failed + 1, unscored, total, bar) is verdict
    assert certain(passed, failed, unscored + 1, total, bar) is verdict


@pytest.mark.parametrize("bar", [k / 100 for k in range(101)])
def test_exactly_at_the_bar_is_a_pass(bar: float) -> None:
    """A count of k of 100 meets a bar of k/100 for every k, also where binary floats would miss it."""
    assert needed(100, bar) == round(bar * 100)
    assert certain(round(bar * 100), 100 - round(bar * 100), 0, 100, bar) is Verdict.PASS


def test_eight_of_ten_meets_a_bar_of_four_fifths() -> None:
    """The example of the design: 8/10 >= 0.8, and 7 of 10 cannot."""
    assert certain(8, 0, 0, 10, 0.8) is Verdict.PASS
    assert certain(7, 2, 1, 10, 0.8) is Verdict.OPEN
    assert certain(7, 3, 0, 10, 0.8) is Verdict.FAIL


def test_unscored_samples_keep_the_question_open() -> None:
    """A sample without a score is neither right nor wrong."""
    assert certain(79, 0, 21, 100, 0.8) is Verdict.OPEN
    assert bounds(79, 0, 21, 100) == (0.79, 1.0)
    assert bounds(5, 3, 0, 10) == (0.5, 0.7)


@pytest.mark.parametrize("state", [(-1, 0, 0, 10), (6, 5, 0, 10), (5, 5, 1, 10), (0, 0, 0, 0)])
def test_impossible_states_are_refused(state: tuple[int, int, int, int]) -> None:
    """Counts that do not fit into the total are an error."""
    with pytest.raises(EvalError):
        certain(*state, 0.5)
    with pytest.raises(EvalError):
        bounds(*state)


@pytest.mark.parametrize("bar", [-0.1, 1.01, 80.0])
def test_a_bar_in_percent_is_refused(bar: float) -> None:
    """A bar is a proportion."""
    with pytest.raises(EvalError, match="proportion"):
        needed(10, bar)


def test_very_small_bars_are_exact() -> None:
    """A bar written in exponent form is read as that decimal."""
    assert needed(100_000, 1e-05) == 1
    assert needed(10, 0.0) == 0
