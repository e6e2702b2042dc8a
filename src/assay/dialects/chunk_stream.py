"""What the answers of chat and of plain completions share: a whole body or a stream of chunks, and its end.

A reader turns each chunk into events; here is when an answer is complete, cut or unreadable.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from assay.dialects.sse import Parser, ServerEvent
from assay.errors import MalformedReply
from assay.types import Event

__all__ = ["UNREADABLE", "ChunkReader", "EventParser", "StreamDecoder", "decoded", "read_answer", "unreadable"]

UNREADABLE = (TypeError, AttributeError, ValueError, LookupError)
"""What a reader raises where the JSON has another shape than the format says."""


class ChunkReader(Protocol):
    """Turns the chunks of one answer into events."""

    failed: bool

    @property
    def finished(self) -> bool:
        """Whether every choice that was seen is complete, and there is one."""
        ...

    def chunk(self, body: dict[str, Any]) -> list[Event]:
        """The events of one chunk."""
        ...

    def close(self) -> list[Event]:
        """The events that only the end of the answer completes."""
        ...


class EventParser(Protocol):
    """Cuts the bytes of a stream into events, whose `data` is one chunk each."""

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that `data` completes; raises `MalformedReply`."""
        ...

    def close(self) -> list[ServerEvent]:
        """The events that the end completes."""
        ...


def read_answer(body: bytes, reader: ChunkReader) -> list[Event]:
    """The events of a whole answer, as `reader` reads it.

    Raises:
        MalformedReply: not JSON, or no choices.
    """
    answer = _decoded(body)
    choices = answer.get("choices")
    if not answer.get("error") and not (isinstance(choices, list) and choices):
        raise MalformedReply("the answer has no choices", body=body[:2000])
    try:
        return reader.chunk(answer) + reader.close()
    except UNREADABLE as error:
        raise unreadable(body) from error


def unreadable(body: bytes | None = None) -> MalformedReply:
    """What one of `UNREADABLE` is told as. Raise it from that one, which has the detail in Python's words."""
    return MalformedReply("the answer has an unexpected form", body=body and body[:2000])


def decoded(data: bytes) -> Any:
    """The JSON value that a provider sent.

    Raises:
        MalformedReply: it is none.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedReply(f"the answer is not JSON: {error}", body=data[:2000]) from error


def _decoded(data: bytes) -> dict[str, Any]:
    value = decoded(data)
    if not isinstance(value, dict):
        raise MalformedReply("the answer is not a JSON object", body=data[:2000])
    return value


class StreamDecoder:
    """The bytes of a streamed answer to events. `reader` turns each chunk into events.

    `parser` cuts the bytes into chunks; None = server-sent events.

    An unreadable event ends the stream; the events before it are still handed out, so that the result does not
    hang on where the chunks are cut.
    """

    def __init__(self, reader: ChunkReader, parser: EventParser | None = None) -> None:
        self._parser = parser or Parser()
        self._reader = reader
        self._done = False
        self._broken: MalformedReply | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes.

        Raises:
            MalformedReply: the stream cannot be read from here on.
        """
        out: list[Event] = []
        if self._broken is None:
            try:
                self._take(self._parser.feed(data), out)
            except MalformedReply as error:
                self._broken = error
        if self._broken is not None and not out:
            raise self._broken
        return out

    def close(self) -> list[Event]:
        """The events that only the end completes.

        Raises:
            MalformedReply: the stream was cut.
        """
        if self._broken is not None:
            raise self._broken
        out: list[Event] = []
        self._take(self._parser.close(), out)
        if not (self._done or self._reader.finished or self._reader.failed):
            raise MalformedReply("the stream ended before its end marker")
        try:
            return out + self._reader.close()
        except UNREADABLE as error:
            raise unreadable() from error

    def _take(self, events: list[ServerEvent], out: list[Event]) -> None:
        for event in events:
            if self._done:
                return
            data = event.data.strip()
            if data == b"[DONE]":
                self._done = True
            elif data:
                chunk = _decoded(data)
                try:
                    out += self._reader.chunk(chunk)
                except UNREADABLE as error:
                    raise unreadable(data) from error
