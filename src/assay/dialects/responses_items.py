"""The items of OpenAI's Responses and the messages that they are for us: both directions.

What an assistant said in one turn is one message here and a row of items there: reasoning, messages, calls. Where
the items began and ended, and their ids, stand in the message's `extra` under `assay:items`: one `Mark` for each item,
with the number of parts that it became. An answer has the same in its own `extra`. Marks that do not fit the parts,
because somebody changed these, are not used: then texts in a row are one item, and each call is one.

A tool's answer, and a call, have what is left of their item in their own `extra`, under `assay:item`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from assay.dialects.call_ids import CallIds
from assay.dialects.capability import Fit
from assay.dialects.fields import MARK, Fields, merge
from assay.dialects.opaque import RESPONSES, call_signature, made_by, secret
from assay.dialects.responses_content import NAME, read_content, write_part
from assay.dialects.responses_reasoning import is_foreign_id, read_reasoning
from assay.errors import RequestError
from assay.types import Document, Image, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult, Unknown

__all__ = [
    "CUSTOM",
    "INSTRUCTIONS",
    "ITEM",
    "ITEMS",
    "Group",
    "Items",
    "Mark",
    "grouped",
    "marks_of",
    "read_items",
    "reasoning_mark",
]

ITEM = MARK + "item"
ITEMS = MARK + "items"
INSTRUCTIONS = MARK + "instructions"
CUSTOM = "custom"
"""The `type` in the `extra` of a call whose input is free text, in chat completions too."""
_LIST = MARK + "list"  # in the extra of a tool's answer: it was said as a list of parts
_ROLES: dict[str, Role] = {role: role for role in ("system", "developer", "user", "assistant")}
_OF_CLIENT = ("_output", "_response", "_reference", "_trigger", "additional_tools", "_update")


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item: what it was, how many parts it became, and what of it has no place in these.

    Attributes:
        kind: `message`, `reasoning`, or `one` for a part that is an item by itself.
        parts: their number; `None` = the item is not complete yet.
        text: the content was said as a string.
        summary, content: numbers of texts, of a reasoning item; `None` = the list was not there.
        rest: the other fields.
    """

    kind: Literal["message", "reasoning", "one"]
    parts: int | None = None
    text: bool = False
    summary: int | None = None
    content: int | None = None
    rest: dict[str, Any] = {}


def marks_of(extra: Mapping[str, Any]) -> list[Mark]:
    """The marks in the `extra` of a message or an answer."""
    found = extra.get(ITEMS)
    return msgspec.convert(found, list[Mark]) if isinstance(found, list) else []


# -------------------------------------------------------------------------------------------- reading


class _Read(NamedTuple):
    """An item that was read."""

    role: Role
    parts: tuple[Part, ...]
    mark: Mark


