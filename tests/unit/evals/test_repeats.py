"""The same sample asked several times: seeds, and what the values come to."""

from __future__ import annotations

from typing import Any

import pytest

from assay.evals.runs.repeats import Repeats, reduced, seed_of
from assay.ledger.rows import Outcome


def outcome(repeat: int, value: float | None, **more: Any) -> Outcome:
    """One answer."""
    values: dict[str, Any] = {
        "run_id": "r", "sample_id": "s", "kind": "k", "value": value, "cost_basis": "measured", "cached": False,
        "unscored": None if value is not None else "Timeout: late", "created_at": float(repeat), "repeat": repeat,
        "cost_usd": 1.0, "latency_s": 1.0,
    }  # fmt: skip
    return Outcome(**{**values, **more})


@pytest.mark.parametrize(
    ("reducer", "values", "want"),
    [
        ("mean", [1, 0, 1, 1], 0.75),
        ("mean", [1, 0, None, 1], None),
        ("mean", [0.5, 0.25], None),
        ("all", [1, 1, 1, 1], 1.0),
        ("all", [0], 0.0),
        ("all", [None, None, None, 0], 0.0),
        ("all", [1, 1, 1, None], None),
        ("any", [None, 1], 1.0),
        ("any", [0, 0, 0, 0], 0.0),
        ("any", [0, 0, 0, None], None),
        ("majority", [1, 1, 1], 1.0),
        ("majority", [1, 1, 0, 0], 0.0),
        ("majority", [0, 0], 0.0),
        ("majority", [1, 1, None, None], None),
    ],
)
def test_a_value_is_told_as_soon_as_nothing_can_change_it(reducer: Any, values: list[Any], want: float | None) -> None:
    """Of four repeats: missing and unscored ones leave the sample unscored only where they matter."""
    answers = [outcome(n, value) for n, value in enumerate(values)]
    assert reduced(answers, Repeats(4, reducer)).value == want


def test_an_unscored_sample_says_why() -> None:
    """The reason of the repeats, and how many they are; or that they were not asked."""
    both = [outcome(0, 1.0), outcome(1, None), outcome(2, None)]
    assert reduced(both, Repeats(3)).unscored == "Timeout: late (2 of 3 repeats unscored)"
    assert reduced([outcome(0, 1.0)], Repeats(3)).unscored == "1 of 3 repeats was asked"


def test_costs_are_means_and_the_slowest_counts() -> None:
    """Cost is that of one answer; a limit on latency is not met by averaging; unknown stays unknown."""
    answers = [outcome(0, 1.0, cost_usd=1.0, latency_s=0.5), outcome(1, 1.0, cost_usd=3.0, latency_s=2.5)]
    both = reduced(answers, Repeats(2))
    assert (both.cost_usd, both.latency_s, both.cost_basis) == (2.0, 2.5, "measured")
    unknown = reduced([*answers, outcome(2, 1.0, cost_usd=None, cost_basis="unknown", latency_s=None)], Repeats(3))
    assert (unknown.cost_usd, unknown.latency_s, unknown.cost_basis) == (None, None, "unknown")


def test_every_repeat_has_a_seed_of_its_own() -> None:
    """The first has the run's own; no later one is the first of a neighbouring run."""
    seeds = [seed_of(seed, repeat) for seed in range(20) for repeat in range(20)]
    assert len(set(seeds)) == len(seeds)
    assert [seed_of(seed, 0) for seed in range(3)] == [0, 1, 2]
