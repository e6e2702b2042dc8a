"""Graders put right by people: of the run's own answers, of others', or not at all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from assay.evals.figures.correction import NOBODY, corrected, corrected_lead, corrections, read_people
from assay.evals.judging.labels import HumanLabel, Labels
from assay.evals.runs.outcomes import Outcomes
from assay.evals.runs.repeats import Repeats
from assay.evals.runs.run import Run
from assay.evals.suites.sample import Sample
from assay.evals.suites.suite import Kind, Suite
from assay.ledger.rows import Outcome, ResultRow, RunRow
from assay.ledger.store import SqliteLedger
from assay.stats.prediction_powered import corrected_difference, corrected_share
from assay.types import Label, Message


def run_of(name: str, values: Sequence[float | None]) -> Run:
    """A run over samples s0, s1, ..."""
    head = RunRow(
        id=name, suite="s", suite_digest="d", target=name, target_digest="t", config_digest="c", seed=0,
        created_at=0.0, version="1",
    )  # fmt: skip
    rows = {
        f"s{n}": Outcome(
            run_id=name, sample_id=f"s{n}", kind="k", value=value, unscored="Timeout" if value is None else None,
            cost_basis="none", cached=False, created_at=0.0,
        )
        for n, value in enumerate(values)
    }  # fmt: skip
    return Run(head, rows)


def verdicts(values: Sequence[float]) -> dict[tuple[str, int], float]:
    """What people say of the first answers."""
    return {(f"s{n}", 0): value for n, value in enumerate(values)}


def alone(sample: str) -> str | None:
    """No sample is in a group."""
    return None


IDS = [f"s{n}" for n in range(100)]
JUDGED = [1.0] * 80 + [0.0] * 20


def test_labels_of_the_runs_own_answers() -> None:
    """Prediction-powered, with how graders err; unscored answers stay out."""
    rng = random.Random(2)  # noqa: S311 - a seeded sequence
    values: list[float | None] = [*rng.sample(JUDGED, 100)]
    values[50] = None
    said = [value if n % 5 else 0.0 for n, value in enumerate(values[:30])]
    found = corrected(run_of("r", values), IDS, verdicts([float(one or 0) for one in said]), alone)
    scored = [value for value in values if value is not None]
    theirs = corrected_share(scored, [*[float(one or 0) for one in said], *[None] * 69])
    assert theirs is not None
    assert (found.method, found.labels, found.reason) == ("prediction-powered", 30, None)
    assert (found.share, found.interval) == (theirs.value, tuple(theirs.interval))
    assert found.errors is not None
    assert found.errors.sensitivity == 1.0
    assert found.errors.specificity is not None
    assert 0 < found.errors.specificity < 1


def test_groups_widen_what_labels_say() -> None:
    """The same labels in groups of ten samples that are alike: a wider interval."""
    said = verdicts(JUDGED[50:])
    run = run_of("r", JUDGED[50:] + JUDGED[:50])
    single = corrected(run, IDS, said, alone)
    grouped = corrected(run, IDS, said, lambda sample: str(int(sample[1:]) // 10))
    assert single.interval is not None
    assert grouped.interval is not None
    assert grouped.interval[1] - grouped.interval[0] > single.interval[1] - single.interval[0]


def test_labels_of_other_answers() -> None:
    """With too few of its own, how graders err on others' answers corrects the share."""
    others = [(1.0, 1.0)] * 18 + [(0.0, 1.0)] * 2 + [(1.0, 0.0)] * 5 + [(0.0, 0.0)] * 15
    found = corrected(run_of("r", JUDGED), IDS, {}, alone, others)
    assert (found.method, found.labels, found.disagreed) == ("rogan-gladen", 40, 7.0)
    assert found.share == pytest.approx((0.8 + 0.75 - 1) / (0.9 + 0.75 - 1))


