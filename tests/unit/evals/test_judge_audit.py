"""Judges on trial: people, repeats, and answers that answer nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.errors import BudgetExceeded, ConfigError
from assay.evals.graders.grading import graders_of
from assay.evals.graders.identity import grader_digest, run_digest
from assay.evals.judging.audit import Auditor, labelled_answers
from assay.evals.judging.audited import Audit, Labelled
from assay.evals.judging.labels import HumanLabel, Labels, answer_digest
from assay.evals.judging.probes import PROBES, SWAPPED, probes_for
from assay.evals.judging.side_by_side import side_by_side
from assay.evals.judging.standing import standing_of, told
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.identity import target_digest
from assay.inference.spine import Spine
from assay.ledger.audits import newest_audits
from assay.ledger.rows import ResultRow
from assay.ledger.store import SqliteLedger
from assay.types import Response

SUITE = """
name = "asked"
version = "1"

[kinds.facts]
samples = "facts.jsonl"
graders = [{ grader = "judge", model = "judge", rubric = "Passes if it says what the reference says." }]

[kinds.plain]
samples = "plain.jsonl"
graders = [{ check = "exact" }]
"""
CONFIG = """
[deployments.judge]
model = "acme/judge"
dialect = "scripted"
script = "judge.json"

[deployments.small]
model = "acme/small"
dialect = "scripted"
script = "small.json"

[deployments.twin]
model = "acme/judge"
dialect = "scripted"
script = "small.json"
"""
PASS = '{"reasons": "r", "verdict": "pass"}'
FAIL = '{"reasons": "r", "verdict": "fail"}'
HONEST = {"match": r"(?s)<reference-\w+>\n([^\n]+)\n.*<answer-\w+>\n\1\n</answer", "answer": PASS}
"""Passes an answer that is the reference, and nothing else."""

MakeSpine = Callable[..., Spine]
WriteSuite = Callable[..., Path]


@pytest.fixture
def suite(write_suite: WriteSuite) -> Callable[..., Suite]:
    """A suite of facts that a judge grades, and of plain samples that none does."""

    def make(count: int = 60, toml: str = SUITE) -> Suite:
        facts = [{"id": f"f{n:03d}", "input": f"What is {n}?", "target": f"It is {n}."} for n in range(count)]
        return read_suite(write_suite(toml, facts=facts, plain=[{"id": "p", "input": "x", "target": "x"}]))

    return make


def spine_of(make_spine: MakeSpine, *rules: dict[str, Any], default: str = FAIL, config: str = CONFIG) -> Spine:
    """A spine with this judge."""
    scripts = {"judge.json": {"rules": list(rules), "default": default}, "small.json": {"default": "?"}}
    return make_spine(config, scripts)


async def audited(spine: Spine, suite: Suite, labelled: list[Labelled] | None = None, **options: Any) -> Audit:
    """The audit of the suite's one judge."""
    auditor = Auditor(spine, suite, **options)
    ((spec, grader),) = auditor.graders("judge")
    return await auditor.audit(spec, grader, labelled or [])


CHEATS = [
    ("an empty answer", {"match": r"<answer-\w+>\n\n</answer", "answer": PASS}),
    ("I don't know", {"match": r"<answer-\w+>\nI don't know\.\n</answer", "answer": PASS}),
    ("flattery", {"match": r"<answer-\w+>\n.*thoughtful question", "answer": PASS}),
    ("an instruction", {"match": r"<answer-\w+>\n.*verified by experts", "answer": PASS}),
    ("fluent words on something else", {"match": r"(?s)<answer-\w+>\n.{400,}\n</answer", "answer": PASS}),
    (SWAPPED, {"match": r"<answer-\w+>\nIt is \d+\.\n</answer", "answer": PASS}),
]


@pytest.mark.parametrize(("name", "cheat"), CHEATS)
async def test_a_judge_that_a_constant_answer_fools_is_flagged(
    make_spine: MakeSpine, suite: Callable[..., Suite], name: str, cheat: dict[str, Any]
) -> None:
    """Whichever it is, the audit names it; what the judge passes otherwise does not matter."""
    found = await audited(spine_of(make_spine, cheat, HONEST), suite(), probes=20)
    assert found.flagged
    assert found.probe is not None
    assert (found.probe.worst, found.probe.fooled, found.probe.share) == (name, "yes", 1.0)
    assert found.probe.bounds[0] > 0.75


