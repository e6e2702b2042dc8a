"""Server-sent events over bytes: an incremental parser and a writer.

The parser takes any chunk border, also inside a UTF-8 sequence or a CRLF pair, because it looks for line ends in
bytes only. Line ends may be LF, CRLF or CR. Comment lines and fields that no dialect uses (`id`, `retry`) are
skipped. An event that a host forgot to end with a blank line is handed out by `close`.
"""

from __future__ import annotations

from typing import NamedTuple

from assay.errors import MalformedReply

__all__ = ["DONE", "MAX_EVENT_BYTES", "Parser", "ServerEvent", "write_event"]

MAX_EVENT_BYTES = 16 * 1024 * 1024
DONE = b"data: [DONE]\n\n"
_BOM = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event: its `data` lines joined by LF, and its name, `message` if the host gave none."""

    data: bytes
    name: str = "message"


class Parser:
    """Cuts a byte stream into events. The cost is linear in the bytes, whatever the chunks are."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._limit = max_event_bytes
        self._tail: list[bytes] = []  # pieces of the line that has not ended yet
        self._lines: list[bytes] = []  # data lines of the event that has not ended yet
        self._name = ""
        self._size = 0
        self._after_cr = False
        self._first_line = True

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that `data` completes.

        Raises:
            MalformedReply: one event is larger than the bound.
        """
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
        if not data:
            return []
        if self._is_one_event(data):
            self._first_line = self._after_cr = False
            return [ServerEvent(data[6:-2])]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            self._after_cr = False
        if b"\n" not in data:
            self._grow(len(data))
            self._tail.append(data)
            return []
        first, *lines = data.split(b"\n")
        if self._tail:
            self._tail.append(first)
            first = b"".join(self._tail)
        last = lines.pop()
        events: list[ServerEvent] = []
        for line in (first, *lines):
            self._line(line, events)
        self._tail = [last] if last else []
        self._grow(len(last))
        return events

    def close(self) -> list[ServerEvent]:
        """The stream has ended: an event without its blank line, if there is one."""
        events: list[ServerEvent] = []
        if self._tail:
            self._line(b"".join(self._tail), events)
            self._tail = []
        self._line(b"", events)
        return events

    def _is_one_event(self, data: bytes) -> bool:
        """Whether nothing is open and `data` is exactly one plain event, as hosts mostly send it."""
        return (
            data.startswith(b"data: ")
            and data.endswith(b"\n\n")
            and data.count(b"\n") == 2
            and not (self._tail or self._lines or self._name)
            and b"\r" not in data
            and len(data) <= self._limit
        )

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise MalformedReply(f"one event of the stream is larger than {self._limit} bytes")

    def _line(self, line: bytes, events: list[ServerEvent]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._lines:
                data = self._lines[0] if len(self._lines) == 1 else b"\n".join(self._lines)
                events.append(ServerEvent(data, self._name or "message"))
                self._lines = []
            self._name = ""
            self._size = 0
        elif line.startswith(b"data:"):
            value = line[6:] if line.startswith(b"data: ") else line[5:]
            self._lines.append(value)
            self._grow(len(value))
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")
        elif line == b"data":
            self._lines.append(b"")


def write_event(data: bytes, name: str | None = None) -> bytes:
    """One event as bytes; `data` that spans lines is written as several `data` lines."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    if b"\n" in data or b"\r" in data:
        lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
    return head + b"data: " + data + b"\n\n"
