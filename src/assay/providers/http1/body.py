"""Where the body of an answer ends: by its length, in chunks, or with the connection."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

import msgspec

from assay.errors import ConnectionFailed, MalformedReply
from assay.providers.http1.head import Head, check_trailer

MAX_LINE_BYTES = 1024
MAX_TRAILER_BYTES = 16 * 1024
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15}+)(?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?\r\n")
_SIZE_SO_FAR = re.compile(rb"[0-9A-Fa-f]{0,15}+(?:[ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?)?\r?")


class Framing(Protocol):
    """Takes what the connection gives and finds the body in it.

    Attributes:
        done: the body has ended.
        surplus: something came after its end.
    """

    done: bool
    surplus: bool

    def feed(self, data: bytes) -> bytes:
        """The body's bytes among these.

        Raises:
            MalformedReply: it does not keep to its framing.
        """
        ...

    def end(self) -> None:
        """The connection has ended in order.

        Raises:
            ConnectionFailed: the body had not.
        """
        ...


def framing_of(method: str, head: Head) -> Framing:
    """How the body of an answer is framed (RFC 9112, 6.3).

    Raises:
        MalformedReply: two readers could find its end at different places.
    """
    length, coding = head.headers.get("content-length"), head.headers.get("transfer-encoding")
    if coding is not None:
        if length is not None:
            raise MalformedReply("the answer says content-length and transfer-encoding; only one can be true")
        if coding.lower() != "chunked" or head.minor == 0:
            raise MalformedReply(
                f"the answer has transfer-encoding {coding[:40]!r}; only 'chunked' of HTTP/1.1 is read"
            )
    size = _length(length) if length is not None else None
    if method == "HEAD" or head.status in (204, 304):
        size = 0
    elif coding is not None:
        return Chunked()
    return Sized(size, done=size == 0) if size is not None else UntilClose()


@lru_cache(maxsize=1024)
def _length(value: str) -> int:
    said = {item.strip(" \t") for item in value.split(",")} if "," in value else {value}
    digits = said.pop()
    if said or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise MalformedReply(f"the answer's content-length is {value[:40]!r}; it must be one number")
    return int(digits)


def _broken_off(received_bytes: int) -> ConnectionFailed:
    return ConnectionFailed(
        f"the connection broke in the middle of the answer, after {received_bytes} bytes of its body"
    )


class Sized(msgspec.Struct):
    """A body of known length.

    Attributes:
        left: how much of it has yet to come.
    """

    left: int
    done: bool = False
    surplus: bool = False
    received: int = 0

    def feed(self, data: bytes) -> bytes:
        """See `Framing.feed`."""
        size = len(data)
        if size > self.left:
            self.surplus = True
            data, size = data[: self.left], self.left
        self.received += size
        self.left -= size
        self.done = self.left == 0
        return data

    def end(self) -> None:
        """See `Framing.end`."""
        if not self.done:
            raise _broken_off(self.received)


class UntilClose:
    """A body that ends with the connection. Whether something is missing, only its reader can tell."""

    __slots__ = ("done", "surplus")

    def __init__(self) -> None:
        self.done = False
        self.surplus = False

    def feed(self, data: bytes) -> bytes:
        """See `Framing.feed`."""
        return data

    def end(self) -> None:
        """See `Framing.end`."""
        self.done = True


class Chunked:
    """A body in chunks. `_left` counts a chunk's bytes and the line break after them."""

    __slots__ = ("_held", "_left", "_received", "_trailer_bytes", "done", "surplus")

    def __init__(self) -> None:
        self._held = b""  # the beginning of a line whose end has not come
        self._left = 0
        self._received = 0
        self._trailer_bytes = -1  # -1 = the last chunk has not come
        self.done = False
        self.surplus = False

    def feed(self, data: bytes) -> bytes:
        """See `Framing.feed`."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[bytes] = []
        at, size = 0, len(data)
        while at < size:
            if self._left:
                at = self._chunk(data, at, pieces)
            elif self._trailer_bytes >= 0:
                at = self._trailer(data, at)
            elif (found := _SIZE.match(data, at)) is None or (start := found.end()) - at > MAX_LINE_BYTES:
                at = self._hold_size(data, at)
            elif (chunk_bytes := int(found[1], 16)) == 0:
                self._trailer_bytes = 0
                at = start
            elif data[(end := start + chunk_bytes) : end + 2] == b"\r\n":  # it has come whole, as most have
                self._received += chunk_bytes
                at = end + 2
                if at == size and not pieces:  # and alone, likewise
                    return data[start:end]
                pieces.append(data[start:end])
            else:
                self._left = chunk_bytes + 2
                at = start
        return b"".join(pieces)  # of one piece, that piece itself

    def end(self) -> None:
        """See `Framing.end`."""
        if not self.done:
            raise _broken_off(self._received)

    def _hold_size(self, data: bytes, at: int) -> int:
        """Keep the beginning of a chunk's size; gives where to go on."""
        rest = data[at : at + MAX_LINE_BYTES + 1]
        if len(rest) > MAX_LINE_BYTES or not _SIZE_SO_FAR.fullmatch(rest):
            raise MalformedReply(f"the answer holds a chunk whose size is {rest[:40]!r}")
        self._held = rest
        return len(data)

    def _chunk(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        """Read what has come of a chunk and of the line break after it."""
        body_bytes = self._left - 2
        if body_bytes > 0:
            piece = data[at : at + body_bytes]
            pieces.append(piece)
            self._left -= len(piece)
            self._received += len(piece)
            return at + len(piece)
        wanted = b"\r\n"[2 - self._left :]
        found = data[at : at + self._left]
        if not wanted.startswith(found):
            raise MalformedReply("the answer holds a chunk that is longer than its size says")
        self._left -= len(found)
        return at + len(found)

    def _trailer(self, data: bytes, at: int) -> int:
        """Read one line after the last chunk; the empty one ends the body, and nothing may come after it."""
        if self.done:
            self.surplus = True
            return len(data)
        end = data.find(b"\n", at)
        line_bytes = (end + 1 if end >= 0 else len(data)) - at
        if self._trailer_bytes + line_bytes > MAX_TRAILER_BYTES:
            raise MalformedReply(f"the fields after the answer's body are larger than {MAX_TRAILER_BYTES} bytes")
        if end < 0:
            self._held = data[at:]
            return len(data)
        line = data[at : end + 1]
        self._trailer_bytes += line_bytes
        if line == b"\r\n":
            self.done = True
        else:
            check_trailer(line)
        return end + 1
