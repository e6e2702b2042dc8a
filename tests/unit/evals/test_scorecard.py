"""Scorecards: every figure with its interval, unknown stays unknown, comparisons are paired."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from assay.evals.figures.scorecard import compare, metrics, scorecard
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Suite, read_suite
from assay.ledger.rows import ResultRow, RunRow
from assay.stats.intervals import wilson
from assay.stats.matched import matched
from assay.stats.shares import share


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


def test_groups_widen_intervals_and_are_counted() -> None:
    """Scores in groups: the interval is that of the statistics, and the number of groups is told."""
    rows = [row(f"s{n}", float(n // 5 % 2)) for n in range(20)]
    grouped = metrics(rows, 20, lambda sample: str(int(sample[1:]) // 5))
    found = share([float(n // 5 % 2) for n in range(20)], [n // 5 for n in range(20)])
    assert found is not None
    assert (grouped.groups, grouped.interval) == (4, tuple(found.interval))
    assert metrics(rows, 20).groups is None
    late = metrics(rows, 20, lambda sample: "last" if int(sample[1:]) >= 15 else None)
    assert late.groups == 16


def test_fractions_are_averaged_and_bounded() -> None:
    """The share is the mean of the scores, passed those that are 1, and what is open counts as 0 or as 1."""
    found = metrics([row("a", 1.0), row("b", 0.4), row("c", None)], 4)
    assert (found.passed, found.failed, found.unscored, found.share) == (1, 1, 1, pytest.approx(0.7))
    assert found.bounds == (pytest.approx(1.4 / 4), pytest.approx(3.4 / 4))


def test_grading_has_a_cost_of_its_own() -> None:
    """What judges cost stands beside what answers cost; unknown stays unknown."""
    rows = [row("a", 1.0, grading_usd=0.004), row("b", 1.0, grading_usd=0.0)]
    assert metrics(rows, 2).grading_usd == pytest.approx(0.002)
    assert metrics([*rows, row("c", 1.0, grading_usd=None)], 3).grading_usd is None
    assert metrics(rows, 2).usd == pytest.approx(0.001)


def test_made_up_samples_stand_apart(write_suite: Callable[..., Any]) -> None:
    """They are in no headline figure, and have lines of their own; a benchmark's run is marked public."""
    lines = [
        {"id": f"w{n}", "input": "ask.", "target": "yes", **({"synthetic": True} if n > 1 else {})} for n in range(5)
    ]
    suite = read_suite(write_suite(words=lines))
    run = run_of("m", {"w0": 1.0, "w1": 0.0, "w2": 1.0, "w3": 1.0})
    card = scorecard(run, suite)
    assert (card.overall.total, card.overall.share, card.kinds["words"].total) == (2, 0.5, 2)
    assert card.synthetic_overall is not None
    assert (card.synthetic_overall.total, card.synthetic_overall.share) == (3, 1.0)
    assert card.synthetic == {"words": card.synthetic_overall}
    assert (card.public, scorecard(Run(replace(run.row, harness="lm-eval"), run.results), suite).public) == (
        None,
        "lm-eval",
    )


def test_comparisons_know_groups_and_fractions(write_suite: Callable[..., Any]) -> None:
    """In groups and for fractions the comparison is that of the statistics; samples that do not count are left out."""
    lines = [{"id": f"s{n}", "input": "ask.", "target": "yes", "group": f"g{n // 5}"} for n in range(20)]
    samples = read_suite(write_suite(words=lines)).samples
    values = {f"s{n}": float(n // 5 > 0) for n in range(20)} | {"other": 0.0}
    a, b = run_of("a", dict.fromkeys(values, 1.0)), run_of("b", {**values})
    found = compare(a, b, samples)
    theirs = matched([(1.0, float(n // 5 > 0)) for n in range(20)], [n // 5 for n in range(20)])
    assert theirs is not None
    assert (found.samples, found.groups, found.only_a, found.only_b) == (20, 4, 5, 0)
    assert (found.p_value, found.interval) == (theirs.p_value, tuple(theirs.interval))
    assert (found.design_effect, found.discordant) == (5.0, 0.25)
    assert (found.p_value or 0) > (compare(a, b).p_value or 0)
    assert compare(a, b).samples == 21
    halves = compare(run_of("a", {"s": 0.6, "t": 0.4}), run_of("b", {"s": 0.2, "t": 0.4}))
    assert (halves.difference, halves.only_a, halves.only_b) == (pytest.approx(0.2), 0, 0)
