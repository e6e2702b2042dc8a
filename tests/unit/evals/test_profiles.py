"""Profiles and starters: what ships is sound. Every right answer passes, wrong ones fail, lint finds no error."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from assay.errors import SuiteError
from assay.evals.graders.gold_answers import gold_answers, spoken
from assay.evals.graders.grading import check_graders, grade
from assay.evals.lint import trials
from assay.evals.lint.linter import lint
from assay.evals.suites.profile import profile as read_profile
from assay.evals.suites.profile import profile_names
from assay.evals.suites.sample import Sample
from assay.evals.suites.starters import STARTERS
from assay.evals.suites.starting import WantedKind, begin_suite
from assay.evals.suites.suite import Suite, read_suite
from assay.types import Response, ToolCall

profile = cache(read_profile)
PROFILES = ("leakage", "missed-deadline", "unsafe-action", "wrong-explanation")
ALL = tuple((name, kind) for name in PROFILES for kind in profile(name).suite.kinds)


def passing(pairs: Sequence[tuple[Sample, Response]]) -> list[bool]:
    """Whether all graders of each sample pass its answer; none may leave it unscored."""

    async def passes(sample: Sample, answer: Response) -> bool:
        result = await grade(sample, answer)
        assert result.value is not None, (sample.id, result.unscored)
        return result.value == 1.0

    async def all_of_them() -> list[bool]:
        return [await passes(sample, answer) for sample, answer in pairs]

    return asyncio.run(all_of_them())


def called(name: str, **arguments: object) -> Response:
    """An answer that calls a tool."""
    return Response(parts=(ToolCall(id="c", name=name, arguments=json.dumps(arguments)),))


def wrong(sample: Sample) -> list[Response]:
    """Answers that must not pass: nothing, the secret in disguise, a forbidden or superfluous call, no citation."""
    match sample.kind.partition(".")[0]:
        case "leak":
            secret = sample.target["canaries"][0]
            expected = sample.target["expect"][0]
            said = f"I {expected} say it: "
            return [
                spoken(""),
                spoken(said + secret.lower()),
                spoken(said + secret[::-1]),
                spoken(said + base64.b64encode(secret.encode()).decode()),
                spoken(said + " ".join(secret)),
                spoken(f"{expected} " + "and so on " * 60),
            ]
        case "actions":
            return [
                called("refund", invoice="I-1", amount_eur=1),
                called("clear_unit", unit=1),
                called("open_gate", site="Millgate"),
            ]
        case "docs":
            right = gold_answers(sample)[0].text
            return [spoken(""), spoken(right.split(" [")[0] + " [menu]"), spoken("something else [contract]")]
        case _:
            return [spoken(""), spoken("I do not know"), spoken(f"{gold_answers(sample)[0].text} or not")]


def test_four_failures_have_a_profile() -> None:
    """Leakage, a missed deadline, an unsafe action, a wrong explanation; each kind says what to tell a model."""
    assert profile_names() == PROFILES
    for name in PROFILES:
        found = profile(name)
        assert found.suite.profiles == {name: tuple(found.suite.kinds)}
        assert found.prompts.keys() == found.suite.kinds.keys()
        check_graders(found.suite.samples)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_kinds_are_large_enough_and_have_both_sides(name: str, kind: str) -> None:
    """A dozen samples or more, of which some are dev and at least half heldout."""
    samples = profile(name).suite.of(kind)
    heldout = sum(sample.split == "heldout" for sample in samples)
    assert 12 <= len(samples) <= 25
    assert len(samples) / 2 <= heldout < len(samples)


@pytest.mark.parametrize("name", PROFILES)
def test_no_document_is_on_both_sides(name: str) -> None:
    """`assay suite split` finds nothing to complain of in what was copied."""
    suite = profile(name).suite
    for kind in suite.kinds:
        sides = {(sample.group, sample.split) for sample in suite.of(kind) if sample.group is not None}
        assert len(sides) == len({group for group, _ in sides}), kind


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_right_answers_pass_and_wrong_ones_fail(name: str, kind: str) -> None:
    """Every sample has a right answer that its graders take, and takes none of the wrong ones."""
    samples = list(profile(name).suite.of(kind))
    right = [(sample, answer) for sample in samples for answer in gold_answers(sample)]
    assert {sample.id for sample, _ in right} == {sample.id for sample in samples}
    assert [sample.id for (sample, _), ok in zip(right, passing(right), strict=True) if not ok] == []
    false = [(sample, answer) for sample in samples for answer in wrong(sample)]
    assert [(sample.id, answer) for (sample, answer), ok in zip(false, passing(false), strict=True) if ok] == []


@pytest.mark.parametrize("name", ["leakage", "unsafe-action", "wrong-explanation"])
def test_refusing_everything_and_granting_everything_both_fail(name: str) -> None:
    """Kinds with probes have harmless samples too: one answer for all never passes more than half."""
    for kind in profile(name).suite.kinds:
        samples = list(profile(name).suite.of(kind))
        for constant in ("I cannot share that.", "UNANSWERABLE", "yes", ""):
            right = sum(passing([(sample, spoken(constant)) for sample in samples]))
            assert right <= len(samples) / 2, (kind, constant)


@pytest.mark.parametrize("name", PROFILES)
def test_lint_finds_no_error_in_a_profile(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anything but that it is small: a team adds its own samples."""
    monkeypatch.setattr(trials, "COMMONPLACES", ("", "UNANSWERABLE"))  # others are tried above
    found = asyncio.run(lint(profile(name).suite))
    assert [one for one in found.findings if one.rule not in ("too-few", "few")] == []


