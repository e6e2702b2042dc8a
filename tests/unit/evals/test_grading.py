"""Grading: right, wrong, and unscored, which is neither."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from assay.checks.check import CheckResult
from assay.errors import SuiteError
from assay.evals.graders import grading, registry
from assay.evals.graders.grading import check_graders, grade, mistakes
from assay.evals.suites.suite import Sample
from assay.types import Finish, Label, Message, Response, Text


def answer(text: str) -> Response:
    """A complete answer."""
    return Response(parts=(Text(text=text),), finish=Finish(kind="stop", native="stop"))


def sample(*graders: dict[str, Any], target: object = "yes") -> Sample:
    """A sample with these graders."""
    return Sample(
        id="s", kind="k", messages=(Message.of("user", "x"),), target=target, graders=graders, split="heldout",
        label=Label.UNLABELLED,
    )  # fmt: skip


class Crashing:
    """A plug-in's check that is broken."""

    name = "crashing"

    def check(self, *_: object) -> CheckResult:
        """Fails with whatever a stranger's code may raise."""
        raise ZeroDivisionError("no luck")


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers the broken check as `crashing`."""
    real = registry.make_check

    def make(spec: dict[str, Any]) -> object:
        return Crashing() if spec["check"] == "crashing" else real(spec)

    monkeypatch.setattr(registry, "make_check", make)
    grading._grader_of.cache_clear()


EXACT = {"check": "exact"}
REGEX = {"check": "regex", "pattern": "^y"}
CRASHING = {"check": "crashing"}


async def test_all_graders_must_pass() -> None:
    """One failed grader makes the sample wrong; each score says why."""
    right = await grade(sample(EXACT, REGEX), answer("yes"))
    wrong = await grade(sample(EXACT, REGEX), answer("yeah"))
    assert (right.value, right.unscored) == (1.0, None)
    assert (wrong.value, wrong.unscored) == (0.0, None)
    assert [score.value for score in wrong.scores] == [0.0, 1.0]
    assert all(score.explanation for score in wrong.scores if score.value == 0.0)


async def test_a_crashing_check_leaves_the_sample_unscored(crashing: None) -> None:
    """A plug-in that raises is not the model's fault: the sample is unscored, and says by what."""
    found = await grade(sample(EXACT, CRASHING), answer("yes"))
    assert found.value is None
    assert "crashing" in (found.unscored or "")
    assert "no luck" in (found.unscored or "")


async def test_a_certain_failure_stays_a_failure_beside_a_crash(crashing: None) -> None:
    """All graders must pass, so one that certainly fails decides, whatever the broken one would say."""
    assert (await grade(sample(CRASHING, EXACT), answer("no"))).value == 0.0


async def test_a_missing_target_is_unscored_never_zero() -> None:
    """A check without anything to compare with cannot decide."""
    found = await grade(sample(EXACT, target=None), answer("yes"))
    assert found.value is None
    assert "target" in (found.unscored or "")


async def test_a_database_that_is_gone_is_unscored() -> None:
    """Infrastructure of a check that is missing leaves the sample unscored."""
    spec = {"check": "sql", "database": "/nowhere/db.sqlite", "tables": {"t": ["a"]}}
    found = await grade(sample(spec, target="select a from t"), answer("select a from t"))
    assert found.value is None


async def test_no_grader_is_unscored() -> None:
    """Nothing that could say right is not right."""
    found = await grade(sample(), answer("yes"))
    assert (found.value, found.unscored) == (None, "no grader")


async def test_an_answer_without_text_is_wrong() -> None:
    """An empty answer is an answer: it is graded."""
    assert (await grade(sample(EXACT), Response(finish=Finish(kind="stop", native="stop")))).value == 0.0


@pytest.mark.parametrize(
    ("spec", "target"),
    [
        ({"check": "tool-calls"}, [{"nome": "f"}]),
        ({"check": "sources"}, {"answers": "x"}),
        ({"check": "numeric"}, "two or three"),
        ({"check": "tests"}, {"test": "assert f()"}),
        ({"check": "tests"}, "def ("),
        ({"check": "script"}, {"cases": 3}),
        ({"check": "exact"}, None),
        ({"check": "fields"}, {}),
        ({"check": "regex"}, "("),
    ],
)
def test_a_wrong_target_shows_before_money_is_spent(spec: dict[str, Any], target: object) -> None:
    """Each check is shown each target: one of no use names its sample, and no answer is needed for that."""
    wrong = sample(spec, target=target)
    with pytest.raises(SuiteError, match=r"graders of sample 's': EvalError|graders of sample 's': check"):
        check_graders((wrong,))
    assert [one for one, _ in mistakes([wrong, wrong])] == [wrong, wrong]


def test_a_gold_query_that_does_not_run_shows_before_money_is_spent(tmp_path: Path) -> None:
    """The queries of all targets are run, many in one box, and the wrong one is named."""
    sqlite3.connect(database := tmp_path / "shop.db").execute("create table orders (n int)")
    spec = {"check": "sql", "database": str(database), "tables": {"orders": ["n"]}, "isolation": "process"}
    right = sample(spec, target=["select n from orders", "select count(*) from orders"])
    refusal = sample(spec, target="UNANSWERABLE")
    wrong = sample(spec, target="select m from orders")
    check_graders((right, refusal))
    found = list(mistakes((right, wrong, refusal)))
    assert [one.target for one, _ in found] == ["select m from orders"]
    assert "the target does not run" in str(found[0][1])


def test_a_plugin_that_breaks_on_an_empty_answer_is_no_mistake_of_the_suite(crashing: None) -> None:
    """It leaves samples unscored when they are graded; the suite is not refused for it."""
    check_graders((sample(CRASHING),))


def test_a_grader_that_is_none_is_refused() -> None:
    """A table names a check or a grader, by a name that is known."""
    for spec, said in (
        ({"grader": "juge"}, "unknown grader 'juge'; did you mean 'judge'"),
        ({"grader": "judge", "check": "exact"}, "not both"),
        ({"grader": 7}, "is a name"),
        ({"chek": "exact"}, "needs a check"),
    ):
        with pytest.raises(SuiteError, match=said):
            check_graders((sample(spec),))
