"""Suites from the ledger: what is drawn, redacted, taken as a target, graded, told, and what waits for a person."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from real_requests import Asked, keep

from assay.errors import SuiteError
from assay.evals.drafting.draft import all_drafts
from assay.evals.graders.grading import check_graders
from assay.evals.suites.suite import Sample, Suite, read_suite
from assay.evals.traffic.harvest import Harvest, Wish, harvest
from assay.evals.traffic.suite import Written, write_harvest
from assay.ledger.store import SqliteLedger
from assay.privacy.redaction import Redactor
from assay.types import Image, Label, Message, Refusal, Text, Tool, ToolCall, ToolResult

ACCEPTED = {"verdict": "accepted"}
REDACTOR = Redactor(personal=True)


async def made(
    ledger: SqliteLedger, folder: Path, *, judge: str | None = None, **wish: Any
) -> tuple[Harvest, dict[str, Written]]:
    """The suite of all that a ledger holds."""
    found = await harvest(ledger, Wish(**wish), REDACTOR)
    return found, write_harvest(folder, found, name="traffic", judge=judge)


def checked(folder: Path) -> Suite:
    """A suite whose graders could be made and whose targets they take."""
    suite = read_suite(folder)
    check_graders(suite.samples)
    return suite


def only(suite: Suite) -> Sample:
    """The one sample of a suite."""
    (sample,) = suite.samples
    return sample


# ----------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("answer", "said", "target", "how"),
    [
        ("repair", ACCEPTED, "repair", "accepted"),
        ("repiar", {"verdict": "edited", "correction": "repair"}, "repair", "edited"),
        ('{"a": 1}', ACCEPTED, {"a": 1}, "accepted"),
        ('```json\n{"a": 1}\n```', ACCEPTED, {"a": 1}, "accepted"),
        ("12.5", ACCEPTED, "12.5", "accepted"),
        ("SELECT a FROM t", ACCEPTED, "SELECT a FROM t", "accepted"),
    ],
)
async def test_what_people_said_becomes_the_target(
    ledger: SqliteLedger, tmp_path: Path, answer: str, said: dict[str, Any], target: Any, how: str
) -> None:
    """A correction, or the answer that was accepted, marked as such; its own graders pass it."""
    (request_id,) = await keep(ledger, [Asked("Which team?", answer, said=said)])
    await made(ledger, tmp_path / "suite")
    sample = only(checked(tmp_path / "suite"))
    assert sample.target == target
    assert sample.id == request_id
    assert {name: sample.origin[name] for name in ("request_id", "deployment", "target", "weight")} == {
        "request_id": request_id, "deployment": "good", "target": how, "weight": 1.0,
    }  # fmt: skip
    assert sample.origin["at"].endswith("+00:00")
    assert not sample.synthetic


async def test_the_last_verdict_counts(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Who changes their mind is heard; what was measured is kept beside it."""
    from assay.ledger.feedback import Feedback
    from assay.ledger.rows import FeedbackRow, new_id

    (request_id,) = await keep(ledger, [Asked("Which team?", "repair", said={"verdict": "rejected"})])
    for said in ({"verdict": "accepted"}, {"metric": "stars", "value": 4.0}):
        await Feedback(ledger).add(FeedbackRow(id=new_id(), request_id=request_id, created_at=2.0, **said))
    await made(ledger, tmp_path / "suite")
    sample = only(checked(tmp_path / "suite"))
    assert (sample.target, sample.meta) == ("repair", {"measured": {"stars": 4.0}})


async def test_what_nobody_knows_waits_for_a_person(ledger: SqliteLedger, tmp_path: Path) -> None:
    """No verdict, a rejected answer and a change without its words are drafts that say so; the suite has the rest."""
    ids = await keep(
        ledger,
        [
            Asked("one", "a", said=ACCEPTED), Asked("two", "b"), Asked("three", "c", said={"verdict": "rejected"}),
            Asked("four", "d", said={"verdict": "edited"}), Asked("five " * 30, "e " * 200, said=ACCEPTED),
        ],
    )  # fmt: skip
    _, written = await made(ledger, tmp_path / "suite")
    assert (written["words"].samples, written["words"].waiting) == (1, 4)
    assert only(checked(tmp_path / "suite")).id == ids[0]
    (drafts,) = all_drafts(tmp_path / "suite")
    waiting = {draft.line.id: draft for draft in drafts.drafts}
    assert waiting[ids[1]].line.target == "b"
    assert "nobody has said" in waiting[ids[1]].problems[0]
    assert (waiting[ids[2]].line.target, waiting[ids[2]].line.meta) == (None, {"rejected": "c"})
    assert (waiting[ids[3]].line.target, waiting[ids[3]].line.meta) == (None, {"before": "d"})
    assert "judge" in waiting[ids[4]].problems[0]


