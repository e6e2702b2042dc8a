"""The two forms in which Gemini streams an answer: server-sent events (`alt=sse`), or one JSON array that grows.

Which of them it is, the first character tells.
"""

from __future__ import annotations

import re

from assay.dialects.sse import MAX_EVENT_BYTES, Parser, ServerEvent
from assay.errors import MalformedReply

__all__ = ["ElementParser", "GeminiParser"]

_OUTSIDE = re.compile(rb'["{}]')
_INSIDE = re.compile(rb'["\\]')


class ElementParser:
    """Cuts a JSON array of objects into the objects. Any chunk border; the cost is linear in the bytes."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._pieces: list[bytes] = []  # of the object that has not ended yet
        self._size = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The objects that `data` completes.

        Raises:
            MalformedReply: one object is larger than the bound.
        """
        events: list[ServerEvent] = []
        start, at = 0, 0
        while (place := self._next(data, at)) is not None:
            at = place + 1
            opens = data[place:at] == b"{"
            if self._in_string or data[place:at] == b'"':
                self._string(data[place:at])
            elif opens:
                start = place if self._depth == 0 else start
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if self._depth == 0:
                    events.append(ServerEvent(b"".join((*self._pieces, data[start:at]))))
                    self._pieces, self._size = [], 0
        if self._depth:
            self._keep(data[start:])
        return events

    def close(self) -> list[ServerEvent]:
        """An object that did not end is none."""
        return []

    def _next(self, data: bytes, at: int) -> int | None:
        """The next character that says something about the structure."""
        if self._escaped and at < len(data):
            self._escaped = False
            at += 1
        found = (_INSIDE if self._in_string else _OUTSIDE).search(data, at)
        return None if found is None else found.start()

    def _string(self, character: bytes) -> None:
        if character == b'"':
            self._in_string = not self._in_string
        else:
            self._escaped = True

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > self._limit:
            raise MalformedReply(f"one element of the answer is larger than {self._limit} bytes")


class GeminiParser:
    """Cuts a stream into chunks, whichever form it has."""

    def __init__(self) -> None:
        self._parser: Parser | ElementParser | None = None

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The chunks that `data` completes; raises `MalformedReply`."""
        if self._parser is None:
            data = data.lstrip()
            if not data:
                return []
            self._parser = ElementParser() if data[:1] in (b"[", b"{") else Parser()
        return self._parser.feed(data)

    def close(self) -> list[ServerEvent]:
        """The chunks that the end completes."""
        return self._parser.close() if self._parser is not None else []
