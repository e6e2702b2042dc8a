"""The messages of other tools as turns of a sample, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from assay.errors import SuiteError
from assay.evals.formats.shapes import list_of, table_of
from assay.evals.suites.samples import Call, SampleLine, Turn, read_document
from assay.types import JsonObject

__all__ = ["are_messages", "shown", "turns_of"]

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_TEXTS = ("text", "input_text", "output_text")


def are_messages(value: object) -> TypeGuard[list[JsonObject]]:
    """Whether it is a list of messages, each with a role."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) and "role" in one for one in value)


def turns_of(messages: Sequence[Any]) -> tuple[Turn, ...]:
    """The turns that these messages are.

    Raises:
        SuiteError: a role or a piece of content has no place here; the message names it.
    """
    return tuple(_turn(message) for message in messages)


def _turn(message: Any) -> Turn:
    role = _ROLES.get(str(message.get("role"))) if isinstance(message, Mapping) else None
    if role is None:
        raise SuiteError(
            f"a message needs a role, one of {', '.join(_ROLES)}; got {json.dumps(message, default=str)[:80]}"
        )
    calls = tuple(_call(call) for call in list_of(message.get("tool_calls"), "tool_calls"))
    answered = message.get("tool_call_id") if role == "tool" else None
    if role == "tool" and not isinstance(answered, str):
        raise SuiteError("a tool's message names no call that it answers")
    content = _text(message.get("content"))
    return msgspec.convert({"role": role, "content": content, "tool_calls": calls, "call_id": answered}, Turn)


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise SuiteError(f"a message's content is a text or a list of texts, not {type(content).__name__}")
    for piece in content:
        if not isinstance(piece, str) and not (isinstance(piece, Mapping) and piece.get("type") in _TEXTS):
            what = piece.get("type") if isinstance(piece, Mapping) else type(piece).__name__
            raise SuiteError(f"a message shows {what!r}; only texts are carried over")
    return "\n".join(piece if isinstance(piece, str) else str(piece.get("text", "")) for piece in content)


def _call(call: Any) -> Call:
    """OpenAI's form, with its arguments as JSON text, or a plain one."""
    said = table_of(call, "tool call")
    inner = said.get("function")
    plain = inner if isinstance(inner, Mapping) else {"name": inner, "arguments": said.get("arguments")}
    arguments = plain.get("arguments") or {}
    try:
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        return msgspec.convert({"id": said.get("id"), "name": plain.get("name"), "arguments": arguments}, Call)
    except (ValueError, TypeError) as error:
        raise SuiteError(f"a tool call cannot be read: {error}") from error


def shown(entry: SampleLine, folder: Path, where: str) -> str | list[JsonObject]:
    """What a sample shows, as one text, or as messages in OpenAI's form; documents stand before the user's words.

    Raises:
        SuiteError: it shows a file that is no text.
    """
    turns = entry.messages or (Turn(role="user", content=entry.input if entry.input is not None else ""),)
    messages = [_message(turn) for turn in turns]
    if entry.context_files:
        documents = "".join(str(read_document(folder / name, where)) for name in entry.context_files)
        first = next((one for one in messages if one["role"] == "user"), None)
        if first is None:
            raise SuiteError(f"sample {entry.id!r} has documents and no user's message")
        first["content"] = f"{documents}\n{first['content']}"
    return str(messages[0]["content"]) if entry.messages is None else messages


def _message(turn: Turn) -> JsonObject:
    if not isinstance(turn.content, str):
        raise SuiteError("it shows images, sounds or other files, which this format has no place for")
    message: JsonObject = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        message["tool_calls"] = [
            {"id": one.id, "type": "function", "function": {"name": one.name, "arguments": json.dumps(one.arguments)}}
            for one in turn.tool_calls
        ]
    return message | ({"tool_call_id": turn.call_id} if turn.call_id is not None else {})