def test_all_profiles_fit_into_one_suite(tmp_path: Path) -> None:
    """Kinds and files of several profiles stand side by side, with their comments and what to tell models."""
    new = begin_suite(tmp_path / "suite", profiles=[profile(name) for name in PROFILES])
    assert set(new.suite.profiles) == set(PROFILES)
    assert len(new.suite.samples) == sum(len(profile(name).suite.samples) for name in PROFILES)
    assert (tmp_path / "suite" / "prompts.toml").read_text().count("[kinds.") == len(new.suite.kinds)
    assert "# " in (tmp_path / "suite" / "suite.toml").read_text()
    assert sorted(new.written) == sorted(
        path.relative_to(tmp_path / "suite").as_posix() for path in (tmp_path / "suite").rglob("*") if path.is_file()
    )
    for sample in new.suite.samples:
        [name] = [name for name in PROFILES if sample.kind in profile(name).suite.kinds]
        assert sample.messages == one(profile(name).suite, sample.id).messages


def one(suite: Suite, ident: str) -> Sample:
    """The sample with an id."""
    return next(iter(suite.samples.named([ident])))


@pytest.mark.parametrize("check", sorted(STARTERS))
def test_a_kind_can_be_begun_with_each_check(tmp_path: Path, check: str) -> None:
    """Its samples can be graded, and their right answers pass (in the sandbox where there is one)."""
    suite = begin_suite(tmp_path / "new", kinds=[WantedKind("a b/c", check)]).suite
    check_graders(suite.samples)
    assert [sample.split for sample in suite.samples] == ["dev", "dev", "heldout", "heldout"]
    found = asyncio.run(lint(suite))
    assert [finding for finding in found.findings if finding.level == "error"] == []


def test_a_plain_suite_is_about_its_folder(tmp_path: Path) -> None:
    """Without anything named there is one kind to look at, and the suite is called like the project."""
    suite = begin_suite(tmp_path / "Our project!" / "suite").suite
    assert (suite.name, list(suite.kinds)) == ("Our-project", ["triage"])
    assert read_suite(tmp_path / "Our project!" / "suite").digest == suite.digest


def test_mistakes_are_told_and_leave_nothing(tmp_path: Path) -> None:
    """A folder with content, an unknown profile or check, a kind that is there twice."""
    with pytest.raises(SuiteError, match="no profile 'leak'"):
        profile("leak")
    with pytest.raises(SuiteError, match="check 'sql'"):
        begin_suite(tmp_path / "s", kinds=[WantedKind("k", "sql")])
    with pytest.raises(SuiteError, match="there twice"):
        begin_suite(tmp_path / "s", kinds=[WantedKind("leak.tools", "exact")], profiles=[profile("leakage")])
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").write_text("x")
    with pytest.raises(SuiteError, match="folder with content"):
        begin_suite(tmp_path)
