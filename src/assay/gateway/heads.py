"""Heads of requests that are known: a client sends the same one again and again, but for the length of its body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from assay.gateway.resource import Resource

__all__ = ["Field", "Head", "Heads", "Shape"]

Field = tuple[bytes, bytes]
Shape = tuple[bytes, bytes]
"""The bytes of a head before and behind the digits of its `content-length`."""

_BEFORE_DIGITS = b"ength: "
_LAST_NAME = b"\r\ncontent-length: "
_MOST_DIGITS = 15
_LONGEST_BYTES = 4096
"""Of heads that are kept: what clients' libraries send is a quarter of that."""
_MOST = 1000
"""Heads that are kept before all are forgotten: 20 MB, were each as long as may be and of a hundred fields."""
_NOT_KNOWN = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
"""With one of these, more than its length says where a request ends, or what happens before its body."""


class Head(msgspec.Struct, eq=False):
    """What a head says, but for the length of the body. Many requests may share one: what it says does not change.

    Attributes:
        method: in upper case.
        resource: that is asked for.
        headers: by name in lower case, without `content-length`; of several with one name, the last.
        speaks: it has fields of ours; None = nobody has looked.
        carried: fields that go upstream; None as well.
    """

    method: str
    resource: Resource
    headers: Mapping[bytes, bytes]
    speaks: bool | None = None
    carried: Mapping[str, str] | None = None


class Heads:
    """The heads that are known, by their bytes.

    A head is known only if the parser has read it, and if what the parser says of it, written down in the plainest way,
    is what came, byte for byte but for the case of names. Which length it tells changes nothing of how it is read.
    """

    def __init__(self) -> None:
        self._known: dict[Shape, Head] = {}
        self._met: set[int] = set()  # hashes of shapes

    def __len__(self) -> int:
        return len(self._known)

    def look(self, data: bytes) -> tuple[Head | None, Shape, bytes, int]:
        """The head that a request begins with.

        Args:
            data: its first bytes.

        Returns:
            The head, if it is known; its shape; the digits of its length; where its body begins. All but the first
            mean something only for a head that can be known.
        """
        at = data.find(_BEFORE_DIGITS, 0, _LONGEST_BYTES) + len(_BEFORE_DIGITS)
        stop = data.find(b"\r\n", at, at + _MOST_DIGITS + 2)
        end = data.find(b"\r\n\r\n", stop, _LONGEST_BYTES) + 4
        shape, length = (data[:at], data[stop:end]), data[at:stop]
        return (self._known.get(shape) if length.isdigit() else None), shape, length, end

    def worth_knowing(self, shape: Shape, length: bytes, head: Head, target: bytes, fields: Sequence[Field]) -> bool:
        """Whether a head can be known, and has come before: many clients send another one each time.

        Args:
            shape: from `look`, as `length` is.
            length: see there.
            head: what the parser has read in it; the connection stays open behind its request.
            target: the same, as it came.
            fields: all of them, with names in lower case.
        """
        mark = hash(shape)
        if mark not in self._met:
            if len(self._met) >= _MOST:
                self._met.clear()
            self._met.add(mark)
            return False
        lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        written = b"%b %b HTTP/1.1\r\n%b\r\n" % (head.method.encode(), target, lines)
        before, behind = shape
        return (
            (before + length + behind).lower() == written.lower()
            and before.lower().endswith(_LAST_NAME)
            and length.isdigit()
            and _NOT_KNOWN.isdisjoint([name for name, _ in fields])
        )

    def know(self, shape: Shape, head: Head) -> None:
        """Know a head from now on, which is worth it, and whose request was answered well: it may hold a secret."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[shape] = head
