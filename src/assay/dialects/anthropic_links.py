"""Ids of tool calls as Anthropic takes them, the same for a call and the answer to it."""

from __future__ import annotations

import hashlib
import re

from assay.types import ToolCall, ToolResult

__all__ = ["Links"]

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_LONGEST = 64


class Links:
    """The ids of one conversation: legal ones stay, others are hashed, and no two calls have the same.

    Made from the ids and their order alone, so that the same conversation gives the same bytes on each turn, as prompt
    caches want it. An old-style call has a name and no id: its name links it to its answer.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._used: set[str] = set()

    def call(self, call: ToolCall) -> str:
        """The id for a call."""
        key = _key(call.id, call.name)
        ident = whole = _legal(key)
        number = 1
        while ident in self._used:
            number += 1
            ident = f"{whole[: _LONGEST - 1 - len(str(number))]}_{number}"
        self._used.add(ident)
        self._known[key] = ident
        return ident

    def result(self, result: ToolResult) -> str:
        """The id of the call that is answered: of the last one, where several had the same."""
        key = _key(result.call_id, result.name or "")
        return self._known.get(key) or _legal(key)


def _key(ident: str, name: str) -> str:
    return ident or f"call of {name}"


def _legal(ident: str) -> str:
    if _LEGAL.fullmatch(ident):
        return ident
    return "call_" + hashlib.sha256(ident.encode()).hexdigest()[:24]
