"""Chat messages: both directions.

Notes in `extra` (see `fields`): `assay:content` = `parts` (a list where a string would do) or `absent` (no
`content` where a null would be written), `assay:role` = `function` (the old role of a tool's answer),
`assay:reasoning` = `reasoning` (the name of the reasoning field), `assay:function_call` (an old-style call).
"""

from __future__ import annotations

from typing import Any

from assay.dialects.chat_parts import FORM, read_part, write_part
from assay.dialects.fields import MARK, Fields, merge
from assay.errors import RequestError
from assay.types import Document, Image, Message, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult, Unknown

__all__ = ["CONTENT", "FUNCTION_CALL", "REASONING", "call_extra", "call_wire", "read_message", "write_messages"]

CONTENT = MARK + "content"
REASONING = MARK + "reasoning"
FUNCTION_CALL = MARK + "function_call"
_ROLE = MARK + "role"
_ROLES: dict[str, Role] = {role: role for role in ("system", "developer", "user", "assistant", "tool")}


# -------------------------------------------------------------------------------------------- reading


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
    reasoning = _read_reasoning(fields, notes) if role == "assistant" else []
    content = _read_content(fields, notes, optional=role == "assistant")
    parts: list[Part] = [*reasoning, *content]
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
    if not parts or _is_plain(parts):
        notes[CONTENT] = "parts"
    return parts


def _is_plain(parts: list[Part]) -> bool:
    """Whether the content would be written as a string."""
    return len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].extra


def _read_reasoning(fields: Fields, notes: dict[str, Any]) -> list[Part]:
    """The reasoning that a client sends back; an odd form of it stays in the rest, verbatim."""
    text = ""
    for key in ("reasoning_content", "reasoning"):
        value = fields.peek(key)
        if isinstance(value, str) and value:
            text = value
            fields.take(key)
            if key == "reasoning":
                notes[REASONING] = key
            break
    opaque: tuple[dict[str, Any], ...] = ()
    details = fields.peek("reasoning_details")
    if isinstance(details, list) and details and all(isinstance(entry, dict) for entry in details):
        opaque = tuple(details)
        fields.take("reasoning_details")
    return [Reasoning(text=text, opaque=opaque)] if text or opaque else []


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
    notes: dict[str, Any] = {_ROLE: "function"}
    name = fields.need_text("name")
    parts = _result_parts(_read_content(fields, notes, optional=True), fields)
    result = ToolResult(call_id="", parts=parts, name=name, extra={**notes, **fields.rest()})
    return Message(role="tool", parts=(result,))


def _result_parts(parts: list[Part], fields: Fields) -> tuple[Text | Image | Document | Unknown, ...]:
    kept = [part for part in parts if isinstance(part, (Text, Image, Document, Unknown))]
    if len(kept) != len(parts):
        raise fields.wrong("content", "text, images or files in a tool's answer")
    return tuple(kept)


# -------------------------------------------------------------------------------------------- writing


def write_messages(messages: tuple[Message, ...], *, developer_role: bool) -> list[dict[str, Any]]:
    """The `messages` of a request; a tool message with several results becomes several messages.

    Raises:
        RequestError: naming the message with a part that this format cannot express.
    """
    wire: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        path = f"messages[{number}]"
        if message.role == "tool":
            wire += [_result_wire(part, message, path) for part in message.parts]
        elif message.role == "assistant":
            wire.append(_assistant_wire(message, path))
        else:
            role = "system" if message.role == "developer" and not developer_role else message.role
            wire.append(_plain_wire(message, role, path))
    return wire


def _plain_wire(message: Message, role: str, path: str) -> dict[str, Any]:
    for part in message.parts:
        if isinstance(part, (Reasoning, ToolCall, ToolResult)):
            raise RequestError(
                f"{path}: a message of role {message.role} cannot hold a {type(part).__name__}", field=path
            )
        if isinstance(part, Text) and part.annotations:
            raise RequestError(f"{path}: a message of role {message.role} cannot hold annotations", field=path)
    wire: dict[str, Any] = {"role": role, "content": _content_wire(message.parts, message.extra, path)}
    if wire["content"] is None:
        wire["content"] = ""
    return _named(wire, message)