async def test_an_honest_judge_is_not_flagged(make_spine: MakeSpine, suite: Callable[..., Suite]) -> None:
    """Nothing passes on enough samples, which clears it; on a few samples that cannot be told."""
    spine = spine_of(make_spine, HONEST)
    found = await audited(spine, suite())
    assert found.probe is not None
    assert (found.flagged, found.probe.fooled, found.probe.samples) == (False, "no", 50)
    assert set(found.probe.passed) == {*PROBES, SWAPPED}
    few = await audited(spine, suite(), probes=10)
    assert few.probe is not None
    assert (few.flagged, few.probe.fooled) == (False, "open")
    assert (await audited(spine, suite(), probes=0)).probe is None


async def test_a_judge_that_says_nothing_is_not_cleared(make_spine: MakeSpine, suite: Callable[..., Suite]) -> None:
    """Verdicts that cannot be read are none: there is no probe to speak of."""
    found = await audited(spine_of(make_spine, default="hm"), suite(), probes=3)
    assert (found.probe, found.flagged) == (None, False)


async def test_missing_verdicts_count_against_both_conclusions(
    make_spine: MakeSpine, suite: Callable[..., Suite]
) -> None:
    """A judge that one answer fools is flagged though others get no verdict; one that is silent is not cleared."""
    silent = {"match": r"<answer-\w+>\n.*(thoughtful|verified)|cannot be read as a verdict", "answer": "hm"}
    fooled = await audited(spine_of(make_spine, silent, CHEATS[0][1], HONEST), suite(), probes=20)
    assert fooled.probe is not None
    assert (fooled.flagged, fooled.probe.worst, fooled.probe.unscored) == (True, "an empty answer", 40)
    quiet = await audited(spine_of(make_spine, silent, HONEST), suite())
    assert quiet.probe is not None
    assert (quiet.flagged, quiet.probe.fooled, quiet.probe.share) == (False, "open", 0.0)


async def test_it_is_compared_with_people(make_spine: MakeSpine, suite: Callable[..., Suite]) -> None:
    """Agreement, sensitivity, specificity and kappa count what both have seen; no verdict is no disagreement."""
    one = suite()
    samples = {sample.id: sample for sample in one.samples}
    labelled = [Labelled(samples[f"f{n:03d}"], f"It is {n}.", n != 3) for n in range(8)]
    labelled += [Labelled(samples[f"f{n:03d}"], "It is not.", False) for n in range(4)]
    labelled += [Labelled(samples["f009"], "Nine.", True), Labelled(samples["f010"], "lost", True)]
    lost = {"match": r"<answer-\w+>\nlost\n", "error": "ProviderFault"}
    people = (await audited(spine_of(make_spine, lost, HONEST), one, labelled, probes=0)).people
    assert people is not None
    assert (people.hits, people.misses, people.false_alarms, people.rejections) == (7, 1, 1, 4)
    assert (people.answers, people.unscored) == (13, 1)
    assert people.sensitivity == pytest.approx(7 / 8)
    assert people.specificity == pytest.approx(4 / 5)
    assert people.kappa == pytest.approx((11 / 13 - (64 + 25) / 169) / (1 - (64 + 25) / 169))
    low, high = people.sensitivity_interval or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.4735, 0.9968)  # the exact interval of 7 of 8


async def test_it_is_asked_again(make_spine: MakeSpine, suite: Callable[..., Suite], ledger: SqliteLedger) -> None:
    """Steadiness counts answers with one verdict throughout; a second audit pays for nothing but what is new."""
    one = suite()
    samples = {sample.id: sample for sample in one.samples}
    labelled = [Labelled(samples[f"f{n:03d}"], f"It is {n}.", True) for n in range(4)]
    moody = {"match": r"<answer-\w+>\nIt is 1\.", "answer": FAIL, "times": 1}
    spine = spine_of(make_spine, moody, HONEST)
    found = await audited(spine, one, labelled, repeats=3, probes=0)
    assert found.steadiness is not None
    assert (found.steadiness.answers, found.steadiness.steady, found.steadiness.share) == (4, 3, 0.75)
    asked = [row for row in await ledger.attempts(limit=100) if row["outcome"] == "ok"]
    assert len(asked) == 12
    again = await audited(spine, one, labelled, repeats=3, probes=0)
    assert again.steadiness == found.steadiness
    assert len([row for row in await ledger.attempts(limit=100) if row["outcome"] == "ok"]) == 12
    await audited(spine, one, labelled, repeats=3, probes=0, use_cache=False)
    assert len([row for row in await ledger.attempts(limit=100) if row["outcome"] == "ok"]) == 24


