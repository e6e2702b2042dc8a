"""Execution match over real questions: gold passes, wrong queries do not, and what has no answer is scored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks import sql_gold
from benchmarks.sql_gold import Checks, Question

from assay.sandbox import probe

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def data() -> Path:
    """The development data of the assistant; tests that need it are skipped without it."""
    shared = Path(os.environ.get("ASSAY_SHARED") or Path(__file__).parents[3] / "shared")
    folder = (shared / "data" / "assistant").resolve()
    if not folder.is_dir():
        pytest.skip(f"no development data at {folder}; set ASSAY_SHARED")
    return folder


@pytest.fixture(scope="module")
def questions(data: Path) -> list[Question]:
    """All questions with a gold query."""
    return sql_gold.questions(data)


@pytest.fixture(scope="module")
def checks(data: Path) -> Checks:
    """One check for each database, without boxes: the comparison is what is held here."""
    return Checks(data, "process")


def test_every_gold_is_accepted(questions: list[Question], checks: Checks) -> None:
    """Each accepted query passes, bare and within prose and a code block."""
    agreeing = [q for q in questions if q.agrees]
    assert len(agreeing) >= 100
    assert sql_gold.accepted(agreeing, checks)["refused"] == 0
    for q in agreeing:
        assert checks.passes(q.db, f"Here it is:\n```sql\n{q.golds[-1]};\n```\nIt joins the tables.", q.golds), q.id


def test_gold_is_accepted_in_boxes(data: Path, questions: list[Question]) -> None:
    """The first question of each database, in the default isolation."""
    if not any(finding.works for finding in probe.available()):
        pytest.skip("no sandbox works here")
    first = {q.db: q for q in questions if q.agrees}.values()
    assert sql_gold.accepted(first, Checks(data, "sandbox"))["refused"] == 0


def test_mutated_gold_is_rejected(questions: list[Question], data: Path, checks: Checks) -> None:
    """At least 95 % of the mutants that change the rows are rejected; the rate is printed."""
    figures = sql_gold.mutated(questions, data, checks)
    print(f"{figures['rejected']}/{figures['mutants']} mutants rejected, {figures['left_out_as_equal']} left out")  # noqa: T201 - a figure
    assert figures["mutants"] >= 300
    assert figures["rejected_share"] >= 0.95, figures["examples"]


def test_other_questions_gold_is_rejected(questions: list[Question], checks: Checks) -> None:
    """A query that is right for another question of the same database is wrong in at least 95 % of cases."""
    tried = rejected = 0
    for q, other in zip(questions, [*questions[1:], questions[0]], strict=True):
        if q.db == other.db and q.agrees:
            tried += 1
            rejected += not checks.passes(q.db, other.golds[0], q.golds)
    assert rejected >= 0.95 * tried


def test_unanswerable_questions_are_scored_the_same_every_time(
    questions: list[Question], data: Path, checks: Checks
) -> None:
    """Refusals pass, whatever their wording; queries and other texts fail; abstaining from a real question fails."""
    figures = sql_gold.abstention(sql_gold.unanswerable(data), [q for q in questions if q.agrees], checks)
    assert figures.pop("questions") >= 40
    for what, share in figures.items():
        right, tried = map(int, share.split("/"))
        assert right == tried, (what, share)
