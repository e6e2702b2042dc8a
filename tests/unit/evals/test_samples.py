"""What a sample shows a model: turns, documents and tools, each checked where it is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import SuiteError
from assay.evals.suites.suite import Suite, read_suite
from assay.types import Message, ToolCall, ToolResult

Write = Callable[..., Path]

TOOLS = """
name = "t"
version = "1"
[kinds.k]
samples = "k.jsonl"
graders = [{ check = "exact" }]
tools_file = "tools.json"
p95_latency_s = 1.5
"""
PLAIN = TOOLS.replace('tools_file = "tools.json"\n', "")
SEARCH = {"name": "search", "description": "looks it up", "parameters": {"type": "object"}}


def read(write_suite: Write, line: dict[str, Any], toml: str = PLAIN) -> Suite:
    """A suite of one sample; `more` files are written beside it first."""
    return read_suite(write_suite(toml, k=[{"id": "s", "target": "x", **line}]))


def test_documents_stand_before_the_first_message_of_the_user(write_suite: Write, tmp_path: Path) -> None:
    """Each document is a block that names it; the question follows, and later turns stay as they are."""
    (tmp_path / "returns.md").write_text("Thirty days.\n")
    (tmp_path / "hours.md").write_text("From ten.")
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How long?"},
        {"role": "assistant", "content": "A week."},
        {"role": "user", "content": "Sure?"},
    ]
    suite = read(write_suite, {"messages": turns, "context_files": ["../returns.md", "../hours.md"]})
    texts = [message.text for message in suite.samples[0].messages]
    assert texts == [
        "Be brief.",
        '<document id="returns">\nThirty days.\n</document>\n'
        '<document id="hours">\nFrom ten.\n</document>\n\nHow long?',
        "A week.",
        "Sure?",
    ]


def test_a_documents_words_are_part_of_the_digest(write_suite: Write, tmp_path: Path) -> None:
    """A changed document is another suite: evidence of the old one does not speak of it."""
    (tmp_path / "d.md").write_text("one")
    before = read(write_suite, {"input": "?", "context_files": ["../d.md"]}).digest
    (tmp_path / "d.md").write_text("two")
    assert read(write_suite, {"input": "?", "context_files": ["../d.md"]}).digest != before


def test_a_missing_document_is_named_with_its_place(write_suite: Write) -> None:
    """The message says which line names which file."""
    with pytest.raises(SuiteError, match=r"k\.jsonl, line 1: cannot read the document .*nowhere\.md"):
        read(write_suite, {"input": "?", "context_files": ["nowhere.md"]})


def test_history_holds_calls_and_their_results(write_suite: Write) -> None:
    """Tool calls and answers of tools in a sample's turns become the parts that dialects know."""
    turns = [
        {"role": "user", "content": "Is NL-7 there?"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "name": "search", "arguments": {"part": "NL-7"}}]},
        {"role": "tool", "call_id": "c1", "content": "3 in stock"},
    ]
    asked, called, told = read(write_suite, {"messages": turns}).samples[0].messages
    assert asked == Message.of("user", "Is NL-7 there?")
    assert called.parts == (ToolCall(id="c1", name="search", arguments='{"part":"NL-7"}'),)
    assert told.role == "tool"
    assert isinstance(told.parts[0], ToolResult)
    assert told.parts[0].call_id == "c1"


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"role": "tool", "content": "3"}, "needs the call_id"),
        ({"role": "user", "content": "3", "call_id": "c"}, "needs the call_id"),
        ({"role": "user", "tool_calls": [{"id": "c", "name": "n"}]}, "only the assistant has tool_calls, not the user"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "name"),
    ],
)
def test_a_turns_fields_go_with_its_role(write_suite: Write, turn: dict[str, Any], words: str) -> None:
    """What no dialect could send is told where it stands."""
    with pytest.raises(SuiteError, match=words) as caught:
        read(write_suite, {"messages": [{"role": "user", "content": "?"}, turn]})
    assert "line 1" in str(caught.value)


def test_documents_need_a_user_to_stand_before(write_suite: Write, tmp_path: Path) -> None:
    """Documents in a conversation without a user's message have no place."""
    (tmp_path / "d.md").write_text("one")
    with pytest.raises(SuiteError, match="sample 's' has none"):
        read(write_suite, {"messages": [{"role": "system", "content": "x"}], "context_files": ["../d.md"]})


def test_a_kinds_tools_are_offered_with_every_request(write_suite: Write) -> None:
    """Tools of the kind's file are in the request, and its latency limit is kept."""
    folder = write_suite(TOOLS, k=[{"id": "s", "input": "?", "target": "x"}])
    (folder / "tools.json").write_text(json.dumps([SEARCH]))
    suite = read_suite(folder)
    assert [tool.name for tool in suite.samples[0].request().tools] == ["search"]
    assert suite.samples[0].request().tools[0].parameters == {"type": "object"}
    assert suite.kinds["k"].p95_latency_s == 1.5
    before = suite.digest
    (folder / "tools.json").write_text(json.dumps([SEARCH | {"description": "other"}]))
    assert read_suite(folder).digest != before


@pytest.mark.parametrize(("text", "words"), [("{", "cannot read the tools"), ('[{"nome": "x"}]', "name")])
def test_tools_that_cannot_be_read_are_a_mistake(write_suite: Write, text: str, words: str) -> None:
    """The file is named."""
    folder = write_suite(TOOLS, k=[{"id": "s", "input": "?", "target": "x"}])
    (folder / "tools.json").write_text(text)
    with pytest.raises(SuiteError, match=words):
        read_suite(folder)


def test_two_tools_of_one_name_are_a_mistake(write_suite: Write) -> None:
    """A call could mean either."""
    folder = write_suite(TOOLS, k=[{"id": "s", "input": "?", "target": "x"}])
    (folder / "tools.json").write_text(json.dumps([SEARCH, SEARCH]))
    with pytest.raises(SuiteError, match="two tools have one name"):
        read_suite(folder)


def test_tools_as_clients_write_them_are_told_the_form(write_suite: Write, tmp_path: Path) -> None:
    """A list copied from a client's request names the form that a suite has; a missing file is named once."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite/tools.json").write_text(json.dumps([{"type": "function", "function": SEARCH}]))
    with pytest.raises(SuiteError, match=r'write a list of { "name": ..., "description"'):
        read(write_suite, {"input": "?"}, TOOLS)
    (tmp_path / "suite/tools.json").unlink()
    with pytest.raises(SuiteError, match=r"tools\.json: No such file or directory$"):
        read(write_suite, {"input": "?"}, TOOLS)
