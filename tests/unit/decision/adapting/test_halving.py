"""How many variants answer how many samples, and when a lead counts."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.decision.adapting.halving import LEAST_SAMPLES, affordable, halved, rounds
from assay.decision.adapting.luck import CHANCE, beyond_luck, chance


@given(st.integers(2, 60), st.integers(1, 300), st.integers(2, 2000))
def test_rounds_stay_within_the_answers(variants: int, samples: int, answers: int) -> None:
    """Whatever the numbers: never more answers than allowed, never fewer samples or more variants than before."""
    found = rounds(variants, samples, answers)
    asked = done = 0
    for one in found:
        asked, done = asked + one.variants * (one.samples - done), one.samples
    assert asked <= answers
    assert done <= samples
    assert all(a.variants > b.variants and a.samples < b.samples for a, b in pairwise(found))
    assert all(one.variants >= 2 for one in found)


def test_one_round_where_everybody_can_answer_all() -> None:
    """Nobody is left out early where the answers are enough for the whole grid."""
    assert rounds(8, 8, 64) == ((8, 8),)
    assert rounds(8, 8, 63) != ((8, 8),)


def test_the_rounds_of_a_larger_split() -> None:
    """Eight variants on forty samples with 64 answers: all on two, four on eight, the last two on twenty."""
    assert rounds(8, 40, 64) == ((8, 2), (4, 8), (2, 20))


@pytest.mark.parametrize(
    ("answers", "samples", "variants"), [(64, 8, 8), (64, 100, 8), (64, 4, 16), (7, 8, 0), (16, 8, 2)]
)
def test_fewer_variants_before_fewer_answers(answers: int, samples: int, variants: int) -> None:
    """Each variant that is tried has eight answers on the average, or all there are."""
    assert affordable(answers, samples) == variants
    assert LEAST_SAMPLES == 8


def test_the_configured_prompt_goes_on_whatever_it_scores() -> None:
    """It takes the place of the last of those that go on."""
    assert halved([5, 4, 3, 2, 0], 3, lambda one: one == 0) == [5, 4, 0]
    assert halved([0, 5, 4], 2, lambda one: one == 0) == [0, 5]


def test_the_chance_of_a_lead() -> None:
    """Of equal prompts three wins of three come once in eight times, two of two in four, four of five in 16 / 3."""
    assert chance(3, 0) == 1 / 8
    assert chance(2, 0) == 1 / 4
    assert chance(4, 1) == 6 / 32
    assert chance(0, 0) == 1.0


@pytest.mark.parametrize(
    ("wins", "losses", "counts"),
    [(0, 0, False), (2, 0, False), (3, 0, True), (3, 1, False), (4, 1, True), (1, 4, False)],
)
def test_what_is_beyond_luck(wins: int, losses: int, counts: bool) -> None:
    """The border lies where the sign test says so."""
    assert beyond_luck(wins, losses) is counts
    assert CHANCE == 0.2


def test_an_equal_prompt_is_seldom_taken_for_a_better_one() -> None:
    """One other prompt, as good: on any number of samples it is taken in at most the stated share of cases."""
    draw = random.Random(7)  # noqa: S311 - a simulation
    taken = 0
    for _ in range(2000):
        outcomes = [(draw.random() < 0.5, draw.random() < 0.5) for _ in range(16)]
        taken += beyond_luck(sum(a and not b for a, b in outcomes), sum(b and not a for a, b in outcomes))
    assert taken / 2000 <= CHANCE
    assert taken > 0
