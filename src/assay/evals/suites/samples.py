"""One line of a suite's JSONL file, and the turns, documents and tools that it shows a model.

Documents go in front of the first message of the user, each in a block of its own, so that an answer can name them:

    <document id="returns">
    (the file's text)
    </document>
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from assay.errors import SuiteError
from assay.evals.suites.media import Content, files, parts, plain
from assay.evals.suites.regular import regular
from assay.types import JsonObject, Label, Message, Part, Text, Tool, ToolCall, ToolResult

__all__ = [
    "Document", "GraderSpec", "SampleLine", "Split", "follow_ups", "media_files", "messages", "read_document",
    "read_line", "read_tools",
]  # fmt: skip

Split = Literal["dev", "heldout"]
GraderSpec = dict[str, Any]


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tool call of the assistant, in a sample's history."""

    id: str
    name: str
    arguments: JsonObject = {}


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a multi-turn sample. A tool's answer names the call that it answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Content = ""
    tool_calls: tuple[Call, ...] = ()
    call_id: str | None = None


class SampleLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a JSONL file: either `input` or `messages`.

    Attributes:
        follow_ups: what the user says after each answer; the last answer is graded, with the conversation in view.
        group: samples of one group (a document, a customer) depend on each other; intervals are made for groups.
        synthetic: written by a model and not met in real work; figures are told apart.
        origin: where it came from: a request, a file and line, a seed.
    """

    id: Annotated[str, Meta(min_length=1)]
    input: Content | None = None
    messages: tuple[Turn, ...] | None = None
    context_files: tuple[str, ...] = ()
    target: Any = None
    graders: tuple[GraderSpec, ...] | None = None
    split: Split = "heldout"
    label: Label | None = None
    follow_ups: tuple[Content, ...] = ()
    group: str | None = None
    synthetic: bool = False
    origin: JsonObject = {}
    meta: JsonObject = {}


class Document(NamedTuple):
    """A text that a sample shows; `id` is its file's name without the ending."""

    id: str
    text: str

    def __str__(self) -> str:
        return f'<document id="{self.id}">\n{self.text.rstrip()}\n</document>\n'


def read_line(line: bytes, where: str) -> SampleLine:
    """A sample from a line of a JSONL file.

    Raises:
        SuiteError: it is no sample.
    """
    try:
        entry = msgspec.json.decode(line, type=SampleLine)
    except RecursionError:
        raise SuiteError(f"{where}: it is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{where}: {error}") from error
    if (entry.input is None) == (not entry.messages):
        raise SuiteError(f"{where}: sample {entry.id!r} needs either input or messages")
    return entry


def messages(entry: SampleLine, documents: Sequence[Document], where: str, folder: Path) -> tuple[Message, ...]:
    """What a sample shows a model; images and other files are read from `folder`.

    Raises:
        SuiteError: a turn's fields do not go with its role, documents have no user's message to stand before, or a
            file cannot be used.
    """
    turns = entry.messages or (Turn(role="user", content=entry.input if entry.input is not None else ""),)
    said = [_message(turn, where, folder) for turn in turns]
    if documents:
        first = next((place for place, message in enumerate(said) if message.role == "user"), None)
        if first is None:
            raise SuiteError(f"{where}: context_files stand before a user's message, and sample {entry.id!r} has none")
        said[first] = _after("".join(map(str, documents)) + "\n", said[first])
    return tuple(said)


def follow_ups(entry: SampleLine, where: str, folder: Path) -> tuple[Message, ...]:
    """What the user says after each answer; errors as in `messages`."""
    return tuple(Message(role="user", parts=parts(content, folder, where)) for content in entry.follow_ups)


def media_files(entry: SampleLine) -> list[str]:
    """The images, sounds, videos and documents that a sample names, relative to its suite."""
    contents = (entry.input, *(turn.content for turn in entry.messages or ()), *entry.follow_ups)
    return [name for content in contents for name in files(content)]


def _after(shown: str, message: Message) -> Message:
    """A message with a text before it, within its first part where that is a text."""
    first = message.parts[0] if message.parts else None
    if isinstance(first, Text):
        return Message(role=message.role, parts=(Text(text=shown + first.text), *message.parts[1:]))
    return Message(role=message.role, parts=(Text(text=shown), *message.parts))


def _message(turn: Turn, where: str, folder: Path) -> Message:
    if (turn.role == "tool") != (turn.call_id is not None):
        raise SuiteError(f"{where}: a turn of role 'tool', and no other, needs the call_id that it answers")
    if turn.tool_calls and turn.role != "assistant":
        raise SuiteError(f"{where}: only the assistant has tool_calls, not the {turn.role}")
    if not isinstance(turn.content, str) and turn.role != "user":
        raise SuiteError(f"{where}: only the user's content is a list of pieces, not that of the {turn.role}")
    if turn.call_id is not None:
        return Message(role="tool", parts=(ToolResult(call_id=turn.call_id, parts=(Text(text=plain(turn.content)),)),))
    if not turn.tool_calls:
        return Message(role=turn.role, parts=parts(turn.content, folder, where))
    said: tuple[Part, ...] = (Text(text=plain(turn.content)),) if turn.content else ()
    return Message(role="assistant", parts=(*said, *map(_call, turn.tool_calls)))


def _call(call: Call) -> ToolCall:
    return ToolCall(id=call.id, name=call.name, arguments=msgspec.json.encode(call.arguments).decode())


def read_document(path: Path, where: str) -> Document:
    """A text that a sample names in `context_files`.

    Raises:
        SuiteError: it cannot be read as UTF-8 text.
    """
    try:
        return Document(path.stem, regular(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteError(f"{where}: cannot read the document {path}: {_why(error)}") from error


def read_tools(path: Path) -> tuple[Tool, ...]:
    """The tools of a `tools_file`.

    Raises:
        SuiteError: it cannot be read, or is no list of tools with different names.
    """
    try:
        tools = msgspec.json.decode(path.read_bytes(), type=tuple[Tool, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        form = '{ "name": ..., "description": ..., "parameters": {...} }'
        want = "" if isinstance(error, OSError) else f"; write a list of {form}"
        raise SuiteError(f"cannot read the tools in {path}: {_why(error)}{want}") from error
    if len({tool.name for tool in tools}) < len(tools):
        raise SuiteError(f"{path}: two tools have one name")
    return tools


def _why(error: Exception) -> str:
    """What went wrong, without the path, which the message has already."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
