"""What a suite can show is told before money is spent, from earlier runs where there are some."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from assay.evals.figures.power import ASSUMED_DISCORDANT, Plan, plan
from assay.evals.runs.run import Run
from assay.evals.suites.sample import Sample
from assay.evals.suites.suite import Kind, Suite
from assay.ledger.rows import Outcome, RunRow
from assay.stats.power import chance_told, detectable_difference, half_width, pairs_needed
from assay.types import Label, Message


def suite_of(
    count: int, *, per_group: int = 0, synthetic: int = 0, bar: float | None = None, gate: bool = False
) -> Suite:
    """A suite of one kind, in groups of so many samples."""
    samples = [
        Sample(
            id=f"s{n}", kind="k", messages=(Message.of("user", "?"),), target="", graders=(), split="heldout",
            label=Label.UNLABELLED, synthetic=n < synthetic, group=f"g{n // per_group}" if per_group else None,
        )
        for n in range(count)
    ]  # fmt: skip
    kind = Kind(name="k", description="", bar=bar, gate=gate, guards=None, label=Label.UNLABELLED)
    return Suite(name="s", version="1", description="", folder="/s", digest="d", kinds={"k": kind}, samples=samples)  # type: ignore[arg-type]


def run_of(name: str, values: Sequence[float]) -> Run:
    """A run with these scores."""
    head = RunRow(
        id=name, suite="s", suite_digest="d", target=name, target_digest="t", config_digest="c", seed=0,
        created_at=0.0, version="1",
    )  # fmt: skip
    rows = {
        f"s{n}": Outcome(
            run_id=name, sample_id=f"s{n}", kind="k", value=value, unscored=None, cost_basis="none", cached=False,
            created_at=0.0,
        )
        for n, value in enumerate(values)
    }  # fmt: skip
    return Run(head, rows)


def test_without_runs_a_range_is_assumed() -> None:
    """100 samples: about 10 to 16 points; every figure is that of the statistics for such candidates."""
    found = plan(suite_of(100), bar=0.8)
    one = found.kinds["k"]
    assert (one.basis, one.discordant, found.runs) == ("assumed", ASSUMED_DISCORDANT, 0)
    assert one.detectable == tuple(detectable_difference(100, psi) for psi in ASSUMED_DISCORDANT)
    assert [round(share or 0, 2) for share in one.detectable] == [0.1, 0.16]
    assert one.needed == tuple(pairs_needed(0.05, psi) for psi in ASSUMED_DISCORDANT)
    assert one.half_width == half_width(100)
    assert one.told_below == chance_told(100, 0.75, 0.8)
    assert one.told_above == chance_told(100, 0.8 + 0.05, 0.8)
    assert (one.groups, one.worth) == (None, 100)


def test_few_samples_show_large_differences_only() -> None:
    """Where even all assumed discordant samples on one side would be missed, candidates must differ more often."""
    found = plan(suite_of(20), difference=0.4).overall
    for share in found.detectable:
        assert share is not None
        assert (pairs_needed(share, share) or 0) <= 20 < (pairs_needed(share - 0.02, share - 0.02) or 0)
    assert found.needed == (pairs_needed(0.4, 0.4),) * 2
    assert plan(suite_of(3)).overall.detectable == (None, None)


def test_earlier_runs_say_how_often_candidates_differ() -> None:
    """The least and the most of all pairs; runs of one target count once, the newest one, given first."""
    a, b, c = ([1.0] * 80 + [0.0] * 20, [1.0] * 70 + [0.0] * 30, [1.0] * 40 + [0.0] * 60)
    runs = [run_of("a", a), run_of("b", b), run_of("c", c), run_of("a", c)]
    found = plan(suite_of(100), runs)
    assert (found.overall.basis, found.runs) == ("measured", 3)
    assert found.overall.discordant == pytest.approx((0.1, 0.4))
    assert plan(suite_of(100), runs[:2]).overall.discordant == pytest.approx((0.1,))
    assert plan(suite_of(15), runs).overall.basis == "assumed"


def test_groups_make_samples_worth_less() -> None:
    """With the assumed correlation, a stated one, and for a number of groups that is planned."""
    suite = suite_of(100, per_group=10)
    found = plan(suite)
    assert (found.correlation, found.correlation_basis) == (0.2, "assumed")
    assert found.overall.groups == 10
    assert found.overall.worth == pytest.approx(100 / (1 + 9 * 0.2))
    assert found.overall.needed == tuple(
        math.ceil((pairs_needed(0.05, psi) or 0) * (1 + 9 * 0.2)) for psi in ASSUMED_DISCORDANT
    )
    assert plan(suite, correlation=1.0).overall.worth == pytest.approx(10)
    planned = plan(suite_of(100), groups=20, correlation=0.5).overall
    assert (planned.groups, planned.worth) == (20, pytest.approx(100 / (1 + 4 * 0.5)))


def test_the_correlation_is_measured() -> None:
    """Differences that come in whole groups have correlation 1, scattered ones about none."""
    whole = [1.0 - float(n // 10 % 3 == 0) * (n // 10 % 2) for n in range(200)]
    found = plan(suite_of(200, per_group=10), [run_of("a", [1.0] * 200), run_of("b", whole)])
    assert found.correlation_basis == "measured"
    assert found.correlation == pytest.approx(1.0)
    rng = random.Random(6)  # noqa: S311 - a seeded sequence
    scattered = [float(rng.random() < 0.5) for _ in range(200)], [float(rng.random() < 0.5) for _ in range(200)]
    loose = plan(suite_of(200, per_group=10), [run_of("a", scattered[0]), run_of("b", scattered[1])])
    assert loose.correlation < 0.2


def test_bars_and_made_up_samples() -> None:
    """A kind's own bar, 1 for a gate, the one that is given before both; made-up samples do not count."""
    bars: list[Plan] = [plan(suite_of(10, bar=0.6)), plan(suite_of(10, gate=True)), plan(suite_of(10), force_bar=0.7)]
    assert [one.kinds["k"].bar for one in bars] == [0.6, 1.0, 0.7]
    assert bars[1].kinds["k"].told_above is None
    found = plan(suite_of(10, synthetic=4))
    assert (found.synthetic, found.overall.samples) == (4, 6)
