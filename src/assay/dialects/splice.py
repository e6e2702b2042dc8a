"""Exchange single members of a JSON object in its raw bytes, leaving every other byte as it was.

A pass-through must not re-serialise what a client sent: large bodies would be paid for twice and numbers, key
order and white space would change. The scanner below walks the members of one object only and knows strings,
escapes and nesting; it does not check the JSON (`read_request` has done that).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from assay.errors import RequestError

__all__ = ["Member", "members", "splice_model"]

_SPACE = b" \t\n\r"
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^\s,\]}\"]+", re.DOTALL)
_BLANK = re.compile(rb"[ \t\n\r]*")
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

    Every duplicate of `model` is exchanged, since readers differ in which one they take.
    """
    edits: list[tuple[int, int, bytes]] = []
    name = msgspec.json.encode(model)
    options: list[Member] = []
    found = list(members(body))
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
    found = _SCALAR.match(body, at)
    if not found:
        raise RequestError(f"the body is not JSON at byte {at}")
    return found.end()


def _value_end(body: bytes, at: int) -> int:
    if body[at : at + 1] not in (b"{", b"["):
        return _scalar(body, at)
    depth = 0
    for found in _TOKEN.finditer(body, at):
        kind = body[found.start()]
        if kind in b"{[":
            depth += 1
        elif kind in b"}]":
            depth -= 1
            if not depth:
                return found.end()
    raise RequestError("the body is cut off: a JSON value does not end")


def _text(quoted: bytes) -> str:
    try:
        return msgspec.json.decode(quoted, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
