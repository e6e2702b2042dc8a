"""The pieces of tool calls in an answer: which call each belongs to, and as events."""

from __future__ import annotations

from typing import Any

import msgspec

from assay.dialects.chat_messages import FUNCTION_CALL, call_extra
from assay.dialects.upstream_json import text_or_none
from assay.types import ToolCallDelta

__all__ = ["OpenCalls"]

_CALL = {"id", "type", "index", "function"}
_FUNCTION = {"name", "arguments"}
_OLD_CALL = "function_call"  # the key of an old-style call among the numbered ones


class _Call:
    """One call: its running number and what its first piece said."""

    __slots__ = ("id", "name", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = ""
        self.name = ""


class OpenCalls:
    """The tool calls of one choice so far."""

    __slots__ = ("_by_key", "_used")

    def __init__(self) -> None:
        self._by_key: dict[object, _Call] = {}
        self._used: set[int] = set()

    def take(self, wire: dict[str, Any], position: int, choice: int) -> ToolCallDelta:
        """One entry of `tool_calls`, the one at `position` of its list: a piece, or a whole call."""
        kind = wire.get("type")
        custom = kind == "custom"
        inner = wire.get("custom" if custom else "function") or {}
        ident, name = text_or_none(wire.get("id")), text_or_none(inner.get("name"))
        index = wire.get("index")
        call = self._call(position if index is None else index, ident, name)
        extra: dict[str, Any] = {}
        if kind not in ("function", None) or not (wire.keys() <= _CALL and inner.keys() <= _FUNCTION):
            outer = {key: value for key, value in wire.items() if key not in _CALL and key != "custom"}
            inside = {key: value for key, value in inner.items() if key not in _FUNCTION and key != "input"}
            extra = call_extra(text_or_none(kind), outer, inside)
        first_id = None if call.id else ident
        if name is not None and call.name == name and ident in (None, call.id):
            name = None  # a host that repeats the name in every piece
        call.id = call.id or ident or ""
        call.name += name or ""
        arguments = _json_text(inner.get("input" if custom else "arguments"))
        return ToolCallDelta(index=call.number, id=first_id, name=name, arguments=arguments, choice=choice, extra=extra)

    def take_old(self, wire: dict[str, Any], choice: int) -> ToolCallDelta:
        """A piece of an old-style `function_call`, of which there is one."""
        is_new = _OLD_CALL not in self._by_key
        call = self._call(_OLD_CALL, None, None)
        return ToolCallDelta(
            index=call.number,
            name=text_or_none(wire.get("name")),
            arguments=_json_text(wire.get("arguments")),
            choice=choice,
            extra={FUNCTION_CALL: True} if is_new else {},
        )

    def _call(self, key: object, ident: str | None, name: str | None) -> _Call:
        """The call that a piece belongs to.

        A new id with a name under a used number is a new call: Gemini's OpenAI endpoint numbers all of them 0.
        """
        call = self._by_key.get(key)
        if call is not None and not (ident and name and call.id and ident != call.id):
            return call
        free = max(self._used, default=-1) + 1
        call = _Call(key if isinstance(key, int) and key not in self._used else free)
        self._used.add(call.number)
        self._by_key[key] = call
        return call


def _json_text(value: object) -> str:
    """Arguments as text; some hosts send an object."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
