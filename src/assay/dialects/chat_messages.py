"""Chat messages of clients, read. They are written in `chat_history`.

Notes in `extra` (see `fields`): `assay:content` = `parts` (a list where a string would do) or `absent` (no
`content` where a null would be written), `assay:role` = `function` (the old role of a tool's answer),
`assay:reasoning` = `reasoning` (the name of the reasoning field) or `details` (its text stands in the details only),
`assay:function_call` (an old-style call).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.dialects.chat_parts import read_part
from assay.dialects.chat_reasoning import read_reasoning, stands_behind_text
from assay.dialects.fields import MARK, Fields
from assay.types import Document, Image, Message, Part, Refusal, Role, Text, ToolCall, ToolResult, Unknown

__all__ = ["CONTENT", "FUNCTION_CALL", "ROLE", "call_extra", "is_plain", "read_message"]

CONTENT = MARK + "content"
FUNCTION_CALL = MARK + "function_call"
ROLE = MARK + "role"
_ROLES: dict[str, Role] = {role: role for role in ("system", "developer", "user", "assistant", "tool")}


def read_message(value: object, path: str) -> Message:
    """One message of a client.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(value, path)
    word = fields.need_text("role")
    if word == "function":
        return _function_result(fields)
    role = _ROLES.get(word)
    if role is None:
        raise fields.wrong("role", f"one of {', '.join(_ROLES)}, not {word!r}")
    if role == "tool":
        return _tool_result(fields)
    name = fields.text("name")
    notes: dict[str, Any] = {}
    reasoning = read_reasoning(fields, notes) if role == "assistant" else []
    content = _read_content(fields, notes, optional=role == "assistant")
    behind = [part for part in reasoning if content and stands_behind_text(part)]
    parts: list[Part] = [*(part for part in reasoning if part not in behind), *content, *behind]
    if role == "assistant":
        refusal = fields.text("refusal")
        if refusal is not None:
            parts.append(Refusal(text=refusal))
        parts += _read_calls(fields)
    return Message(role=role, parts=tuple(parts), name=name, extra={**notes, **fields.rest()})


def _read_content(fields: Fields, notes: dict[str, Any], *, optional: bool) -> list[Part]:
    content = fields.peek("content")
    if content is None:
        if not optional:
            raise fields.missing("content")
        if not fields.has("content"):
            notes[CONTENT] = "absent"
        fields.take("content")
        return []
    if isinstance(content, str):
        fields.take("content")
        return [Text(text=content)]
    entries = fields.array("content") or []
    parts = [read_part(entry, f"{fields.at('content')}[{number}]") for number, entry in enumerate(entries)]
    if not parts or is_plain(parts):
        notes[CONTENT] = "parts"
    return parts


def is_plain(parts: Sequence[Part]) -> bool:
    """Whether the content is written as a string."""
    return len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extra


def _read_calls(fields: Fields) -> list[Part]:
    calls: list[Part] = []
    entries = fields.peek("tool_calls")
    if entries:
        entries = fields.array("tool_calls") or []
        calls += [_read_call(entry, f"{fields.at('tool_calls')}[{number}]") for number, entry in enumerate(entries)]
    if fields.peek("function_call") is not None:
        inner = fields.inner("function_call")
        extra: dict[str, Any] = {FUNCTION_CALL: True}
        name, arguments = inner.need_text("name"), inner.text("arguments") or ""
        if inner.rest():
            extra["function"] = inner.rest()
        calls.append(ToolCall(id="", name=name, arguments=arguments, extra=extra))
    return calls


def _read_call(value: object, path: str) -> ToolCall:
    fields = Fields(value, path)
    kind = fields.text("type")
    ident = fields.need_text("id")
    if kind == "custom":
        inner = fields.inner("custom")
        name, arguments = inner.need_text("name"), inner.need_text("input")
    elif kind in ("function", None):
        inner = fields.inner("function")
        name, arguments = inner.need_text("name"), inner.text("arguments") or ""
    else:
        raise fields.wrong("type", f"function or custom, not {kind!r}")
    return ToolCall(id=ident, name=name, arguments=arguments, extra=call_extra(kind, fields.rest(), inner.rest()))


def call_extra(kind: str | None, outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """The `extra` of a tool call: leftovers of the call, of its inner object, and a type that is not `function`."""
    extra = dict(outer)
    if kind not in ("function", None):
        extra["type"] = kind
    if inner:
        extra["function"] = inner
    return extra


def _tool_result(fields: Fields) -> Message:
    call_id = fields.need_text("tool_call_id")
    notes: dict[str, Any] = {}
    parts = _result_parts(_read_content(fields, notes, optional=False), fields)
    result = ToolResult(call_id=call_id, parts=parts, name=fields.text("name"), extra={**notes, **fields.rest()})
    return Message(role="tool", parts=(result,))


def _function_result(fields: Fields) -> Message:
    """The answer to an old-style function call; it has a name and no id."""
    notes: dict[str, Any] = {ROLE: "function"}
    name = fields.need_text("name")
    parts = _result_parts(_read_content(fields, notes, optional=True), fields)
    result = ToolResult(call_id="", parts=parts, name=name, extra={**notes, **fields.rest()})
    return Message(role="tool", parts=(result,))


def _result_parts(parts: list[Part], fields: Fields) -> tuple[Text | Image | Document | Unknown, ...]:
    kept = [part for part in parts if isinstance(part, (Text, Image, Document, Unknown))]
    if len(kept) != len(parts):
        raise fields.wrong("content", "text, images or files in a tool's answer")
    return tuple(kept)
