"""Exchange single members of a JSON object in its raw bytes, leaving every other byte as it was.

The top level is walked with the help of msgspec, which finds the length of each value at C speed; only bodies with
duplicate keys, and the small `stream_options`, go through the scanner in Python. What surrounds the long value of a
body is mostly what surrounded the last one's, and is then not walked again.

A pass-through must not re-serialise what a client sent: large bodies would be paid for twice and numbers, key
order and white space would change. The scanner walks the members of one object only and knows strings, escapes and
nesting; it does not check the JSON (`read_request` has done that).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from assay.errors import RequestError

__all__ = ["Member", "members", "put_member", "splice_model"]

_SPACE = b" \t\n\r"
_STRUCTURE = re.compile(rb'["{}\[\]]')
_SCALAR = re.compile(rb'[^\s,\]}"]+')
_BLANK = re.compile(rb"[ \t\n\r]*")
_KEY = re.compile(rb'[ \t\n\r]*+"([^"\\]*+)"[ \t\n\r]*+:[ \t\n\r]*+')
_PLAIN_VALUE = re.compile(rb'(?:"[^"\\]*+"|[^\s,\]}"\[{]++)(?=[ \t\n\r]*+[,}])')
_PLAIN = rb'[ \t\n\r]*+"([^"\\]*+)"[ \t\n\r]*+:[ \t\n\r]*+("[^"\\]*+"|[^\s,\]}"\[{]++)[ \t\n\r]*+'
_PLAIN_MEMBER = re.compile(_PLAIN + rb"[,}]")
_PLAIN_OBJECT = re.compile(rb"[ \t\n\r]*+\{(?:%b,)*+%b\}[ \t\n\r]*+" % (_PLAIN, _PLAIN))
_SEPARATOR = re.compile(rb"[ \t\n\r]*+[,}]")
_RAW_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_QUOTE, _BACKSLASH = b'"'[0], b"\\"[0]
_MAY_REPEAT = frozenset({"model", "stream", "stream_options"})  # exchanged each, or seen in the form of the answer
_TALKS = tuple(
    (key, re.compile(rb'"%b"[ \t\n\r]*+:[ \t\n\r]*+' % key.encode())) for key in ("messages", "input", "prompt")
)
_MOST_AROUND_BYTES = 1024  # for it is remembered
_ASK_USAGE = b'"include_usage":true'


class Member(NamedTuple):
    """One member of an object: its key and where its value starts and ends in the bytes."""

    key: str
    start: int
    end: int


def members(body: bytes, start: int = 0) -> Iterator[Member]:
    """The members of the object that starts at or after `start`, in order, duplicates included.

    Raises:
        RequestError: there is no object, or it is cut off.
    """
    at = _opening(body, start) + 1
    while True:
        at = _blank(body, at)
        if body[at : at + 1] in (b"}", b""):
            if at >= len(body):
                raise RequestError("the body is cut off: a JSON object does not end")
            return
        if body[at : at + 1] == b",":
            at += 1
            continue
        key = _scalar(body, at)
        colon = _blank(body, key)
        if body[colon : colon + 1] != b":" or body[at : at + 1] != b'"':
            raise RequestError(f"the body is not JSON: a key and a colon are missing at byte {at}")
        value = _blank(body, colon + 1)
        end = _value_end(body, value)
        yield Member(_text(body[at:key]), value, end)
        at = end


def splice_model(body: bytes, model: str, *, usage: bool = True) -> bytes:
    """`body` with the top-level `model` exchanged, and usage asked for if it is a stream and `usage` is true.

    Every duplicate of `model` is exchanged, since readers differ in which one they take. For the same reason other
    fields may be there only once: a host could take another limit than the one that was checked.

    Raises:
        RequestError: no JSON object, or it has a field twice.
    """
    try:
        values = _RAW_MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"the body is not a JSON object: {error}") from error
    for key, opening in _TALKS:
        if key in values:  # the long value of a body: that which is another one in each request
            talk = bytes(values[key])
            opened, size = opening.search(body), len(talk)
            if opened is None or len(body) - size > _MOST_AROUND_BYTES:
                break
            start = opened.end()
            if body.startswith(talk, start):
                around = _around(body[:start], body[start + size :], len(values), model, usage)
                if around is not None:
                    return talk.join(around)
            break
    return _apply(body, _edits(body, _top_members(body, values), model, usage))


@lru_cache(maxsize=256)
def _around(before: bytes, after: bytes, keys: int, model: str, usage: bool) -> tuple[bytes, bytes] | None:
    """What stands before and after a body's long value, spliced; None = that is not all plain, or a key is there twice.

    The same client says the same there again and again. A body of plain values with something else inside one of them
    is no plain one, so the long value was a member of the body itself.
    """
    outline = b"%b0%b" % (before, after)
    if not _PLAIN_OBJECT.fullmatch(outline):
        return None
    found = list(members(outline))
    if len(found) != keys:
        return None
    edits, at = _edits(outline, found, model, usage), len(before)
    return (
        _apply(before, [edit for edit in edits if edit[0] < at]),
        _apply(after, [(start - at - 1, end - at - 1, text) for start, end, text in edits if start > at]),
    )


def _edits(body: bytes, found: Sequence[Member], model: str, usage: bool) -> list[tuple[int, int, bytes]]:
    """What is exchanged in a body with these members."""
    edits: list[tuple[int, int, bytes]] = []
    name = msgspec.json.encode(model)
    options: list[Member] = []
    streams = has_model = False
    for member in found:
        if member.key == "model":
            has_model = True
            edits.append((member.start, member.end, name))
        elif member.key == "stream":
            streams = body[member.start : member.end] == b"true"
        elif member.key == "stream_options":
            options.append(member)
    new = [] if has_model else [b'"model":' + name]
    if streams and usage:
        if not options:
            new.append(b'"stream_options":{' + _ASK_USAGE + b"}")
        edits += [edit for member in options for edit in _ask_usage(body, member)]
    first = _opening(body, 0) + 1
    edits.append((first, first, b",".join(new) + (b"," if new and found else b"")))
    return edits


def put_member(body: bytes, key: str, value: bytes) -> bytes:
    """`body` with one top-level member set: where it is there (as null, say) it is exchanged, else it is put in front.

    Raises:
        RequestError: no JSON object.
    """
    edits = [(member.start, member.end, value) for member in members(body) if member.key == key]
    if not edits:
        first = _opening(body, 0) + 1
        more = body[_blank(body, first) : _blank(body, first) + 1] != b"}"
        edits = [(first, first, msgspec.json.encode(key) + b":" + value + (b"," if more else b""))]
    return _apply(body, edits)


def _ask_usage(body: bytes, member: Member) -> list[tuple[int, int, bytes]]:
    """The edits that make one `stream_options` value ask for usage."""
    if body[member.start : member.start + 1] != b"{":
        return [(member.start, member.end, b"{" + _ASK_USAGE + b"}")]
    inside = list(members(body, member.start))
    asked = [(m.start, m.end, b"true") for m in inside if m.key == "include_usage"]
    if asked:
        return asked
    return [(member.start + 1, member.start + 1, _ASK_USAGE + (b"," if inside else b""))]


def _apply(body: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    pieces, at = [], 0
    for start, end, text in sorted(edits):
        pieces += [body[at:start], text]
        at = end
    return b"".join((*pieces, body[at:]))


def _opening(body: bytes, start: int) -> int:
    at = _blank(body, start)
    if body[at : at + 1] != b"{":
        raise RequestError("the body must be a JSON object")
    return at


def _blank(body: bytes, at: int) -> int:
    if at < len(body) and body[at] not in _SPACE:
        return at
    found = _BLANK.match(body, at)
    return found.end() if found else at


def _scalar(body: bytes, at: int) -> int:
    """The end of a string, a number or a word."""
    if body[at : at + 1] == b'"':
        return _string_end(body, at)
    found = _SCALAR.match(body, at)
    if not found:
        raise RequestError(f"the body is not JSON at byte {at}")
    return found.end()


def _string_end(body: bytes, at: int) -> int:
    """The end of the string whose first quote is at `at`: a quote behind an even number of backslashes."""
    end = body.find(b'"', at + 1)
    while end > 0:
        start = end
        while body[start - 1] == _BACKSLASH:
            start -= 1
        if (end - start) % 2 == 0:
            return end + 1
        end = body.find(b'"', end + 1)
    raise RequestError("the body is cut off: a JSON string does not end")


def _value_end(body: bytes, at: int) -> int:
    if body[at : at + 1] not in (b"{", b"["):
        return _scalar(body, at)
    depth = 0
    found = _STRUCTURE.search(body, at)
    while found:
        place = found.start()
        if body[place] == _QUOTE:
            place = _string_end(body, place) - 1
        else:
            depth += 1 if body[place] in b"{[" else -1
            if not depth:
                return place + 1
        found = _STRUCTURE.search(body, place + 1)
    raise RequestError("the body is cut off: a JSON value does not end")


def _top_members(body: bytes, values: Mapping[str, msgspec.Raw]) -> list[Member]:
    """The members of the whole body; the fast way where no key is there twice."""
    found: list[Member] = []
    at = _opening(body, 0) + 1
    for _ in values:
        plain = _PLAIN_MEMBER.match(body, at)
        if plain is not None:
            found.append(Member(plain[1].decode(), *plain.span(2)))
            at = plain.end()
            continue
        member = _next_member(body, at, values)
        after = _SEPARATOR.match(body, member.end) if member is not None else None
        if member is None or after is None:
            return _with_duplicates(body)
        found.append(member)
        at = after.end()
    last = at - 1 if found else _blank(body, at)
    if body[last] != b"}"[0] or len({member.key for member in found}) < len(found):
        return _with_duplicates(body)
    return found


def _next_member(body: bytes, at: int, values: Mapping[str, msgspec.Raw]) -> Member | None:
    """The member that begins at `at`; None = its value is not the one that its key has: the key is there twice.

    Numbers, words and strings without escapes are seen where they stand; the length of other values is known.
    """
    opened = _KEY.match(body, at)
    if opened is not None:
        key, start = opened[1].decode(), opened.end()
    else:
        at = _blank(body, at)
        key_end = _string_end(body, at)
        key, start = _text(body[at:key_end]), _blank(body, _blank(body, key_end) + 1)
    plain = _PLAIN_VALUE.match(body, start)
    if plain is not None:
        return Member(key, start, plain.end())
    value = bytes(values[key]) if key in values else b""
    return Member(key, start, start + len(value)) if value and body.startswith(value, start) else None


def _with_duplicates(body: bytes) -> list[Member]:
    """The members of a body that has some key twice; only a few keys may be."""
    found = list(members(body))
    seen: set[str] = set()
    for key, *_ in found:
        if key in seen and key not in _MAY_REPEAT:
            raise RequestError(
                f"{key:.100}: the field is there twice and hosts differ in which one they take", field=key[:100]
            )
        seen.add(key)
    return found


def _text(quoted: bytes) -> str:
    try:
        return msgspec.json.decode(quoted, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
