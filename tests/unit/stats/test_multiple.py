"""Holm's adjustment agrees with its definition, with a published example, and keeps its promise."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.multiple import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def stepped_down(p_values: list[float], alpha: float) -> set[int]:
    """Holm's procedure as he wrote it: go up from the smallest until one is above alpha / (number left)."""
    rejected: set[int] = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda n: p_values[n])):
        if p_values[place] > alpha / (len(p_values) - rank):
            break
        rejected.add(place)
    return rejected


@given(P_VALUES, st.floats(0.001, 0.5))
def test_adjusted_values_reject_what_the_procedure_rejects(p_values: list[float], alpha: float) -> None:
    """At every level the adjusted p-values at most alpha are those that the step-down procedure rejects."""
    adjusted = holm(p_values)
    sharp = [abs(value - alpha) < 1e-9 for value in adjusted]  # a rounding error decides there
    if not any(sharp):
        assert {n for n, value in enumerate(adjusted) if value <= alpha} == stepped_down(p_values, alpha)


@given(P_VALUES)
def test_adjusted_values_are_between_plain_and_bonferroni(p_values: list[float]) -> None:
    """Never below the plain p-value, never above Bonferroni's, and in the same order."""
    adjusted = holm(p_values)
    for plain, value in zip(p_values, adjusted, strict=True):
        assert plain <= value <= min(1.0, len(p_values) * plain) + 1e-12
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    assert all(adjusted[a] <= adjusted[b] for a, b in pairwise(order))


def test_a_worked_example() -> None:
    """The four p-values of the textbook example: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_false_alarms_stay_rare() -> None:
    """Six true hypotheses tested at once: in about 5 % of the trials, not in 26 %, is one rejected."""
    rng = random.Random(11)  # noqa: S311 - a seeded simulation
    trials = [[rng.random() for _ in range(6)] for _ in range(4000)]
    alarms = sum(min(holm(values)) <= 0.05 for values in trials)
    assert stats.binomtest(alarms, len(trials), 0.05).pvalue > 0.001


@pytest.mark.parametrize("wrong", [[0.1, 1.5], [-0.1], [float("nan")]])
def test_what_is_no_probability_is_refused(wrong: list[float]) -> None:
    """Values outside 0 to 1 are an error."""
    with pytest.raises(EvalError, match="between 0 and 1"):
        holm(wrong)
