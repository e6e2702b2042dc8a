"""What temperature, top-k and top-p do to a distribution."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.stats.sampling import drawn, entropy_bits

HALVES = [math.log(0.5), math.log(0.25), math.log(0.125), math.log(0.125)]


def test_temperature_one_leaves_the_distribution() -> None:
    """What the model says is what is drawn."""
    assert drawn(HALVES) == pytest.approx([0.5, 0.25, 0.125, 0.125])


def test_temperature_zero_takes_the_first() -> None:
    """Greedy decoding."""
    assert drawn(HALVES, temperature=0) == [1, 0, 0, 0]


def test_temperature_raises_odds_to_its_inverse() -> None:
    """At 1/2, probabilities are squared and normalised."""
    squares = [0.25, 0.0625, 0.015625, 0.015625]
    assert drawn(HALVES, temperature=0.5) == pytest.approx([one / sum(squares) for one in squares])


def test_top_k_keeps_so_many() -> None:
    """Two tokens share all."""
    assert drawn(HALVES, top_k=2) == pytest.approx([2 / 3, 1 / 3, 0, 0])


def test_top_p_keeps_the_fewest_that_reach_it() -> None:
    """0.75 is reached by two, a little more by three; 0 keeps the first."""
    assert [one > 0 for one in drawn(HALVES, top_p=0.75)] == [True, True, False, False]
    assert [one > 0 for one in drawn(HALVES, top_p=0.76)] == [True, True, True, False]
    assert drawn(HALVES, top_p=0) == [1, 0, 0, 0]


def test_cuts_come_before_temperature() -> None:
    """The nucleus is that of the model's distribution, however it is flattened afterwards."""
    assert [one > 0 for one in drawn(HALVES, top_p=0.75, temperature=100)] == [True, True, False, False]


@pytest.mark.parametrize("wrong", [{"temperature": -1}, {"top_k": -1}, {"top_p": 1.5}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    """As an engine would."""
    with pytest.raises(ValueError, match="out of range"):
        drawn(HALVES, **wrong)  # type: ignore[arg-type]


def test_unsorted_or_nothing_is_refused() -> None:
    """The cuts need the order."""
    for wrong in ([], [-2.0, -1.0]):
        with pytest.raises(ValueError, match="largest first"):
            drawn(wrong)


@given(
    st.lists(st.floats(-30, 0), min_size=1, max_size=40),
    st.floats(0, 5),
    st.integers(0, 50),
    st.floats(0, 1),
)
def test_it_is_a_distribution_in_the_same_order(
    logprobs: list[float], temperature: float, top_k: int, top_p: float
) -> None:
    """Sums to one, never negative, never out of order."""
    found = drawn(sorted(logprobs, reverse=True), temperature=temperature, top_k=top_k, top_p=top_p)
    assert math.fsum(found) == pytest.approx(1)
    assert found == sorted(found, reverse=True)
    assert min(found) >= 0


def test_entropy_counts_equal_choices() -> None:
    """Eight equal tokens are three bits, a certain one none."""
    assert entropy_bits([0.125] * 8) == pytest.approx(3)
    assert entropy_bits([1.0, 0.0]) == 0
