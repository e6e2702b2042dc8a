"""Results cut as they come: line by line, so that a job's results are never in memory as a whole, or in one piece."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from assay.errors import MalformedReply

__all__ = ["Lines", "Whole", "decoded"]

T = TypeVar("T")


class Lines:
    """JSON lines; empty ones are left out."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of a line that has not ended

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete."""
        *ended, rest = data.split(b"\n")
        if ended:
            ended[0] = b"".join((*self._rest, ended[0]))
            self._rest = []
        self._rest.append(rest)
        return [line for line in ended if line.strip()]

    def close(self) -> list[bytes]:
        """The last line, where no line break follows it."""
        last = b"".join(self._rest)
        self._rest = []
        return [last] if last.strip() else []


class Whole:
    """One document."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Nothing yet."""
        self._data += data
        return []

    def close(self) -> list[bytes]:
        """All of it."""
        return [bytes(self._data)]


def decoded(body: bytes, kind: type[T], what: str) -> T:
    """JSON of a host as a value.

    Args:
        body: what it answered.
        kind: a Struct; fields that it does not name are ignored.
        what: for the message.

    Raises:
        MalformedReply: it is something else.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=False)  # Google writes whole numbers as texts
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedReply(f"{what} cannot be read: {error}", body=body[:2000]) from error
