"""The head of a request and of an answer. What two readers might understand differently is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from assay.errors import MalformedReply
from assay.providers.address import Address

MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 256
END = b"\r\n\r\n"
_START = b"HTTP/1."
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*+"
# Possessive: a head that does not match is given up in one pass, however it was made.
_HEAD = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: %b)?\r\n((?:%b:%b\r\n)*+)\r\n" % (_TEXT, _TOKEN, _TEXT))
_FIELD = re.compile(rb"(%b):(%b)\r\n" % (_TOKEN, _TEXT))
_PARTS = re.compile(r"([^:]++):[\t ]*+([^\r]*+)\r\n")  # of fields that `_HEAD` found to be some
_KEEP = re.compile(r"(?:^|[,;\s])timeout\s*=\s*([0-9]{1,6})", re.IGNORECASE)


class Head(msgspec.Struct, frozen=True):
    """The head of an answer.

    Attributes:
        minor: 0 or 1, of HTTP/1.x.
        status: 100 to 999.
        headers: by lower-case name; values of one name are joined by commas.
        keep_s: how long the host keeps the connection for another request; 0 = not at all, inf = it does not say.
    """

    minor: int
    status: int
    headers: dict[str, str]
    keep_s: float


def begin_head(method: str, address: Address, fields: Mapping[str, str]) -> bytes:
    """All of a request's head but the length of its body, which alone differs from request to request.

    Args:
        method: HTTP method.
        address: where it goes.
        fields: as `request_fields` made them.
    """
    lines = [f"{method} {address.target} HTTP/1.1\r\nhost: {address.authority}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in fields.items()]
    return "".join(lines).encode()


def read_head(data: bytes) -> Head:
    """An answer's head, with the empty line that ends it.

    Raises:
        MalformedReply: it is not exactly what RFC 9112 allows (bare line feeds, folded lines, blanks before a colon and
            control characters included), or is too large.
    """
    if len(data) > MAX_HEAD_BYTES:
        raise too_large()
    found = _HEAD.fullmatch(data)
    if found is None:
        raise _not_http(data)
    fields = _PARTS.findall(found[3].decode("latin-1"))
    if len(fields) > MAX_FIELDS:
        raise too_large()
    headers: dict[str, str] = {}
    for name, said in fields:
        key, value = name.lower(), said.rstrip("\t ") if said[-1:] in "\t " else said
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    minor = 1 if found[1] == b"1" else 0
    return Head(minor, int(found[2]), headers, _keep_s(minor, headers.get("connection"), headers.get("keep-alive")))


def check_beginning(data: bytes | bytearray) -> None:
    """Whether a head may still come of this.

    Raises:
        MalformedReply: it may not: waiting for its end would be in vain.
    """
    if not data.startswith(_START[: len(data)]):
        raise _not_http(bytes(data[:80]))
    if len(data) > MAX_HEAD_BYTES:
        raise too_large()
    if b"\n\n" in data or b"\n\r\n" in data:
        raise MalformedReply("the head of the answer has bare line feeds")


def check_trailer(line: bytes) -> None:
    """A field after a chunked body; nobody needs it.

    Raises:
        MalformedReply: it is none.
    """
    if not _FIELD.fullmatch(line):
        raise MalformedReply("what comes after the answer's body is no header field")


def too_large() -> MalformedReply:
    """The error for a head beyond the limits."""
    return MalformedReply(f"the head of the answer is larger than {MAX_HEAD_BYTES} bytes or {MAX_FIELDS} fields")


@lru_cache(maxsize=256)  # hosts say few things
def _keep_s(minor: int, connection: str | None, keep_alive: str | None) -> float:
    """See `Head.keep_s`."""
    said = {token.strip() for token in connection.lower().split(",")} if connection is not None else set()
    if "close" in said or (minor == 0 and "keep-alive" not in said):
        return 0.0
    found = _KEEP.search(keep_alive) if keep_alive is not None else None
    return float(found[1]) if found else math.inf


def _not_http(data: bytes) -> MalformedReply:
    if data.startswith((b"\x15\x03", b"\x16\x03")):
        return MalformedReply("the host speaks TLS here; correct base_url to https://")
    if not data.startswith(_START[: len(data)]):
        return MalformedReply(f"the host does not answer in HTTP/1.1: {data[:40]!r}")
    for line in data.split(b"\r\n")[1:-2]:
        if not _FIELD.fullmatch(line + b"\r\n"):
            name = line.partition(b":")[0][:40]
            return MalformedReply(f"the head of the answer holds a line that is no field, at {name!r}")
    line = data.partition(b"\r\n")[0][:40]
    return MalformedReply(f"the answer begins with {line!r}, which is no status line of HTTP/1.1")
