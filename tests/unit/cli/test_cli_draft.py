"""`assay suite draft` and `review`: written, looked at, decided on, and in the suite only then."""

from __future__ import annotations

import json
import os
import pty
import select
import time
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Project

from assay.cli.suite import review
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.suite import read_suite


def writer(project: Project, *inputs: str) -> None:
    """A model that writes these samples, one request after another."""
    rules = [
        {"match": "", "answer": json.dumps({"samples": [{"input": one, "target": "yes"}]}), "times": 1}
        for one in inputs
    ]
    project.script("good", *rules, default='{"samples": []}')


def drafted(project: Project, *arguments: str) -> dict[str, Any]:
    """What `assay suite draft` tells."""
    ended = project.inside("suite", "draft", "suite", "-m", "good", *arguments, "--json")
    return {"code": ended.code, **(json.loads(ended.out) if ended.out else {}), "err": ended.err}


def test_drafts_wait_until_a_person_approves(project: Project) -> None:
    """Nothing is in the suite before; approved ones are there, marked; rejected ones are not offered again."""
    writer(project, "Is the shop open on Sunday?", "Do you sell helmets for children?")
    told = drafted(project, "-k", "words", "--about", "questions to a shop", "-n", "2")
    assert told["code"] == 0
    first, second = (draft["line"]["id"] for draft in told["drafts"])
    assert len(read_suite(project.folder / "suite").of("words")) == 10
    ended = project.inside("suite", "review", "suite", "--approve", first, "--reject", second, "--json")
    assert json.loads(ended.out) == {"approved": 1, "rejected": 1, "waiting": 0, "drafts": []}
    (new,) = [one for one in read_suite(project.folder / "suite").of("words") if one.synthetic]
    assert new.id == first
    again = project.inside("suite", "review", "suite", "--approve", second)
    assert again.code != 0
    assert "was rejected already" in again.err


def test_a_folder_of_drafts_says_what_it_is(project: Project) -> None:
    """Who takes drafts for a suite is told where that is, or how it comes to be."""
    writer(project, "Is the shop open on Sunday?")
    drafted(project, "-k", "words", "--about", "questions to a shop", "-n", "1")
    inside = project.inside("suite", "lint", "suite/drafts")
    assert inside.code == 2
    assert f"holds the drafts of a suite; the suite is {project.folder / 'suite'}" in inside.err
    (project.folder / "suite" / "suite.toml").unlink()
    for folder in ("suite", "suite/drafts"):
        ended = project.inside("suite", "lint", folder)
        assert ended.code == 2
        assert f"no suite yet: it is made of those that `assay suite review {project.folder / 'suite'}`" in ended.err


def test_the_same_again_is_no_draft(project: Project) -> None:
    """A second call does not write what waits already, and says so with its exit code."""
    writer(project, "Is the shop open on Sunday?", "is the shop open on sunday")
    assert drafted(project, "-k", "words", "--about", "x", "-n", "1")["code"] == 0
    told = drafted(project, "-k", "words", "-n", "1")
    assert told["code"] == 1
    assert told["repeated"] == 2


def test_a_new_kind_needs_words(project: Project) -> None:
    """The error says what to give."""
    told = drafted(project, "-k", "new")
    assert told["code"] != 0
    assert "--about" in told["err"]


def test_an_unknown_model_is_named_before_anything_is_asked(project: Project) -> None:
    """With the nearest known one."""
    ended = project.inside("suite", "draft", "suite", "-m", "goood", "-k", "words", "--about", "x")
    assert ended.code == 2
    assert "good" in ended.err


def test_no_bodies_no_logs(project: Project) -> None:
    """`--from-ledger` without kept bodies says how to keep them."""
    told = drafted(project, "-k", "words", "--about", "x", "--from-ledger")
    assert 'bodies = "full"' in told["err"]


def test_on_a_terminal_each_draft_is_shown_and_one_key_decides(project: Project) -> None:
    """Approve, then quit: one is in the suite, the other still waits."""
    writer(project, "Is the shop open on Sunday?", "Do you sell helmets for children?")
    drafted(project, "-k", "words", "--about", "questions to a shop", "-n", "2")
    ours, theirs = pty.openpty()
    process = project.begin("suite", "review", "suite", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = answered(ours, [("1 of 2", b"a"), ("2 of 2", b"q")])
    os.close(ours)
    assert process.wait(30) == 0
    assert "Is the shop open on Sunday?" in said
    assert len(read_suite(project.folder / "suite").of("words")) == 11
    waiting = json.loads(project.inside("suite", "review", "suite", "--list", "--json").out)
    assert [draft["input"] for draft in waiting["drafts"]] == ["Do you sell helmets for children?"]


def answered(terminal: int, keys: list[tuple[str, bytes]]) -> str:
    """Press each key when its words were shown and all is quiet, again if nothing comes of it; all that was shown.

    A terminal that is made ready for single keys throws away what was typed before.
    """
    said, end = "", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.3)[0]:
            try:
                said += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the other side has ended
                break
            continue
        if len(keys) > 1 and keys[1][0] in said:
            keys.pop(0)
        if keys[0][0] in said:
            os.write(terminal, keys[0][1])
    return said


def test_a_document_is_copied_beside_the_suite(project: Project, tmp_path: Path) -> None:
    """With --show-documents the approved sample shows it."""
    (project.folder / "policy.md").write_text("Shoes may be sent back within thirty days.")
    item = {"input": "How long do I have?", "target": "thirty days", "quote": "within thirty days"}
    project.script("good", {"match": "", "answer": json.dumps({"samples": [item]})})
    told = drafted(
        project, "-k", "returns", "--about", "returns", "--check", "sources", "--document", "policy.md",
        "--show-documents", "-n", "1",
    )  # fmt: skip
    assert told["doubtful"] == 0, told
    project.inside("suite", "review", "suite", "--approve", told["drafts"][0]["line"]["id"])
    (sample,) = read_suite(project.folder / "suite").of("returns")
    assert "within thirty days" in sample.messages[0].text


def test_a_draft_of_several_turns_is_shown_turn_by_turn(project: Project) -> None:
    """Drafts of real requests may be conversations."""
    turns = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes?"}]
    line = {"id": "draft-1", "messages": turns, "target": None}
    folder = project.folder / "suite/drafts"
    folder.mkdir()
    (folder / "words.json").write_text(json.dumps({"kind": "words", "drafts": [{"line": line}]}))
    said = project.inside("suite", "review", "suite", "--list").out
    assert "user: Hello?" in said
    assert "assistant: Yes?" in said


def test_an_edited_draft_is_what_goes_into_the_suite(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor shows input and target; what is no sample any more changes nothing."""
    line = SampleLine(id="draft-1", input="Open?", target="no", synthetic=True)
    monkeypatch.setattr("click.edit", lambda text, **given: text.replace('"no"', '"yes"'))
    changed = review._edited(line)
    assert (changed.input, changed.target, changed.origin) == ("Open?", "yes", {"edited": True})
    monkeypatch.setattr("click.edit", lambda text, **given: "{")
    assert review._edited(line) == line
    monkeypatch.setattr("click.edit", lambda text, **given: '{"inputt": 1}')
    assert review._edited(line) == line
