"""Reasoning and signatures of recent answers, kept for clients whose format has no place for them.

Anthropic wants its signed thinking back before a tool call of its own, Gemini its signature on the call itself; a
client of another format drops both, and the next turn fails or forgets. What an answer held is therefore remembered
under the ids of its tool calls and put back when a turn with these calls goes to an upstream of the same format. It is
never shown to anybody and never leaves the process in another way. What has been forgotten stays out: a reasoning
without its signature is worth less than none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from assay.dialects.opaque import call_signature, has_opaque
from assay.types import Message, Part, Reasoning, Request, Response, ToolCall

__all__ = ["Recall"]


class _Answer(NamedTuple):
    """The parts of an answer as its upstream gave them.

    Attributes:
        dialect: of the upstream.
        private: it came from a private deployment, and goes back to such a one only.
    """

    parts: tuple[Part, ...]
    dialect: str
    private: bool
    size_bytes: int


class Recall:
    """A bounded memory; the answers used longest ago are forgotten first.

    Args:
        limit_bytes: of all answers together, as JSON.
    """

    def __init__(self, limit_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit = limit_bytes
        self._size = 0
        self._answers: OrderedDict[str, _Answer] = OrderedDict()  # by the id of the answer's first tool call

    def remember(self, response: Response, dialect: str, *, private: bool) -> None:
        """Keep an answer that has tool calls and something that must come back with them.

        Args:
            response: the whole answer.
            dialect: of the upstream that gave it.
            private: whether the deployment is private.
        """
        calls = response.tool_calls
        if not calls or not calls[0].id or not has_opaque(response.parts):
            return
        size = len(msgspec.json.encode(response.parts))
        if size > self._limit:
            return
        self._forget(calls[0].id)
        self._answers[calls[0].id] = _Answer(response.parts, dialect, private, size)
        self._size += size
        while self._size > self._limit:
            self._forget(next(iter(self._answers)))

    def restore(self, request: Request, dialect: str, *, private: bool) -> Request:
        """The request with what its client could not keep.

        Args:
            request: as the client sent it.
            dialect: of the upstream that will get it.
            private: whether that deployment is private.
        """
        if not self._answers:
            return request
        messages = tuple(self._restored(message, dialect, private) for message in request.messages)
        if all(new is old for new, old in zip(messages, request.messages, strict=True)):
            return request
        return msgspec.structs.replace(request, messages=messages)

    def _restored(self, message: Message, dialect: str, private: bool) -> Message:
        if message.role != "assistant" or has_opaque(message.parts):
            return message
        first = next((part for part in message.parts if isinstance(part, ToolCall)), None)
        known = self._answers.get(first.id) if first is not None else None
        if known is None or known.dialect != dialect or (known.private and not private):
            return message
        assert first is not None  # noqa: S101 - there is an answer of this id
        self._answers.move_to_end(first.id)
        return msgspec.structs.replace(message, parts=_joined(message.parts, known.parts))

    def _forget(self, ident: str) -> None:
        gone = self._answers.pop(ident, None)
        if gone is not None:
            self._size -= gone.size_bytes


def _joined(said: tuple[Part, ...], known: tuple[Part, ...]) -> tuple[Part, ...]:
    """What the client sent back, with the reasoning where it stood and the signatures on the calls.

    A client that has joined or cut the texts gets the reasoning in front, where it belongs to the calls.
    """
    signatures = {part.id: part.extra for part in known if isinstance(part, ToolCall) and call_signature(part.extra)}
    rest = [_signed(part, signatures) for part in said if not isinstance(part, Reasoning)]
    others = [part for part in known if not isinstance(part, Reasoning)]
    if [type(part) for part in rest] != [type(part) for part in others]:
        return (*_leading(known), *rest)
    following = iter(rest)
    return tuple(part if isinstance(part, Reasoning) else next(following) for part in known)


def _leading(parts: Iterable[Part]) -> list[Part]:
    """The reasoning before anything else was said."""
    found: list[Part] = []
    for part in parts:
        if not isinstance(part, Reasoning):
            break
        found.append(part)
    return found


def _signed(part: Part, extras: dict[str, dict[str, object]]) -> Part:
    if not isinstance(part, ToolCall) or part.id not in extras:
        return part
    return msgspec.structs.replace(part, extra=extras[part.id] | part.extra)