def test_fractions_pass_where_they_are_whole() -> None:
    """Errors are counted of passes, so a share of passes is what they correct; half a point is none."""
    others = [(1.0, 1.0)] * 18 + [(0.0, 1.0)] * 2 + [(1.0, 0.0)] * 5 + [(0.5, 0.0)] * 15
    found = corrected(run_of("r", [1.0] * 40 + [0.5] * 60), IDS, {}, alone, others)
    assert found.share == pytest.approx((0.4 + 0.75 - 1) / (0.9 + 0.75 - 1))


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([(1.0, 1.0)] * 3, "3 labels; 10 of this run's answers are needed"),
        ([(1.0, 1.0)] * 12, "called no answer wrong"),
        ([(0.0, 0.0)] * 12, "called no answer right"),
        ([(1.0, 1.0), (1.0, 0.0)] * 8, "they say nothing"),
    ],
)
def test_what_cannot_be_told_has_a_reason(others: list[tuple[float, float]], reason: str) -> None:
    """Too few labels, labels of one sort, and graders no better than chance."""
    found = corrected(run_of("r", JUDGED), IDS, {}, alone, others)
    assert (found.share, found.interval, found.method) == (None, None, None)
    assert reason in str(found.reason)


def test_a_lead_is_corrected_where_both_answers_were_read() -> None:
    """The difference as people see it; with too few of both read it cannot be told."""
    a, b = run_of("a", JUDGED), run_of("b", JUDGED[30:] + JUDGED[:30])
    said = (verdicts([1.0, 0.0] * 15), verdicts([1.0] * 20))
    found = corrected_lead(a, b, IDS, said, alone)
    judged = [x - y for x, y in zip(JUDGED, JUDGED[30:] + JUDGED[:30], strict=True)]
    theirs = corrected_difference(judged, [*[x - 1.0 for x in [1.0, 0.0] * 10], *[None] * 80])
    assert theirs is not None
    assert (found.share, found.interval, found.labels) == (theirs.value, tuple(theirs.interval), 20)
    few = corrected_lead(a, b, IDS, (said[0], verdicts([1.0] * 4)), alone)
    assert (few.share, few.labels) == (None, 4)
    assert "4 samples; 10 are needed" in str(few.reason)


async def test_people_are_looked_up_in_the_ledger(ledger: SqliteLedger) -> None:
    """Own verdicts by run, those of other runs as pairs; made-up samples do not count; nobody corrects nothing."""
    run, other = run_of("r", JUDGED), run_of("other", [1.0, 0.0])
    for one in (run, other):
        await ledger.open_run(one.row)
        for row in one.results.values():
            await ledger.add_result(
                ResultRow(**{name: getattr(row, name) for name in row.__struct_fields__}, scores=b"[]", answer="x")
            )
    labels = [HumanLabel(sample=f"s{n}", value=1, run="r") for n in range(12)]
    people = await read_people(Labels([*labels, HumanLabel(sample="s1", value=1, run="other")]), ledger, [run])
    assert people.others == [(0.0, 1.0)]
    assert people.verdicts == {"r": verdicts([1.0] * 12)}
    found = corrections([run], suite_of(synthetic=2), people)["r"]
    assert found.labels == 10
    assert corrections([run], suite_of(), NOBODY) == {}


def suite_of(synthetic: int = 0, **more: Any) -> Suite:
    """A suite of s0 to s99, of which the first so many were made up."""
    samples = [
        Sample(
            id=name, kind="k", messages=(Message.of("user", "?"),), target="", graders=(), split="heldout",
            label=Label.UNLABELLED, synthetic=n < synthetic, **more,
        )
        for n, name in enumerate(IDS)
    ]  # fmt: skip
    kind = Kind(name="k", description="", bar=None, gate=False, guards=None, label=Label.UNLABELLED)
    return Suite(name="s", version="1", description="", folder="/s", digest="d", kinds={"k": kind}, samples=samples)  # type: ignore[arg-type]


def test_repeats_of_an_answer_are_one_label() -> None:
    """Four samples read, asked three times each, are four labels and too few, not twelve."""
    outcomes = Outcomes("r", lambda kind: Repeats(3))
    for n in range(8):
        for repeat in range(3):
            row = run_of("r", [1.0] * 8).results[f"s{n}"]
            outcomes.add(msgspec.structs.replace(row, repeat=repeat))
    said = {(f"s{n}", repeat): 1.0 for n in range(4) for repeat in range(3)}
    found = corrected(Run(run_of("r", []).row, outcomes), [f"s{n}" for n in range(8)], said, alone)
    assert found.share is None
    assert found.reason == "4 labels; 10 of this run's answers are needed"
    run = Run(run_of("r", []).row, outcomes)
    lead = corrected_lead(run, run, [f"s{n}" for n in range(8)], (said, said), alone)
    assert lead.share is None
    assert lead.reason == "people have read both answers to 4 samples; 10 are needed"
