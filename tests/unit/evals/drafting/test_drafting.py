"""A model writes samples; checks find what is wrong with them, and only a person puts one into the suite."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.errors import SuiteError
from assay.evals.drafting import material
from assay.evals.drafting.draft import Draft, Drafts, put_in, read_drafts, save
from assay.evals.drafting.material import Passage
from assay.evals.drafting.plan import plan
from assay.evals.drafting.writer import Writer
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.suite import read_suite
from assay.evals.suites.writing import NewKind, write_suite
from assay.inference.spine import Spine
from assay.ledger.exchanges import Exchanges
from assay.ledger.rows import ExchangeRow
from assay.ledger.store import SqliteLedger
from assay.types import Label, Message, Request

CONFIG = """
[deployments.writer]
model = "x/writer"
dialect = "scripted"
script = "w.json"
retries = 0
"""
MakeSpine = Callable[..., Spine]
POLICY = "Unworn goods may be sent back within thirty days.\n\nSale goods are not taken back."
PASSAGE = Passage("document", POLICY, {"from": "document", "file": "returns.md", "part": 1})


def item(asked: str, target: Any, quote: str = "") -> dict[str, Any]:
    """A sample as a model writes it."""
    return {"input": asked, "target": target, "quote": quote, "why": "it shows something"}


def writes(*answers: list[dict[str, Any]] | str) -> dict[str, Any]:
    """A script whose answers come one after another."""
    rules = [
        {"match": "", "answer": one if isinstance(one, str) else json.dumps({"samples": one}), "times": 1}
        for one in answers
    ]
    return {"w.json": {"rules": rules, "default": '{"samples": []}'}}


async def written(
    make_spine: MakeSpine, tmp_path: Path, *answers: list[dict[str, Any]] | str, count: int = 4,
    passage: Passage = PASSAGE, check: str = "normalised",
) -> tuple[list[Draft], Any]:  # fmt: skip
    """The drafts that a scripted writer brings, and what is told of them."""
    planned = plan(tmp_path / "suite", "returns", about="our returns policy", check=check)
    drafts: list[Draft] = []
    spine = make_spine(CONFIG, writes(*answers))
    writer = Writer(spine, "writer", planned.task, planned.graders, planned.known, on_draft=drafts.append)
    told = await writer.write([passage], ["plain"], count)
    return drafts, told


async def test_drafts_are_marked_and_say_where_they_are_from(make_spine: MakeSpine, tmp_path: Path) -> None:
    """Each is synthetic, with document, quote, manner and writer."""
    quote = "within thirty days"
    (draft,), told = await written(
        make_spine, tmp_path, [item("How long do I have to send shoes back?", "thirty days", quote)], count=1
    )
    assert draft.line.synthetic
    assert draft.problems == ()
    assert draft.line.origin == {
        "from": "document", "file": "returns.md", "part": 1, "by": "writer", "manner": "plain", "quote": quote,
    }  # fmt: skip
    assert (told.asked, told.kept, told.doubtful) == (1, 1, 0)


@pytest.mark.parametrize(
    ("asked", "target", "quote", "problem"),
    [
        ("Can I send sale goods back?", "no", "", "it quotes nothing from the material"),
        ("Can I send sale goods back?", "no", "Sale goods are gladly taken back", "its quote is not in the material"),
        ("Can I send sale goods back?", "", "not taken back", "there is no target"),
        ("no", "no", "not taken back", "the input said back passes"),
    ],
)
async def test_what_checks_find_is_told_with_the_draft(
    make_spine: MakeSpine, tmp_path: Path, asked: str, target: str, quote: str, problem: str
) -> None:
    """A doubtful draft is kept for the person with what is wrong with it."""
    (draft,), told = await written(make_spine, tmp_path, [item(asked, target, quote)], count=1)
    assert problem in draft.problems
    assert told.doubtful == 1


async def test_a_target_that_its_own_grader_refuses_is_told(make_spine: MakeSpine, tmp_path: Path) -> None:
    """`numeric` cannot grade a word."""
    (draft,), _ = await written(
        make_spine, tmp_path, [item("How many days?", "a month", "within thirty days")], count=1, check="numeric"
    )
    assert any("numeric" in problem for problem in draft.problems)


async def test_a_target_that_is_no_answer_is_not_tried_as_one(make_spine: MakeSpine, tmp_path: Path) -> None:
    """A pattern need not match itself."""
    asked = item("How many days?", r"\b(30|thirty)\b", "within thirty days")
    (draft,), _ = await written(make_spine, tmp_path, [asked], count=1, check="regex")
    assert draft.problems == ()


async def test_repetitions_are_left_out_and_counted(make_spine: MakeSpine, tmp_path: Path) -> None:
    """Within one answer, over answers, and against what is in the suite already."""
    same = "How long may I wait before I send the shoes back to you?"
    drafts, told = await written(
        make_spine, tmp_path,
        [item(same, "thirty days"), item(same.upper(), "thirty days"), item("Are sale goods taken back?", "no")],
        [item("How long may I wait before I send my shoes back to you?", "thirty days")],
        count=3,
    )  # fmt: skip
    assert [draft.line.input for draft in drafts] == [same, "Are sale goods taken back?"]
    assert told.repeated == 2


async def test_an_unreadable_answer_is_told_and_writing_goes_on(make_spine: MakeSpine, tmp_path: Path) -> None:
    """Prose, then JSON within prose, then half a JSON."""
    inside = 'Here: {"samples": [{"input": "Are sale goods taken back?", "target": "no"}]} - good luck'
    drafts, told = await written(make_spine, tmp_path, "I cannot do that.", inside, '{"samples": [{"inp', count=3)
    assert [draft.line.input for draft in drafts] == ["Are sale goods taken back?"]
    assert len(told.faults) >= 2
    assert "not the JSON" in told.faults[0]


async def test_writing_ends_where_a_model_brings_nothing(make_spine: MakeSpine, tmp_path: Path) -> None:
    """Twice the requests that it should take, and no more."""
    _, told = await written(make_spine, tmp_path, count=20)
    assert told.kept == 0
    assert told.asked == 11


async def test_a_document_becomes_the_source_where_answers_cite(make_spine: MakeSpine, tmp_path: Path) -> None:
    """`sources` wants answer and document; the sample shows the document."""
    passage = PASSAGE._replace(shown=("documents/returns.md",))
    (draft,), _ = await written(
        make_spine, tmp_path, [item("How long do I have?", "thirty days", "within thirty days")], count=1,
        passage=passage, check="sources",
    )  # fmt: skip
    assert draft.line.target == {"answer": "thirty days", "sources": ["returns"]}
    assert draft.line.context_files == ("documents/returns.md",)
    assert draft.problems == ()


def test_a_kind_must_be_described(tmp_path: Path) -> None:
    """A new kind needs a description and a grader."""
    with pytest.raises(SuiteError, match="describe it with --about"):
        plan(tmp_path, "k")
    with pytest.raises(SuiteError, match="name a check with --check"):
        plan(tmp_path, "k", about="something")


def draft(number: int) -> Draft:
    """A draft that is right."""
    line = SampleLine(id=f"draft-{number}", input=f"question {number}", target="yes", synthetic=True)
    return Draft(line=line)


def test_the_first_approved_draft_makes_the_suite(tmp_path: Path) -> None:
    """The next ones are added; a new kind is put behind the table that is there, comments and all."""
    folder = tmp_path / "suite"
    drafts = Drafts(kind="a", table={"graders": [{"check": "exact"}]}, drafts=[draft(1), draft(2)])
    save(folder, drafts)
    put_in(folder, drafts, draft(1), name="mine")
    toml = folder / "suite.toml"
    toml.write_text("# ours\n" + toml.read_text())
    put_in(folder, drafts, draft(2), name="mine", split="dev")
    put_in(folder, Drafts(kind="b.c", table={"graders": [{"check": "exact"}]}), draft(3), name="mine")
    suite = read_suite(folder)
    assert {kind: [one.id for one in suite.of(kind)] for kind in suite.kinds} == {
        "a": ["draft-1", "draft-2"], "b.c": ["draft-3"],
    }  # fmt: skip
    assert toml.read_text().startswith("# ours\n")
    assert all(one.synthetic for one in suite.samples)
    assert suite.of("a", "dev")[0].id == "draft-2"
    assert read_drafts(folder, "a") is not None


def test_documents_are_cut_at_paragraphs_and_code_at_definitions(tmp_path: Path) -> None:
    """No passage is longer than a page, nothing is lost; hidden files are left alone."""
    text = "\n\n".join(f"Paragraph {n}. " + "word " * 100 for n in range(20))
    (tmp_path / "a.md").write_text(text)
    (tmp_path / ".hidden.md").write_text("secret")
    passages = list(material.from_documents([tmp_path]))
    assert all(len(one.text) <= material.CHUNK_CHARS for one in passages)
    assert "".join(one.text for one in passages).count("Paragraph") == 20
    assert not any("secret" in one.text for one in passages)
    (tmp_path / "b.py").write_text("import os\n\ndef first():\n    return 1\n\nclass Second:\n    x = 2\n")
    assert [one.origin["name"] for one in material.from_code([tmp_path])] == ["first", "Second"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, bytes that are no text, a folder without documents."""
    with pytest.raises(SuiteError, match=r"cannot read .*gone\.md"):
        list(material.from_documents([tmp_path / "gone.md"]))
    (tmp_path / "b.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match=r"b\.md is no UTF-8 text"):
        list(material.from_documents([tmp_path / "b.md"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SuiteError, match="has no file that ends in"):
        list(material.from_documents([tmp_path / "empty"]))


# ------------------------------------------------------------------------------------------ privacy


def labelled_suite(folder: Path, *, kind: str = "", sample: str | None = None) -> Path:
    """A suite with one kind, `returns`, of one sample; both may have a label."""
    line = SampleLine(id="s1", input="May I?", target="no", split="dev", label=Label(sample) if sample else None)
    table = {"graders": [{"check": "normalised"}]} | ({"label": kind} if kind else {})
    write_suite(folder, name="s", version="1", kinds=[NewKind("returns", [line], table)])
    return folder


@pytest.mark.parametrize(("kind", "sample"), [("private-only", None), ("", "private-only")])
def test_examples_that_are_private_make_the_task_private(tmp_path: Path, kind: str, sample: str | None) -> None:
    """A model is shown them, so nothing that is said on the command line lowers them."""
    folder = labelled_suite(tmp_path / "suite", kind=kind, sample=sample)
    assert plan(folder, "returns", about="returns", label=Label.PUBLIC).task.label == Label.PRIVATE_ONLY


def test_a_kind_without_samples_keeps_the_label_of_its_drafts(tmp_path: Path) -> None:
    """It was given once, with the description that is kept with it."""
    first = plan(tmp_path, "returns", about="returns", check="normalised", label=Label.PRIVATE_ONLY)
    save(tmp_path, first.drafts)
    assert plan(tmp_path, "returns").task.label == Label.PRIVATE_ONLY


@pytest.mark.parametrize("label", [None, Label.PUBLIC])
async def test_private_material_goes_to_private_deployments_only(
    make_spine: MakeSpine, tmp_path: Path, label: Label | None
) -> None:
    """It is refused to others, told, and the rest is written."""
    seed = next(iter(read_suite(labelled_suite(tmp_path / "seeds", sample="private-only")).samples))
    passages = [*material.from_seeds([seed]), PASSAGE]
    planned = plan(tmp_path / "new", "returns", about="returns", check="normalised", label=label)
    drafts: list[Draft] = []
    spine = make_spine(
        CONFIG + "private = false\n", writes([item("For how long?", "thirty days", "within thirty days")])
    )
    writer = Writer(spine, "writer", planned.task, planned.graders, planned.known, on_draft=drafts.append)
    told = await writer.write(passages, ["plain"], 1)
    assert [draft.line.origin["from"] for draft in drafts] == ["document"]
    assert "private" in told.faults[0]


async def test_what_is_written_from_private_material_is_private(make_spine: MakeSpine, tmp_path: Path) -> None:
    """It may say what its material says."""
    seed = next(iter(read_suite(labelled_suite(tmp_path / "seeds", sample="private-only")).samples))
    planned = plan(tmp_path / "new", "returns", about="returns", check="normalised")
    drafts: list[Draft] = []
    spine = make_spine(CONFIG + "private = true\n", writes([item("Am I allowed to?", "no")]))
    writer = Writer(spine, "writer", planned.task, planned.graders, planned.known, on_draft=drafts.append)
    await writer.write(list(material.from_seeds([seed])), ["plain"], 1)
    assert [draft.line.label for draft in drafts] == [Label.PRIVATE_ONLY]


@pytest.mark.parametrize(
    ("label", "expected"), [("private-only", Label.PRIVATE_ONLY), ("newer", Label.PRIVATE_ONLY), ("public", "public")]
)
async def test_requests_from_the_ledger_keep_their_label(ledger: SqliteLedger, label: str, expected: str) -> None:
    """Redaction does not make what may not leave the house public; a label that nobody knows is the strictest."""
    asked = zlib.compress(msgspec.json.encode(Request(messages=(Message.of("user", "May I?"),))))
    row = ExchangeRow(
        request_id="0" * 32, created_at=1.0, target="m", kind="returns", label=label, deployment="m", redacted=0,
        request=asked, answer="[]",
    )  # fmt: skip
    await Exchanges(ledger).add(row)
    (passage,) = [one async for one in material.from_ledger(ledger, "returns")]
    assert passage.label == expected
