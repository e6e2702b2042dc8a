"""The items that clients of OpenAI's Responses send, and the messages that they are for us: see `responses_marks`.

What the assistant said in a row of items becomes one message, as other formats have it. An item that only this format
knows is an `Unknown` part: of the assistant, if the provider ran it, else of the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from assay.dialects.fields import MARK, Fields
from assay.dialects.responses_content import NAME, read_content
from assay.dialects.responses_custom import WRAPPED, wrap
from assay.dialects.responses_marks import CUSTOM, ITEM, ITEMS, Mark, reasoning_mark
from assay.dialects.responses_reasoning import read_reasoning
from assay.types import Document, Image, Message, Part, Role, Text, ToolCall, ToolResult, Unknown

__all__ = ["INSTRUCTIONS", "LIST", "read_items"]

INSTRUCTIONS = MARK + "instructions"
"""In the `extra` of the system message that came under this name."""
LIST = MARK + "list"
"""In the `extra` of a tool's answer that was said as a list of parts."""
_ROLES: dict[str, Role] = {role: role for role in ("system", "developer", "user", "assistant")}
_OF_CLIENT = ("_output", "_response", "_reference", "_trigger", "additional_tools", "_update")


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
    if kind is None and not fields.has("id"):
        raise fields.missing("type")
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


def _read_call(fields: Fields, key: str) -> _Read:
    fields.take("type")
    ident, name, text = fields.need_text("call_id"), fields.need_text("name"), fields.need_text(key)
    extra: dict[str, Any] = {}
    if key == "input":
        text, extra = wrap(text), {"type": CUSTOM, WRAPPED: True}
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
    extra: dict[str, Any] = {LIST: True} if is_list else {}
    rest = fields.rest() if kind == "function_call_output" else {"type": kind, **fields.rest()}
    if rest:
        extra[ITEM] = rest
    result = ToolResult(call_id=call_id, parts=kept, extra=extra)
    return _Read("tool", (result,), Mark(kind="one", parts=1))
