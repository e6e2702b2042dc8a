"""Scorecards: every figure with its interval, unknown stays unknown, comparisons are paired."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evals.runner import Run
from assay.evals.scorecard import compare, metrics, scorecard
from assay.evals.suite import Suite
from assay.ledger.rows import ResultRow, RunRow
from assay.stats.intervals import wilson


def row(sample: str, value: float | None, **more: Any) -> ResultRow:
    """A result."""
    values: dict[str, Any] = {
        "run_id": "r", "sample_id": sample, "kind": "words", "value": value, "scores": b"[]", "answer": "x",
        "unscored": None if value is not None else "Timeout: cut", "cost_basis": "measured", "cached": False,
        "created_at": 0.0, "latency_s": 0.1, "cost_usd": 0.001,
    }  # fmt: skip
    return ResultRow(**{**values, **more})


def run_of(name: str, results: dict[str, float | None]) -> Run:
    """A run with these values."""
    head = RunRow(
        id=name, suite="tiny", suite_digest="d", target=name, target_digest="t", config_digest="c", seed=0,
        created_at=0.0, version="1",
    )  # fmt: skip
    return Run(head, {sample: row(sample, value) for sample, value in results.items()})


VALUES = st.lists(st.sampled_from([0.0, 1.0, None]), max_size=40)


@given(values=VALUES, left=st.integers(0, 10))
def test_figures_are_consistent_for_any_results(values: list[float | None], left: int) -> None:
    """Counts add up, the share lies in its interval and in the bounds, and nothing is said of nothing."""
    total = len(values) + left
    found = metrics([row(str(n), value) for n, value in enumerate(values)], total)
    assert found.passed + found.failed + found.unscored == len(values)
    scored = found.passed + found.failed
    if not scored:
        assert (found.share, found.interval) == (None, None)
    else:
        assert found.interval is not None
        assert found.share is not None
        assert found.interval == tuple(wilson(found.passed, scored))
        assert found.interval[0] - 1e-12 <= found.share <= found.interval[1] + 1e-12
    if total:
        assert found.bounds == (found.passed / total, (total - found.failed) / total)
    else:
        assert found.bounds is None


@given(values=VALUES, seed=st.integers(0, 9))
def test_bounds_contain_the_share_however_the_open_samples_come_out(values: list[float | None], seed: int) -> None:
    """Filling in the unscored samples at random never leaves the bounds."""
    if not values:
        return
    found = metrics([row(str(n), value) for n, value in enumerate(values)], len(values))
    chance = random.Random(seed)  # noqa: S311 - a sequence, not a secret
    truth = sum(value if value is not None else chance.randint(0, 1) for value in values) / len(values)
    assert found.bounds is not None
    assert found.bounds[0] <= truth <= found.bounds[1]


def test_a_mean_with_an_unknown_part_is_unknown() -> None:
    """One answer without a price makes the mean cost unknown, never lower."""
    assert metrics([row("a", 1.0), row("b", 1.0, cost_usd=None)], 2).usd is None
    assert metrics([row("a", 1.0), row("b", 1.0)], 2).usd == pytest.approx(0.001)


def test_cached_answers_leave_latency_figures() -> None:
    """An answer from the cache has no latency; with nothing else there is no figure."""
    cached = row("b", 1.0, cached=True, latency_s=None)
    assert metrics([row("a", 1.0, latency_s=2.0), cached], 2).p95_s == 2.0
    found = metrics([cached], 1)
    assert (found.p50_s, found.p95_s, found.cached) == (None, None, 1)


def test_a_scorecard_tells_why_samples_have_no_score(tiny: Callable[[int], Suite]) -> None:
    """Unscored samples are counted by reason; results of samples that are not in the suite do not count."""
    suite = tiny(4)
    run = run_of("m", {"w000": 1.0, "w001": 0.0, "w002": None, "other": 1.0})
    card = scorecard(run, suite)
    assert (card.overall.total, card.overall.passed, card.overall.unscored) == (4, 1, 1)
    assert card.unscored == {"Timeout: cut": 1}
    assert card.kinds["words"] == card.overall


def test_comparisons_are_paired() -> None:
    """Only samples that both have scored count; the difference is told with interval and exact p-value."""
    a = run_of("a", {**{f"s{n}": 1.0 for n in range(12)}, "x": None, "only-a": 0.0})
    b = run_of("b", {**{f"s{n}": float(n < 4) for n in range(12)}, "x": 1.0, "only-b": 0.0})
    found = compare(a, b)
    assert (found.samples, found.only_a, found.only_b) == (12, 8, 0)
    assert found.difference == pytest.approx(8 / 12)
    assert found.interval is not None
    assert found.interval[0] > 0
    assert found.p_value == pytest.approx(2 / 2**8)


def test_a_comparison_is_antisymmetric() -> None:
    """Exchanging the runs changes the sign and nothing else."""
    chance = random.Random(4)  # noqa: S311 - a sequence, not a secret
    a = run_of("a", {f"s{n}": float(chance.random() < 0.7) for n in range(30)})
    b = run_of("b", {f"s{n}": float(chance.random() < 0.5) for n in range(30)})
    there, back = compare(a, b), compare(b, a)
    assert there.difference == pytest.approx(-(back.difference or 0))
    assert there.p_value == back.p_value
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval[0] == pytest.approx(-back.interval[1])


def test_nothing_in_common_is_no_comparison() -> None:
    """Without a shared scored sample there is no difference and no p-value."""
    found = compare(run_of("a", {"s": 1.0}), run_of("b", {"s": None}))
    assert (found.samples, found.difference, found.interval, found.p_value) == (0, None, None, None)


def test_equal_runs_do_not_differ() -> None:
    """A run compared with itself: difference 0, p = 1, and the interval contains 0."""
    a = run_of("a", {f"s{n}": float(n % 2) for n in range(10)})
    found = compare(a, a)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    assert found.interval is not None
    assert found.interval[0] <= 0 <= found.interval[1]
