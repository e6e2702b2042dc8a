"""The spine's cache: identical calls are answered from the ledger, and marked."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from assay.errors import MalformedReply
from assay.types import Request, Response

FORMAT = "1"
"""Part of every key: change it when the meaning of a stored answer changes."""

_IRRELEVANT: dict[str, Any] = {
    "native": None, "model": "", "stream": False, "stream_usage": False, "session": None, "deadline_s": None,
    "origin": None, "tags": {},
}  # fmt: skip


def cache_key(fingerprint: str, prepared: Request, seed: int) -> str:
    """Names a call: the deployment's fingerprint and everything of the request that decides the answer.

    Args:
        fingerprint: `LiveDeployment.fingerprint` - weights, engine, host, but not the prompt.
        prepared: the request with the deployment's prompt applied.
        seed: repeats of one sample differ in it.
    """
    asked = msgspec.json.encode(msgspec.structs.replace(prepared, **_IRRELEVANT), order="sorted")
    return hashlib.sha256(b"\0".join([FORMAT.encode(), fingerprint.encode(), str(seed).encode(), asked])).hexdigest()


def pack(response: Response) -> bytes:
    """An answer as the cache keeps it."""
    return msgspec.json.encode(response)


def unpack(data: bytes) -> Response:
    """The answer in a cache row.

    Raises:
        MalformedReply: it was written by an incompatible version.
    """
    try:
        return msgspec.json.decode(data, type=Response)
    except msgspec.DecodeError as error:
        raise MalformedReply(f"the cached answer cannot be read ({error}); run `assay cache clear`") from error