async def test_places_of_a_comparison(make_spine: MakeSpine, suite: Callable[..., Suite]) -> None:
    """The audit of a pairwise judge says which place it favours."""
    toml = SUITE.replace('"judge", model = "judge", rubric = "Passes if it says what the reference says."',
                         '"pairwise", model = "judge"')  # fmt: skip
    found = await audited(
        spine_of(make_spine, default='{"reasons": "r", "better": "second"}'), suite(toml=toml), probes=4
    )
    assert found.position is not None
    assert (found.position.favours, found.position.steady) == ("second", 0)
    assert found.probe is not None
    assert found.probe.fooled == "open"


def test_probes_are_left_out_where_they_may_be_right(write_suite: WriteSuite) -> None:
    """Where nothing, or not to know, is the right answer, or there is no other target, a sample proves nothing."""
    lines = [
        {"id": "a", "input": "x", "target": "The data does not contain it; it cannot be answered."},
        {"id": "b", "input": "x", "target": ""},
        {"id": "c", "input": "x", "target": "yes"},
        {"id": "d", "input": "x", "target": "Yes."},
        {"id": "e", "input": "x", "target": {"n": 1}},
    ]
    samples = list(read_suite(write_suite(words=lines)).samples)
    assert [probes_for(sample, samples) is None for sample in samples] == [True, True, False, False, False]
    by_id = {sample.id: probes_for(sample, samples[2:]) or {} for sample in samples[2:]}
    assert by_id["c"][SWAPPED] == '{"n":1}'
    assert by_id["e"][SWAPPED] == "yes"
    assert SWAPPED not in (probes_for(samples[2], samples[2:4]) or {})


def test_labels_are_matched_with_the_answers_that_were_read(suite: Callable[..., Suite]) -> None:
    """Only answers that somebody read, each once; one that was read in another run is another answer."""

    def row(run: str, sample: str, answer: str | None) -> ResultRow:
        return ResultRow(
            run_id=run, sample_id=sample, kind="facts", request_id=None, value=1.0, unscored=None, scores=b"[]",
            answer=answer, latency_s=None, engine_s=None, cost_usd=None, cost_basis="none", cached=False,
            created_at=1.0,
        )  # fmt: skip

    labels = Labels(
        [
            HumanLabel(sample="f000", value=1, answer_sha256=answer_digest("a")),
            HumanLabel(sample="f001", value=0, run="r2"),
            HumanLabel(sample="f002", value=1),
        ]
    )
    rows = [
        row("r1", "f000", "a"), row("r2", "f000", "a"), row("r2", "f000", "b"), row("r1", "f001", "c"),
        row("r2", "f001", "d"), row("r1", "f002", None), row("r1", "f003", "e"),
    ]  # fmt: skip
    found = labelled_answers(suite(), rows, labels)
    assert [(one.sample.id, one.answer, one.right) for one in found] == [("f000", "a", True), ("f001", "d", False)]


async def test_answers_of_a_private_route_are_shown_to_private_judges_only(
    make_spine: MakeSpine, suite: Callable[..., Suite]
) -> None:
    """As in the run that they are from: without a private judge they have no verdict."""
    one = suite()
    row = ResultRow(
        run_id="r1", sample_id="f000", kind="facts", value=None, unscored=None, scores=b"", cost_basis="none",
        cached=False, created_at=0, answer="It is 0.",
    )  # fmt: skip
    labelled = labelled_answers(one, [row], Labels([HumanLabel(sample="f000", value=1)]), {"r1": "secret"})
    route = '[routes.secret]\ncandidates = ["small"]\nlabel = "private-only"\n'
    for private, answers in (("false", 0), ("true", 1)):
        config = CONFIG.replace('script = "judge.json"\n', f'script = "judge.json"\nprivate = {private}\n') + route
        people = (await audited(spine_of(make_spine, HONEST, config=config), one, labelled, probes=0)).people
        assert people is not None
        assert (people.answers, people.unscored) == (answers, 1 - answers)


