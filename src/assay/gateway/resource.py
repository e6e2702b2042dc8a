"""What the target of a request line names."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

import httptools

__all__ = ["Resource"]

_KNOWN_BYTES = 200
"""Longer targets are not kept: they are no paths of ours, or have parameters that differ."""


class Resource(NamedTuple):
    """A path and its parameters.

    Attributes:
        path: without the `/v1` that some clients put before it once, some twice and some never.
        query: what follows the question mark, as it came.
        asked: the path with the `/v1` that the client wrote: what errors name.
    """

    path: str
    query: bytes
    asked: str

    @classmethod
    def of(cls, target: bytes) -> Resource:
        """What a target names.

        Raises:
            httptools.HttpParserError, AttributeError, UnicodeDecodeError: it cannot be read.
        """
        return _known(target) if len(target) <= _KNOWN_BYTES else _read(target)


def _read(target: bytes) -> Resource:
    parsed = httptools.parse_url(target)
    path = parsed.path.decode("ascii")
    path = asked = (unquote(path) if "%" in path else path).rstrip("/") or "/"
    for _ in range(2):
        path = path[3:] if path.startswith("/v1/") else path
    return Resource(path, parsed.query or b"", asked)


_known = lru_cache(maxsize=256)(_read)