async def test_without_any_target_there_are_only_drafts(ledger: SqliteLedger, tmp_path: Path) -> None:
    """The folder holds what waits and no suite; a person's first yes makes one of it."""
    from assay.evals.drafting.draft import put_in

    await keep(ledger, [Asked("one", "a", request={"tools": (Tool(name="f"),)})])
    _, written = await made(ledger, tmp_path / "suite")
    assert (written["words"].samples, written["words"].waiting) == (0, 1)
    assert not (tmp_path / "suite" / "suite.toml").exists()
    (drafts,) = all_drafts(tmp_path / "suite")
    put_in(tmp_path / "suite", drafts, drafts.drafts[0], name="traffic")
    assert only(checked(tmp_path / "suite")).tools[0].name == "f"


async def test_a_judge_takes_what_no_check_can(ledger: SqliteLedger, tmp_path: Path) -> None:
    """With one, long texts and answers without a verdict are in; an answer that nobody confirmed is no target."""
    worse, better = await keep(ledger, [Asked("compare", "bad"), Asked("compare them all", "good", kind="pairs")])
    await keep(
        ledger,
        [
            Asked("compare them both", "best", kind="pairs", said={"verdict": "preferred", "over_request_id": worse}),
            Asked("long", "word " * 100, kind="long", said=ACCEPTED), Asked("unknown thing", "x", kind="open"),
        ],
    )  # fmt: skip
    await made(ledger, tmp_path / "suite", judge="frontier")
    samples = {(sample.kind, sample.target): sample for sample in checked(tmp_path / "suite").samples}
    assert samples[("pairs", "best")].graders[0]["grader"] == "pairwise"
    assert samples[("pairs", "best")].meta == {"worse": "bad"}
    assert samples[("long", ("word " * 100).strip())].graders[0]["with_target"] is True
    assert samples[("open", None)].graders[0]["with_target"] is False
    assert better in {sample.id for sample in samples.values()}


@pytest.mark.parametrize(
    ("answers", "check"),
    [
        (["repair", "parts"], "normalised"), (['{"a": 1}', '{"a": 2}'], "fields"), (["12", "1,300 kg"], "numeric"),
        (["SELECT 1 FROM t", "select b from t"], "normalised"),
    ],
)  # fmt: skip
async def test_graders_suit_the_targets(ledger: SqliteLedger, tmp_path: Path, answers: list[str], check: str) -> None:
    """By what the targets of a kind look like; the suite says that it is a suggestion."""
    await keep(ledger, [Asked(f"question {answer}", answer, said=ACCEPTED) for answer in answers])
    await made(ledger, tmp_path / "suite")
    suite = checked(tmp_path / "suite")
    assert {spec["check"] for sample in suite.samples for spec in sample.graders} == {check}
    assert "suggestion" in suite.kinds["words"].description


async def test_a_sample_of_another_shape_has_its_own_grader(ledger: SqliteLedger, tmp_path: Path) -> None:
    """One JSON answer among labels is compared by fields, the others stay with the kind's grader."""
    asked = [Asked("which team", "repair"), Asked("what colour", "blue"), Asked("as an object", '{"team": "x"}')]
    await keep(ledger, [one._replace(said=ACCEPTED) for one in asked])
    await made(ledger, tmp_path / "suite")
    found = {json.dumps(sample.target): sample.graders[0]["check"] for sample in checked(tmp_path / "suite").samples}
    assert found == {'"repair"': "normalised", '"blue"': "normalised", '{"team": "x"}': "fields"}


# ------------------------------------------------------------------------------------ conversations