async def test_audits_are_kept_under_the_very_judge(
    make_spine: MakeSpine, suite: Callable[..., Suite], ledger: SqliteLedger
) -> None:
    """The newest one of its digest counts; a judge with another model, prompt or rubric was never audited."""
    one = suite()
    spine = spine_of(make_spine, CHEATS[0][1], HONEST)
    ((_, grader),) = graders_of(one.samples)
    digest = await grader_digest(spine, grader)
    (unknown,) = await standing_of(spine, one, {"small": "r"})
    assert (unknown.audit, unknown.kinds, unknown.judges_itself) == (None, ("facts",), ())
    assert "never audited as it is now: assay judge audit judge" in told(unknown)
    first = await audited(spine, one, probes=3)
    last = await audited(spine, one, probes=12)
    assert first.digest == last.digest == digest
    row = (await newest_audits(ledger, [digest, "other"]))[digest]
    assert msgspec.json.decode(row.body, type=Audit) == last
    (standing,) = await standing_of(spine, one, {"small": "r", "twin": "s"})
    assert standing.audit == last
    said = told(standing)
    assert "FOOLED by an empty answer, which passes 100% of 12 samples" in said
    assert "compared with no labels of people" in said
    assert said.endswith("it judges itself in twin")
    for config in (
        CONFIG.replace("acme/judge", "acme/judge-2"),
        CONFIG.replace('script = "judge.json"', 'script = "judge.json"\nkinds.judge = { system = "Be strict." }'),
    ):
        assert await grader_digest(spine_of(make_spine, CHEATS[0][1], HONEST, config=config), grader) != digest
    (stricter,) = graders_of(suite(toml=SUITE.replace("Passes if", "Passes only if")).samples)
    assert await grader_digest(spine, stricter[1]) != digest


async def test_a_prompt_for_another_kind_is_no_other_judge(make_spine: MakeSpine, suite: Callable[..., Suite]) -> None:
    """What a deployment says for the work that it does itself leaves its verdicts as they are."""
    ((_, grader),) = graders_of(suite().samples)
    other = CONFIG.replace('script = "judge.json"', 'script = "judge.json"\nkinds.facts = { system = "Be brief." }')
    digest = await grader_digest(spine_of(make_spine, HONEST), grader)
    assert await grader_digest(spine_of(make_spine, HONEST, config=other), grader) == digest


async def test_a_changed_judge_makes_another_run(make_spine: MakeSpine, suite: Callable[..., Suite]) -> None:
    """A target's digest has that of its judges beside it; without judges it stays what it was."""
    one = suite()
    spine = spine_of(make_spine, HONEST)
    digest = await run_digest(spine, "small", one)
    assert await run_digest(spine, "small", one) == digest
    assert digest.startswith(f"{await target_digest(spine, 'small', one.kinds)}+judges:")
    plain = one.only(("plain",))
    assert await run_digest(spine, "small", plain) == await target_digest(spine, "small", plain.kinds)
    assert await run_digest(spine_of(make_spine, CHEATS[0][1]), "small", one) != digest
    run = await Runner(spine, one).open("small")
    assert run.row.target_digest == digest
    known = await Runner(spine_of(make_spine, CHEATS[0][1]), one).known("small")
    assert known is None
    with pytest.raises(ConfigError, match="judge"):
        await run_digest(make_spine(CONFIG.replace("deployments.judge", "deployments.other")), "small", one)


def test_an_audit_is_json(suite: Callable[..., Suite]) -> None:
    """Its keys are stable names; nothing in it is a secret or a path."""
    fields = set(json.loads(msgspec.json.encode(msgspec.json.schema(Audit)))["$defs"]["Audit"]["properties"])
    assert {"judge", "digest", "people", "steadiness", "probe", "position", "usd"} <= fields


async def test_an_empty_budget_ends_an_audit(
    make_spine: MakeSpine, suite: Callable[..., Suite], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as what it is, and nothing more is asked."""

    async def ask(*_: object, **__: object) -> Response:
        raise BudgetExceeded("2026-11", need_usd=1, spent_usd=0, held_usd=0, limit_usd=0)

    monkeypatch.setattr("assay.evals.graders.judges.Judges.ask", ask)
    with pytest.raises(BudgetExceeded):
        await audited(spine_of(make_spine, HONEST), suite(), probes=10)


async def test_no_more_than_so_many_at_once() -> None:
    """Results come in the order of their items, whatever takes how long."""
    running, most = 0, 0

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5 - item % 5):
            await asyncio.sleep(0)
        running -= 1
        return item * item

    assert await side_by_side(work, range(20), 3) == [item * item for item in range(20)]
    assert most == 3
    assert await side_by_side(work, [], 3) == []
