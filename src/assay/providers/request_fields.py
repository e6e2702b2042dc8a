"""The header fields of a request, checked: whatever a key, a model or a configuration holds, it stays in its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from assay import __version__
from assay.errors import AuthFailed, BadRequest
from assay.providers.address import Address

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_MESSAGE = ("content-length", "transfer-encoding", "trailer", "expect")
_CONNECTION = ("host", "te", "upgrade", "keep-alive", "proxy-connection")
_OURS = frozenset(_MESSAGE + _CONNECTION)
"""Fields that frame a message or belong to the connection: said twice, two readers may understand two things."""
_DEFAULTS = {
    "accept": "*/*",
    "accept-encoding": "identity",  # a proxy that packs a stream holds events back; who packs all the same is read
    "user-agent": f"assay/{__version__}",
}


def request_fields(headers: Mapping[str, str], address: Address) -> dict[str, str]:
    """All fields of a request but `host` and `content-length`, which its transport writes. Names are lower case.

    Args:
        headers: the caller's; of two names that differ in case only, the later one counts.
        address: may hold a user and a password.

    Raises:
        BadRequest: a name or value holds what none may hold, or a field is not the caller's. No value is shown: it
            may be a key.
        AuthFailed: there are a key and a password, and it is not known which of them is meant.
    """
    fields = dict(_DEFAULTS)
    for name, value in headers.items():
        if _CONTROL.search(value):
            raise BadRequest(f"header {name!r} holds a control character")
        fields[_lower(name)] = value
    if fields.get("connection", "close").lower() != "close":
        raise BadRequest("header 'connection' may say 'close' only; leave it out")
    if address.authorization is not None:
        if "authorization" in fields:
            raise AuthFailed(
                "base_url holds a user and password, and the header 'authorization' is set as well "
                "(api_key_env sets it); keep one of the two"
            )
        fields["authorization"] = address.authorization
    return fields


@lru_cache(maxsize=1024)
def _lower(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise BadRequest(f"{name!r} is no name of a header")
    lower = name.lower()
    if lower in _OURS:
        raise BadRequest(f"header {name!r} is set by the connection itself; leave it out")
    return lower