def _named(wire: dict[str, Any], message: Message) -> dict[str, Any]:
    if message.name is not None:
        wire["name"] = message.name
    return merge(wire, message.extra)


def _content_wire(parts: tuple[Part, ...], extra: dict[str, Any], path: str) -> Any:
    """A string for a single plain text, null for nothing, else the list of parts."""
    if extra.get(CONTENT) == "parts" or (parts and not _is_plain(list(parts))):
        return [write_part(part, f"{path}.content[{number}]") for number, part in enumerate(parts)]
    return parts[0].text if parts and isinstance(parts[0], Text) else None


def _assistant_wire(message: Message, path: str) -> dict[str, Any]:
    content: list[Part] = []
    reasoning: list[Reasoning] = []
    fields: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case ToolCall() if part.extra.get(FUNCTION_CALL):
                fields["function_call"] = call_wire(part)["function"]
            case ToolCall():
                calls.append(call_wire(part))
            case Refusal() if part.extra.get(FORM) != "part":
                fields["refusal"] = fields.get("refusal", "") + part.text
            case Reasoning() if part.extra.get(FORM) != "thinking":
                reasoning.append(part)
            case ToolResult():
                raise RequestError(f"{path}: a tool's answer cannot stand in an assistant message", field=path)
            case _:
                content.append(part)
    if reasoning:
        fields |= _reasoning_wire(reasoning, message.extra)
    if calls:
        fields["tool_calls"] = calls
    notes = [note for part in content if isinstance(part, Text) for note in part.annotations]
    if notes:
        fields["annotations"] = notes
    wire: dict[str, Any] = {"role": "assistant", "content": _content_wire(tuple(content), message.extra, path)}
    if message.extra.get(CONTENT) == "absent" and wire["content"] is None:
        del wire["content"]
    return _named({**wire, **fields}, message)


def _reasoning_wire(parts: list[Reasoning], extra: dict[str, Any]) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    text = "".join(part.text for part in parts)
    if text:
        wire["reasoning" if extra.get(REASONING) == "reasoning" else "reasoning_content"] = text
    opaque = [entry for part in parts for entry in part.opaque]
    if opaque:
        wire["reasoning_details"] = opaque
    return wire


def call_wire(call: ToolCall) -> dict[str, Any]:
    """A tool call as chat messages carry it."""
    if call.extra.get("type") == "custom":
        inner: dict[str, Any] = {"name": call.name, "input": call.arguments}
        key = "custom"
    else:
        inner = {"name": call.name, "arguments": call.arguments}
        key = "function"
    more = call.extra.get("function")
    if isinstance(more, dict):
        merge(inner, more)
    outer = {name: value for name, value in call.extra.items() if name not in ("type", "function")}
    return merge({"id": call.id, "type": call.extra.get("type", "function"), key: inner}, outer)


def _result_wire(part: Part, message: Message, path: str) -> dict[str, Any]:
    if not isinstance(part, ToolResult):
        raise RequestError(f"{path}: a message of role tool holds only tools' answers", field=path)
    if part.is_error:
        raise RequestError(f"{path}: this format cannot mark a tool's answer as an error", field=f"{path}.is_error")
    content = _content_wire(part.parts, part.extra, path)
    old = part.extra.get(_ROLE) == "function"
    wire: dict[str, Any] = {"role": "function" if old else "tool", "content": content}
    if content is None:
        wire["content"] = None if old else ""
    if not old:
        wire["tool_call_id"] = part.call_id
    name = part.name if part.name is not None else message.name
    if name is not None:
        wire["name"] = name
    return merge(merge(wire, part.extra), message.extra)
