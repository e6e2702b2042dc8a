"""Arms that have not the sessions they were to have are noticed, at any time and hardly ever falsely."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from assay.errors import EvalError
from assay.stats.mismatch import ERROR, mismatch_p


def test_lost_sessions_are_noticed() -> None:
    """An arm of half the traffic that loses a tenth of its sessions is told from one that does not."""
    assert mismatch_p({"a": 5000, "b": 4500}, {"a": 0.5, "b": 0.5}) < ERROR
    assert mismatch_p({"a": 5000, "b": 4950}, {"a": 0.5, "b": 0.5}) > 0.5


def test_three_arms_and_small_shares() -> None:
    """Shares may be many and small."""
    shares = {"a": 0.98, "b": 0.01, "c": 0.01}
    assert mismatch_p({"a": 9800, "b": 103, "c": 97}, shares) > 0.5
    assert mismatch_p({"a": 9800, "b": 200, "c": 97}, shares) < ERROR


def test_peeking_hardly_ever_finds_one_that_is_not_there() -> None:
    """Over 300 experiments, looked at after every session, p never falls below the error."""
    least = 1.0
    for seed in range(300):
        chance, dealt = random.Random(seed), Counter[str]()  # noqa: S311 - a simulation
        for _ in range(400):
            dealt["new" if chance.random() < 0.25 else "old"] += 1
            least = min(least, mismatch_p(dealt, {"old": 0.75, "new": 0.25}))
    assert least > ERROR


def test_nothing_and_strangers() -> None:
    """Without sessions nothing is known; an arm that was to have none has a mismatch at its first."""
    assert mismatch_p({}, {"a": 0.5, "b": 0.5}) == 1.0
    assert mismatch_p({"c": 1}, {"a": 0.5, "b": 0.5}) == 0.0


@pytest.mark.parametrize(
    ("dealt", "shares"), [({"a": -1}, {"a": 1.0}), ({"a": 1}, {"a": 0.5}), ({"a": 1}, {"a": -0.5, "b": 1.5})]
)
def test_what_cannot_be(dealt: dict[str, int], shares: dict[str, float]) -> None:
    """Negative counts, and shares that are none, are refused."""
    with pytest.raises(EvalError):
        mismatch_p(dealt, shares)
