"""Where a request goes: an absolute address, taken apart and checked once."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from assay.errors import BadRequest, ConnectionFailed

_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NAME = re.compile(r"[a-z0-9._-]+", re.ASCII)
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))


class Origin(NamedTuple):
    """What a connection is kept for. `host` has no brackets, and is ASCII."""

    scheme: str
    host: str
    port: int


class Address(NamedTuple):
    """An address.

    Attributes:
        origin: where to connect to.
        authority: what the header `host` says.
        target: path and query, as the request line has them.
        authorization: of a user and password in the address; None = it holds none.
    """

    origin: Origin
    authority: str
    target: str
    authorization: str | None

    @property
    def url(self) -> str:
        """The address again, without user and password."""
        return f"{self.origin.scheme}://{self.authority}{self.target}"


@lru_cache(maxsize=512)  # a deployment has one or two
def read_address(url: str) -> Address:
    """Take an address apart.

    Raises:
        BadRequest: it holds a control character; it is not shown, for the address may hold a password.
        ConnectionFailed: it is none that can be connected to.
    """
    if _CONTROL.search(url):
        raise BadRequest("the address of the host holds a control character; correct base_url or the model's name")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _ascii(parts.hostname or "")
    except ValueError as error:
        raise _no_address(f"{error}") from error
    if parts.scheme not in _PORTS:
        raise _no_address(f"it begins with {parts.scheme or 'no scheme'!r}, not http:// or https://")
    if not host:
        raise _no_address("it names no host")
    if port == 0:
        raise _no_address("port 0 is none")
    shown = f"[{host.partition('%')[0]}]" if ":" in host else host
    authority = shown if port in (None, _PORTS[parts.scheme]) else f"{shown}:{port}"
    return Address(
        Origin(parts.scheme, host, port or _PORTS[parts.scheme]), authority, _target(parts), _authorization(parts)
    )


def _no_address(reason: str) -> ConnectionFailed:
    error = ConnectionFailed(f"not the address of a host: {reason}; correct base_url")
    error.retryable = False
    return error


def _ascii(host: str) -> str:
    """The host as DNS knows it.

    Raises:
        ValueError: it is none.
    """
    if ":" in host:  # an IPv6 literal, which the brackets proved
        return host
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"{host!r} is no name of a host") from error
    if name and not _NAME.fullmatch(name):
        raise ValueError(f"{host!r} is no name of a host")
    return name


def _target(parts: SplitResult) -> str:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return quote(target, safe=_VISIBLE)  # what is escaped stays so; blanks and other scripts are escaped


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None and parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
