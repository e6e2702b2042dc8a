"""Events of a stream that differ in their words alone: what was found out by reading one is true of the others.

The outline of an event is all of it but its words: what stands before, between and behind them. It is taken of an event
that has been read as JSON. Where a string holds other plain characters than before, the event is still JSON, and has
the same members with the same values but for that string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from assay.dialects.sse import MAX_EVENT_BYTES

__all__ = ["Fits", "Outlines", "nothing_fits"]

Fits = Callable[[bytes], bool]
"""Whether an event is like one that was read, but for its words."""

_PLAIN = rb"""(?:
    [\x20\x21\x23-\x5b\x5d-\x7f]++ | \\["\\/bfnrt] | \\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}
    | [\xc2-\xdf][\x80-\xbf] | \xe0[\xa0-\xbf][\x80-\xbf] | \xed[\x80-\x9f][\x80-\xbf]
    | [\xe1-\xec\xee\xef][\x80-\xbf]{2} | \xf0[\x90-\xbf][\x80-\xbf]{2} | [\xf1-\xf3][\x80-\xbf]{3}
    | \xf4[\x80-\x8f][\x80-\xbf]{2}
)*+"""  # UTF-8 as RFC 3629 has it; halves of a pair of escapes are not plain
_WORDS = re.compile(_PLAIN, re.VERBOSE)


def nothing_fits(_event: bytes) -> bool:
    """Where no event has been read yet."""
    return False


class Outlines:
    """Takes outlines of the events of a format.

    Args:
        members: whose values are words. They may be any others, in whatever object such a member is found.
    """

    def __init__(self, members: Iterable[str]) -> None:
        names = b"|".join(re.escape(name).encode() for name in sorted(members))
        self._said = re.compile(rb'("(?:%b)":[ ]?")%b' % (names, _PLAIN), re.VERBOSE)

    def of(self, event: bytes) -> Fits:
        """What tells which events have the outline of this one, whose data is JSON."""
        *told, last = self._said.split(event)
        before = [text + key for text, key in zip(told[::2], told[1::2], strict=True)]
        return _Outline(*before, last).fits


class _Outline:
    __slots__ = ("_first", "_first_bytes", "_rest")

    def __init__(self, first: bytes, *rest: bytes) -> None:
        self._first, self._first_bytes = first, len(first)
        self._rest = [(part, len(part)) for part in rest]

    def fits(self, event: bytes) -> bool:
        """See `Fits`."""
        if not event.startswith(self._first):
            return False
        at = self._first_bytes
        for part, part_bytes in self._rest:
            words = _WORDS.match(event, at)
            if words is None or not event.startswith(part, at := words.end()):
                return False
            at += part_bytes
        return at == len(event) <= MAX_EVENT_BYTES
