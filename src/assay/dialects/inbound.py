"""Reading a client's request whose format was not said: each registered dialect is tried."""

from __future__ import annotations

from typing import NamedTuple, cast

import msgspec

from assay import plugins
from assay.dialects.dialect import Inbound
from assay.dialects.fields import parse_object, unmarked
from assay.errors import RequestError
from assay.types import Request

__all__ = ["Recognised", "read_inbound"]

_COMMONEST = "openai"  # taken where it makes no difference


class Recognised(NamedTuple):
    """A request and the dialect that it came in."""

    dialect: Inbound
    request: Request


def read_inbound(body: bytes, name: str | None = None) -> Recognised:
    """A request in any dialect that a gateway takes; if several can read it, in the one that knows most of its fields.

    Args:
        body: JSON.
        name: the dialect; None = the one that can read it.

    Raises:
        RequestError: no dialect can read it, with each one's reason, or several can alike.
        PluginError: there is no such dialect.
    """
    if name is not None:
        dialect = _load(name)
        return Recognised(dialect, dialect.read_request(body))
    parse_object(body)  # what is wrong for all is said once
    found: list[Recognised] = []
    reasons: list[str] = []
    for known in plugins.names("assay.dialects"):
        dialect = _load(known)
        if not getattr(dialect, "paths", ()):
            continue  # one that upstreams speak only
        try:
            found.append(Recognised(dialect, dialect.read_request(body)))
        except RequestError as error:
            reasons.append(f"{known}: {error}")
    found = [one for one in found if one.request.form != "count"]  # of tokens: read like the chat itself
    if not found:
        raise RequestError(f"no dialect can read this request; {'; '.join(reasons)}")
    fewest = min(len(unmarked(one.request.extra)) for one in found)
    found = [one for one in found if len(unmarked(one.request.extra)) == fewest]
    if len(found) > 1 and all(_meaning(one.request) == _meaning(found[0].request) for one in found):
        found = [one for one in found if one.dialect.name == _COMMONEST] or found[:1]
    if len(found) > 1:
        names = " and ".join(one.dialect.name for one in found)
        raise RequestError(f"this request can be read as {names}; say which")
    return found[0]


def _meaning(request: Request) -> Request:
    """The request without the form in which it was said."""
    bare = [msgspec.structs.replace(message, extra=unmarked(message.extra)) for message in request.messages]
    return msgspec.structs.replace(
        request, native=None, origin=None, stream_usage=False, messages=tuple(bare), extra=unmarked(request.extra)
    )


def _load(name: str) -> Inbound:
    return cast(Inbound, plugins.load("assay.dialects", name)())