async def test_conversations_keep_turns_and_tools(ledger: SqliteLedger, tmp_path: Path) -> None:
    """History, calls and results are the sample's messages, tools its kind's, the calls that were made its target."""
    tools = (Tool(name="look", description="Looks.", parameters={"type": "object"}),)
    messages = (
        Message.of("system", "Be brief."), Message.of("user", "Weather?"),
        Message(role="assistant", parts=(Text(text="Wait."), ToolCall(id="c", name="look", arguments='{"at":"Oslo"}'))),
        Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text="rain"),)),)),
        Message.of("user", "And Rome?"),
    )  # fmt: skip
    answer = (ToolCall(id="d", name="look", arguments='{"at": "Rome", "days": [1, 2]}'),)
    await keep(ledger, [Asked("", answer, said=ACCEPTED, request={"messages": messages, "tools": tools})])
    await made(ledger, tmp_path / "suite")
    sample = only(checked(tmp_path / "suite"))
    assert sample.messages == messages
    assert sample.tools == tools
    assert sample.target == [{"name": "look", "arguments": {"at": "Rome", "days": [[1, 2]]}}]
    assert sample.graders[0]["check"] == "tool-calls"


async def test_what_cannot_be_a_sample_is_told(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Images, other forms than chat, unreadable calls and other tools than most are counted with their reason."""
    shown = (Message(role="user", parts=(Text(text="look"), Image(url="http://host/a.png"))),)
    broken = (Message(role="assistant", parts=(ToolCall(id="c", name="f", arguments="{"),)),)
    await keep(
        ledger,
        [
            Asked("plain", said=ACCEPTED), Asked("another", said=ACCEPTED), Asked("", request={"messages": shown}),
            Asked("", request={"messages": broken}), Asked("", request={"form": "completion", "prompt": "x"}),
            Asked("with tools", request={"tools": (Tool(name="f"),)}),
        ],
    )  # fmt: skip
    found, _ = await made(ledger, tmp_path / "suite")
    assert found.kinds[0].left_out == {
        "shows image": 1, "tool call without readable arguments": 1, "completion, not chat": 1,
        "offers other tools than most": 1,
    }  # fmt: skip
    assert len(checked(tmp_path / "suite").samples) == 2


async def test_a_refusal_is_an_answer(ledger: SqliteLedger, tmp_path: Path) -> None:
    """A refusal that people accepted is what they want; it is a stratum of its own."""
    await keep(ledger, [Asked("How do I pick a lock?", (Refusal(text="I will not."),), said=ACCEPTED)])
    found, _ = await made(ledger, tmp_path / "suite")
    assert only(checked(tmp_path / "suite")).target == "I will not."
    assert found.kinds[0].strata[0].stratum["answer"] == "refusal"


async def test_the_schema_that_was_asked_for_is_graded(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Where all requests of a kind ask for one form, the suite holds it and checks it."""
    from assay.types import OutputFormat

    schema = {"type": "object", "required": ["a"]}
    output = OutputFormat(kind="json_schema", schema=schema)
    await keep(ledger, [Asked(f"give {n}", f'{{"a": {n}}}', said=ACCEPTED, request={"output": output}) for n in "12"])
    await made(ledger, tmp_path / "suite")
    suite = checked(tmp_path / "suite")
    assert [spec["check"] for spec in suite.samples[0].graders] == ["fields", "schema"]
    assert json.loads((tmp_path / "suite" / "words.schema.json").read_text()) == schema


# -------------------------------------------------------------------------------- privacy, hostility


async def test_nothing_secret_or_personal_is_in_the_folder(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Of all that a request, answer and correction hold; placeholders agree within a sample; it is counted."""
    secret, mail = "sk-proj-Qm4ZxT81vKp0wYc7Ld3sHn", "ada@mail.example.org"
    text = f"{mail} says {secret}"
    messages = (
        Message.of("system", text), Message.of("user", text),
        Message(role="assistant", parts=(ToolCall(id="c", name="f", arguments=json.dumps({text: [text]})),)),
        Message(role="tool", parts=(ToolResult(call_id="c", parts=(Text(text=text),)),)),
    )  # fmt: skip
    request = {"messages": messages, "session": mail}
    said = [{"verdict": "edited", "correction": correction} for correction in (mail, f"{mail}, {secret}")]
    await keep(ledger, [Asked("", "x", said=said[0], request=request), Asked("Another one", "x", said=said[1])])
    found, _ = await made(ledger, tmp_path / "suite")
    sample = only(checked(tmp_path / "suite"))
    assert sample.target == "<email-1>"
    assert sample.messages[1].text == "<email-1> says <secret-1>"
    assert sample.group is not None
    assert found.redacted["email"] >= 6
    for file in (tmp_path / "suite").rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        assert secret.encode() not in data
        assert mail.encode() not in data


async def test_corrections_that_were_redacted_apart_wait(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Where request and correction hold placeholders of different redactions, a person looks whether they agree."""
    said = [{"verdict": "edited", "correction": text} for text in ("write to <email-1>", "call them")]
    asked = [Asked(f"{n} mail to b@x.org or a@x.org", said=one) for n, one in zip(("one", "two"), said, strict=True)]
    ids = await keep(ledger, asked, redact_personal_data=True)
    await made(ledger, tmp_path / "suite", near=1.0)
    assert only(checked(tmp_path / "suite")).id == ids[1]
    (drafts,) = all_drafts(tmp_path / "suite")
    assert [draft.line.id for draft in drafts.drafts] == [ids[0]]
    assert "placeholders" in drafts.drafts[0].problems[0]


async def test_a_target_that_nobody_could_know_waits(ledger: SqliteLedger, tmp_path: Path) -> None:
    """An answer with something redacted that the request does not show cannot be asked for; one that it shows can."""
    asked = [Asked("Who is it?", "ada@x.org", said=ACCEPTED), Asked("Copy bob@x.org", "bob@x.org", said=ACCEPTED)]
    ids = await keep(ledger, asked)
    await made(ledger, tmp_path / "suite")
    assert only(checked(tmp_path / "suite")).id == ids[1]
    (drafts,) = all_drafts(tmp_path / "suite")
    assert drafts.drafts[0].problems == ("the target holds <email-1>, which the request does not show",)


async def test_labels_go_with_the_samples(ledger: SqliteLedger, tmp_path: Path) -> None:
    """What was private-only stays private-only when it is asked again; other labels stay too."""
    await keep(ledger, [Asked(f"question {label}", label=label, said=ACCEPTED) for label in Label])
    await made(ledger, tmp_path / "suite")
    assert {sample.messages[0].text: sample.label for sample in read_suite(tmp_path / "suite").samples} == {
        f"question {label}": label for label in Label
    }


async def test_a_sample_is_as_private_as_the_answer_that_was_worse(ledger: SqliteLedger, tmp_path: Path) -> None:
    """It holds both."""
    (worse,) = await keep(ledger, [Asked("compare", "bad", label=Label.PRIVATE_ONLY, kind="other")])
    said = {"verdict": "preferred", "over_request_id": worse}
    await keep(ledger, [Asked("compare them", "good", kind="pairs", label=Label.PUBLIC, said=said)])
    await made(ledger, tmp_path / "suite")
    (sample,) = read_suite(tmp_path / "suite").of("pairs")
    assert (sample.meta["worse"], sample.label) == ("bad", Label.PRIVATE_ONLY)


@pytest.mark.parametrize("kind", ["../../outside", "a/b", "Ünïcode kind", "x" * 5000, 'quo"ted', "con\ntrol", "日本"])
async def test_a_hostile_kind_stays_in_the_folder(ledger: SqliteLedger, tmp_path: Path, kind: str) -> None:
    """Clients name kinds as they like; files are written into the suite's folder and nowhere else."""
    request = {"tools": (Tool(name="f"),)}
    await keep(
        ledger, [Asked("hi", kind=kind, said=ACCEPTED, request=request), Asked("bye", kind=kind, request=request)]
    )
    await made(ledger, tmp_path / "below" / "suite")
    assert [path.name for path in tmp_path.iterdir() if path.name != "ledger.db" and "ledger.db-" not in path.name] == [
        "below"
    ]
    assert set(checked(tmp_path / "below" / "suite").kinds) == {kind[:100]}
    assert len(all_drafts(tmp_path / "below" / "suite")) == 1


async def test_drafts_of_different_kinds_stay_apart(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Also where no letter of their names may stand in a file's name."""
    await keep(
        ledger,
        [Asked("hello", kind="日本"), Asked("bye", kind="中国"), Asked("so", kind="a b"), Asked("a", kind="a-b")],
    )
    await made(ledger, tmp_path / "suite")
    assert {one.kind for one in all_drafts(tmp_path / "suite")} == {"日本", "中国", "a b", "a-b"}


async def test_bodies_that_are_not_there_are_counted(ledger: SqliteLedger) -> None:
    """Digests and what was too large make no samples and are told."""
    await keep(ledger, [Asked("one"), Asked("two")], bodies="hashed")
    found = await harvest(ledger, Wish(), REDACTOR)
    assert (found.kinds, found.unread) == ([], 2)


async def test_a_folder_with_content_is_left_alone(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Nothing is written over; nothing to write is an error."""
    await keep(ledger, [Asked("one", said=ACCEPTED)])
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "mine.txt").write_text("x")
    with pytest.raises(SuiteError, match="content"):
        await made(ledger, tmp_path / "suite")
    with pytest.raises(SuiteError, match="no request"):
        await made(ledger, tmp_path / "other", kind="nothing")


# ---------------------------------------------------------------------------------------- the draw


async def test_equal_and_similar_requests_are_one_sample(ledger: SqliteLedger, tmp_path: Path) -> None:
    """The one with feedback stands for all; its weight says how many they were, and weights add up to all requests."""
    text = "Please tell me which of the four teams has to repair the brake of the blue bicycle in the yard today"
    asked = [Asked(text), Asked(text.upper()), Asked(text + " please", said=ACCEPTED), Asked("Something else entirely")]
    ids = await keep(ledger, asked)
    found, _ = await made(ledger, tmp_path / "suite", by=("length",))
    lines = {one.line.id: one.line for one in found.kinds[0].candidates}
    assert set(lines) == {ids[2], ids[3]}
    assert [lines[one].origin["weight"] for one in (ids[2], ids[3])] == [3.0, 1.0]
    assert found.kinds[0].left_out == {"near-duplicate of another": 1}


async def test_rare_requests_are_there(ledger: SqliteLedger) -> None:
    """One Russian question and one rejected answer among hundreds are drawn; strata and weights tell the truth."""
    words = ("red", "blue", "green", "small", "large", "old", "new", "fast", "slow", "warm", "cold", "soft", "hard")
    asked = [
        Asked(f"{words[n % 13]} {words[n * 7 % 11]} {words[n * 3 % 7]} number {n * n} and {n}", said=ACCEPTED)
        for n in range(300)
    ]
    asked += [Asked("Где мой велосипед?"), Asked("What a mess", said={"verdict": "rejected"}, deployment="bad")]
    await keep(ledger, asked)
    found = await harvest(ledger, Wish(limit=20), REDACTOR)
    (kind,) = found.kinds
    assert len(kind.candidates) == 20
    strata = [stratum.stratum for stratum in kind.strata if stratum.samples]
    assert {"cyrillic", "latin"} == {one["script"] for one in strata}
    assert {"rejected", "accepted", "none"} == {one["feedback"] for one in strata}
    assert sum(one.line.origin["weight"] for one in kind.candidates) == pytest.approx(302)
    assert sum(stratum.requests for stratum in kind.strata) == kind.requests == 302


async def test_the_same_seed_draws_the_same(ledger: SqliteLedger) -> None:
    """Twice alike; another seed draws others. How far the ledger was read is told."""
    await keep(ledger, [Asked(f"question {n * n * 31} about {n * 17} and {n}") for n in range(200)])
    read: list[int] = []
    await harvest(ledger, Wish(limit=10), REDACTOR, read.append)
    assert read == [100, 200]
    ids = [
        [one.line.id for one in (await harvest(ledger, Wish(limit=10, seed=seed), REDACTOR)).kinds[0].candidates]
        for seed in (1, 1, 2)
    ]
    assert ids[0] == ids[1] != ids[2]


async def test_memory_does_not_grow_with_the_ledger(ledger: SqliteLedger) -> None:
    """Ten times the exchanges, read page by page, take no more memory, and all of them are counted."""
    peaks = []
    for few in (100, 900):
        await keep(ledger, (Asked(f"question {n * few} " + "word " * 100, kind=f"k{n % 3}") for n in range(few)))
        tracemalloc.start()
        try:
            found = await harvest(ledger, Wish(limit=5), REDACTOR)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert sum(one.requests for one in found.kinds) == 1000
    assert sum(len(one.candidates) for one in found.kinds) <= 15
    assert peaks[1] < 1.2 * peaks[0], peaks
