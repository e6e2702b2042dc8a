"""Where a stream of server-sent events may be cut: after whole events, without reading them."""

from __future__ import annotations

import re
from itertools import pairwise

from assay.dialects.sse import MAX_EVENT_BYTES
from assay.errors import MalformedReply

__all__ = ["BLANK_LINES", "Borders", "apart"]

BLANK_LINES = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST = 4
_BLANK_LINE = re.compile(b"|".join(BLANK_LINES))
_PLAIN_BLANK_LINE = BLANK_LINES[0]  # alone, it is found far faster


class Borders:
    """Gives the bytes of a stream up to the last border between two events; the cost is linear in the bytes."""

    def __init__(self) -> None:
        self._open: list[bytes] = []  # of the event that has not ended yet
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """The bytes that `data` completes to whole events; empty where it ends none.

        Raises:
            MalformedReply: one event is larger than the bound.
        """
        if not self._open and data.endswith(b"\n\n"):
            return data
        tail = b"".join(self._open[-_LONGEST:])[-_LONGEST:] if self._open else b""
        border = _last_border(tail + data) - len(tail)
        if border <= 0:
            self._keep(data)
            return b""
        whole = b"".join((*self._open, data[:border]))
        self._open, self._size = [], 0
        if data[border:]:
            self._keep(data[border:])
        return whole

    def rest(self) -> bytes:
        """What has not been completed."""
        return b"".join(self._open)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_EVENT_BYTES:
            raise MalformedReply(f"one event of the stream is larger than {MAX_EVENT_BYTES} bytes")
        self._open.append(data)


def apart(data: bytes) -> list[bytes]:
    """Whole events, each in bytes of its own; what follows the last one is the last piece.

    Empty lines behind the last one are no piece: they are part of it.
    """
    if b"\r" not in data:
        *whole, rest = data.split(_PLAIN_BLANK_LINE)
        if len(whole) == 1 and not rest:
            return [data]
        pieces = [*(one + _PLAIN_BLANK_LINE for one in whole), rest]
    else:
        ends = [found.end() for found in _BLANK_LINE.finditer(data)]
        pieces = [data[start:end] for start, end in pairwise((0, *ends, len(data)))]
    last = pieces.pop()
    if last.strip(b"\r\n"):
        pieces.append(last)
    elif last:
        pieces[-1:] = [b"".join((*pieces[-1:], last))]
    return pieces


def _last_border(data: bytes) -> int:
    """The place after the last blank line; 0 without one."""
    return max(at + len(blank) if (at := data.rfind(blank)) >= 0 else 0 for blank in BLANK_LINES)
