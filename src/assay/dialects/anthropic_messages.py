"""The turns of Messages requests, read into messages.

A user's turn that holds tools' answers becomes several messages here, one of role `tool` for each run of answers.
Notes in `extra` (see `fields`): `assay:turn` says that a message began a turn (`new`), or stood in one with the message
before (`same`); a prompt that is put before or between has no such note. `assay:place` = `turn` says that a system
message stood among the turns and not in front of them, `assay:content` is as in `anthropic_blocks`.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, TypeGuard

import msgspec

from assay.dialects.anthropic_blocks import CONTENT, is_plain, read_block, read_content
from assay.dialects.fields import MARK, Fields
from assay.dialects.opaque import ANTHROPIC, made_by
from assay.errors import RequestError
from assay.types import Message, Part, Reasoning, Role, Text, ToolCall, ToolResult

__all__ = ["PLACE", "TURN", "read_messages"]

TURN = MARK + "turn"
PLACE = MARK + "place"
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}


def read_messages(fields: Fields) -> tuple[Message, ...]:
    """The messages of a request: `system`, then `messages`.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    system = _read_system(fields)
    entries = fields.array("messages")
    if entries is None:
        raise fields.missing("messages")
    if not entries:
        raise fields.wrong("messages", "a list of at least one message")
    turns = [message for number, entry in enumerate(entries) for message in _read_turn(entry, f"messages[{number}]")]
    return (*system, *turns)


def _read_system(fields: Fields) -> list[Message]:
    system = fields.peek("system")
    if system is None:
        return []
    if isinstance(system, str):
        fields.take("system")
        return [Message.of("system", system)]
    blocks = fields.array("system") or []
    parts = [read_block(block, f"system[{number}]") for number, block in enumerate(blocks)]
    for number, part in enumerate(parts):
        if not isinstance(part, Text):
            raise RequestError(f"system[{number}] must be a text block", field=f"system[{number}]")
    notes = {CONTENT: "parts"} if not parts or is_plain(parts) else {}
    return [Message(role="system", parts=tuple(parts), extra=notes)]


def _read_turn(value: object, path: str) -> list[Message]:
    fields = Fields(value, path)
    word = fields.need_text("role")
    role = _ROLES.get(word)
    if role is None:
        raise fields.wrong("role", f"one of {', '.join(_ROLES)}, not {word!r}")
    notes: dict[str, Any] = {PLACE: "turn"} if role == "system" else {TURN: "new"}
    parts = read_content(fields, notes)
    _check(role, parts, path)
    extra = {**notes, **fields.rest()}
    if role == "assistant":
        parts = _with_foreign_blobs(parts)
    if role != "user" or not any(isinstance(part, ToolResult) for part in parts):
        return [Message(role=role, parts=tuple(parts), extra=extra)]
    return _split(parts, extra)


def _check(role: Role, parts: list[Part], path: str) -> None:
    """Whether each block may stand in a turn of this role."""
    for number, part in enumerate(parts):
        wrong = isinstance(part, ToolResult) if role == "assistant" else isinstance(part, (ToolCall, Reasoning))
        if wrong or (role == "system" and not isinstance(part, Text)):
            place = f"{path}.content[{number}]"
            raise RequestError(f"{place}: this block cannot stand in a turn of the {role}", field=place)


def _split(parts: list[Part], extra: dict[str, Any]) -> list[Message]:
    """A message for each run of tools' answers, and for each run of what stands between them."""
    messages: list[Message] = []
    for is_result, run in groupby(parts, lambda part: isinstance(part, ToolResult)):
        notes = extra if not messages else {TURN: "same"}
        messages.append(Message(role="tool" if is_result else "user", parts=tuple(run), extra=notes))
    return messages


def _with_foreign_blobs(parts: list[Part]) -> list[Part]:
    """Blobs of other makers put where they belong.

    That is the thinking before them that has none, or the place of an earlier one with the same id, which its maker has
    encrypted anew.
    """
    joined: list[Part] = []
    for part in parts:
        place = _place_of_blob(part, joined) if _is_foreign_blob(part) else None
        thinking = joined[place] if place is not None else None
        if place is not None and isinstance(thinking, Reasoning) and isinstance(part, Reasoning):
            joined[place] = msgspec.structs.replace(thinking, opaque=part.opaque)
        else:
            joined.append(part)
    return joined


def _place_of_blob(blob: Reasoning, before: list[Part]) -> int | None:
    ident = blob.opaque[0].get("id")
    for place, part in enumerate(before):
        if isinstance(part, Reasoning) and ident is not None and any(one.get("id") == ident for one in part.opaque):
            return place
    last = before[-1] if before else None
    return len(before) - 1 if isinstance(last, Reasoning) and not last.opaque else None


def _is_foreign_blob(part: Part) -> TypeGuard[Reasoning]:
    return isinstance(part, Reasoning) and bool(part.opaque) and not any(made_by(one, ANTHROPIC) for one in part.opaque)