def read_items(entries: Sequence[object], path: str) -> list[Message]:
    """The messages of a list of items.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    messages: list[Message] = []
    turn: list[_Read] = []  # items of the assistant, in a row
    for number, entry in enumerate(entries):
        read = _read_item(Fields(entry, f"{path}[{number}]"))
        if read.role != "assistant":
            messages += _message(turn)
            turn = []
        turn.append(read)
        if read.role != "assistant":
            messages += _message(turn)
            turn = []
    return messages + _message(turn)


def _message(turn: Sequence[_Read]) -> list[Message]:
    if not turn:
        return []
    parts = tuple(part for read in turn for part in read.parts)
    if turn[0].role == "tool":
        return [Message(role="tool", parts=parts)]
    marks = [msgspec.to_builtins(read.mark) for read in turn]
    return [Message(role=turn[0].role, parts=parts, extra={ITEMS: marks})]


def _read_item(fields: Fields) -> _Read:
    kind = fields.peek("type")
    if kind is None and fields.has("role"):
        kind = "message"
    match kind:
        case "message":
            return _read_message(fields)
        case "reasoning":
            return _read_reasoning(fields)
        case "function_call":
            return _read_call(fields, "arguments")
        case "custom_tool_call":
            return _read_call(fields, "input")
        case "function_call_output" | "custom_tool_call_output":
            return _read_result(fields)
    if kind is not None and not isinstance(kind, str):
        raise fields.wrong("type", "a string")
    # A reference may go without a type. What the provider ran itself was the assistant's turn.
    ours = kind is None or kind.endswith(_OF_CLIENT)
    raw = Unknown(dialect=NAME, raw=fields.rest())
    return _Read("user" if ours else "assistant", (raw,), Mark(kind="one", parts=1))


def _read_message(fields: Fields) -> _Read:
    word = fields.need_text("role")
    role = _ROLES.get(word)
    if role is None:
        raise fields.wrong("role", f"one of {', '.join(_ROLES)}, not {word!r}")
    text = isinstance(fields.peek("content"), str)
    parts = tuple(read_content(fields, "content", "output_text" if role == "assistant" else "input_text"))
    return _Read(role, parts, Mark(kind="message", parts=len(parts), text=text, rest=fields.rest()))


def _read_reasoning(fields: Fields) -> _Read:
    item: dict[str, Any] = {}
    for key in ("summary", "content"):
        entries = fields.array(key)
        for number, entry in enumerate(entries or ()):
            Fields(entry, f"{fields.at(key)}[{number}]").need_text("text")
        if entries is not None:
            item[key] = entries
    item |= fields.rest()
    parts = read_reasoning(item)
    rest = {key: value for key, value in item.items() if key not in ("type", "summary", "content")}
    if parts and parts[-1].opaque:
        rest.pop("encrypted_content", None)
    return _Read("assistant", parts, reasoning_mark(item, len(parts), rest))


def reasoning_mark(item: Mapping[str, Any], parts: int, rest: dict[str, Any]) -> Mark:
    """The mark of a reasoning item that became `parts` parts."""
    summary, content = item.get("summary"), item.get("content")
    return Mark(
        kind="reasoning",
        parts=parts,
        summary=len(summary) if isinstance(summary, list) else None,
        content=len(content) if isinstance(content, list) else None,
        rest=rest,
    )


def _read_call(fields: Fields, key: str) -> _Read:
    fields.take("type")
    ident, name, text = fields.need_text("call_id"), fields.need_text("name"), fields.need_text(key)
    extra: dict[str, Any] = {"type": CUSTOM} if key == "input" else {}
    signature = fields.take("extra_content")
    if signature is not None:
        extra["extra_content"] = signature
    if fields.rest():
        extra[ITEM] = fields.rest()
    call = ToolCall(id=ident, name=name, arguments=text, extra=extra)
    return _Read("assistant", (call,), Mark(kind="one", parts=1))


def _read_result(fields: Fields) -> _Read:
    kind = fields.take("type")
    call_id = fields.text("call_id") or ""
    is_list = isinstance(fields.peek("output"), list)
    parts = read_content(fields, "output", "input_text")
    kept = tuple(part for part in parts if isinstance(part, (Text, Image, Document, Unknown)))
    if len(kept) != len(parts):
        raise fields.wrong("output", "texts, images or files")
    extra: dict[str, Any] = {_LIST: True} if is_list else {}
    rest = fields.rest() if kind == "function_call_output" else {"type": kind, **fields.rest()}
    if rest:
        extra[ITEM] = rest
    result = ToolResult(call_id=call_id, parts=kept, extra=extra)
    return _Read("tool", (result,), Mark(kind="one", parts=1))


# ------------------------------------------------------------------------------------------- grouping


class Group(NamedTuple):
    """Parts that are one item, with its mark if there is one."""

    mark: Mark | None
    parts: tuple[Part, ...]


def grouped(parts: Sequence[Part], marks: Sequence[Mark]) -> Iterator[Group]:
    """The parts of a turn, item by item."""
    marked = _marked(parts, marks)
    return iter(marked) if marked is not None else _unmarked(parts)


def _marked(parts: Sequence[Part], marks: Sequence[Mark]) -> list[Group] | None:
    groups: list[Group] = []
    at = 0
    for mark in marks:
        group = Group(mark, tuple(parts[at : at + (mark.parts or 0)]))
        if len(group.parts) != (mark.parts or 0) or any(_family(part) != mark.kind for part in group.parts):
            return None
        groups.append(group)
        at += len(group.parts)
    return groups if at == len(parts) and groups else None


def _unmarked(parts: Sequence[Part]) -> Iterator[Group]:
    row: list[Part] = []
    for part in parts:
        kind = _family(part)
        if row and (kind == "one" or kind != _family(row[-1]) or (isinstance(row[-1], Reasoning) and row[-1].opaque)):
            yield Group(None, tuple(row))
            row = []
        row.append(part)
        if kind == "one":
            yield Group(None, tuple(row))
            row = []
    if row:
        yield Group(None, tuple(row))


def _family(part: Part) -> Literal["message", "reasoning", "one"]:
    match part:
        case Reasoning():
            return "reasoning"
        case ToolCall() | ToolResult():
            return "one"
        case Unknown(dialect=dialect, raw=raw) if dialect == NAME:
            return "message" if str(raw.get("type")).startswith(("input_", "output_")) else "one"
    return "message"


# -------------------------------------------------------------------------------------------- writing


class Items:
    """Writes the messages of one request as items for a host.

    Args:
        fit: what the host can be told; takes the notes.
        own: whether the client spoke this format; its words are the host's then.
        custom: ids of the calls whose input is free text.
        ids: of calls, as the host takes them.
    """

    def __init__(self, fit: Fit, *, own: bool, custom: frozenset[str], ids: CallIds) -> None:
        self._fit = fit
        self._own = own
        self._custom = custom
        self._ids = ids
        self._nameless = 0  # calls of chat completions' old form, which have no id

    def write(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """The items of all messages.

        Raises:
            RequestError: naming the message with a part that the host cannot be told.
        """
        wire: list[dict[str, Any]] = []
        for number, message in enumerate(messages):
            path = f"messages[{number}]"
            if message.name is not None:
                self._fit.takes("message.name", f"{path}.name")
            for group in grouped(message.parts, marks_of(message.extra)):
                wire += self._item(message.role, group, path)
            if not message.parts and not marks_of(message.extra) and message.role != "tool":
                wire += self._message(message.role, Group(None, ()), path)
        return wire

    def _item(self, role: Role, group: Group, path: str) -> list[dict[str, Any]]:
        first = group.parts[0] if group.parts else None
        if group.mark is not None and group.mark.kind == "reasoning":
            return self._reasoning(group, path)
        match first:
            case Reasoning():
                return self._reasoning(group, path)
            case ToolCall():
                return [self._call(first)]
            case ToolResult():
                return [self._result(first, path)]
            case Unknown(dialect=dialect) if dialect == NAME and _family(first) == "one":
                return [first.raw]
        return self._message(role, group, path)

    def _message(self, role: Role, group: Group, path: str) -> list[dict[str, Any]]:
        mark = group.mark
        said = group.parts
        if role == "tool":
            raise RequestError(f"{path}: a message of role tool holds only tools' answers", field=path)
        if mark is None and role == "assistant" and all(isinstance(one, Text) and not one.text for one in said):
            return []
        usual = "output_text" if role == "assistant" else "input_text"
        content: Any = [
            write_part(part, f"{path}.content[{place}]", usual, self._fit) for place, part in enumerate(said)
        ]
        if (mark is None or mark.text) and (not content or (len(content) == 1 and content[0].keys() == _PLAIN)):
            content = content[0]["text"] if content else ""
        return [merge({"role": role, "content": content}, mark.rest if mark else {})]

    def _reasoning(self, group: Group, path: str) -> list[dict[str, Any]]:
        """The item as it came, or one for each blob that a provider of this format made; texts alone say nothing."""
        parts = [part for part in group.parts if isinstance(part, Reasoning)]
        mark = group.mark
        blobs = [blob for part in parts for blob in part.opaque]
        if mark is not None and self._own and not is_foreign_id(mark.rest.get("id")):
            return [_reasoning_wire(parts, mark, blobs)]
        made = _last_words([blob for blob in blobs if made_by(blob, RESPONSES)])
        if not made or any(not made_by(blob, RESPONSES) for blob in blobs):
            self._fit.note("reasoning")
        if not made or not self._fit.takes("reasoning", path):
            return []
        summary = [{"type": "summary_text", "text": part.text} for part in parts if part.text]
        items: list[dict[str, Any]] = []
        for blob in made:
            item = {"type": "reasoning", "summary": [] if items else summary, "encrypted_content": secret(blob)}
            items.append(item | ({"id": blob["id"]} if "id" in blob else {}))
        return items

    def _call(self, call: ToolCall) -> dict[str, Any]:
        if call_signature(call.extra):
            self._fit.note("reasoning")
        ident = self._ids.of(call.id)
        if not ident:
            self._nameless += 1
            ident = self._last_nameless
        kind, key = ("custom_tool_call", "input") if call.id in self._custom else ("function_call", "arguments")
        wire = {"type": kind, "call_id": ident, "name": call.name, key: call.arguments}
        return merge(wire, call.extra.get(ITEM) or {})

    @property
    def _last_nameless(self) -> str:
        return f"call_{self._nameless}"

    def _result(self, result: ToolResult, path: str) -> dict[str, Any]:
        if result.is_error:
            self._fit.takes("tool_result.error", f"{path}.is_error")
        if any(not isinstance(part, Text) for part in result.parts) and not self._fit.takes("tool_result.media", path):
            raise self._fit.reject(path, "images and files in a tool's answer")
        output: Any = [
            write_part(part, f"{path}.content[{place}]", "input_text", self._fit)
            for place, part in enumerate(result.parts)
        ]
        if _LIST not in result.extra and (not output or (len(output) == 1 and output[0].keys() == _PLAIN)):
            output = output[0]["text"] if output else ""
        kind = "custom_tool_call_output" if result.call_id in self._custom else "function_call_output"
        ident = self._ids.of(result.call_id) or self._last_nameless
        rest = result.extra.get(ITEM) or {}
        return merge({"type": rest.get("type", kind), "call_id": ident, "output": output}, rest)


_PLAIN = {"type", "text"}


def _last_words(blobs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of blobs with the same id the last: a stream may have told a client of it twice."""
    return list({blob.get("id", place): blob for place, blob in enumerate(blobs)}.values())


def _reasoning_wire(parts: Sequence[Reasoning], mark: Mark, blobs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    said = [part.text for part in parts]
    wire: dict[str, Any] = {"type": "reasoning"}
    if mark.summary is not None:
        wire["summary"] = [{"type": "summary_text", "text": text} for text in said[: mark.summary]]
    if mark.content is not None:
        start = mark.summary or 0
        wire["content"] = [{"type": "reasoning_text", "text": text} for text in said[start : start + mark.content]]
    data = secret(blobs[0]) if blobs else None
    if data is not None:
        wire["encrypted_content"] = data
    return merge(wire, mark.rest)
