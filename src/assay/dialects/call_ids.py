"""Ids of tool calls for hosts that do not take every id: the same short one for a call and its results."""

from __future__ import annotations

import hashlib
import re

__all__ = ["CallIds"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class CallIds:
    """Gives each id of a client the one that goes to the host; ids that fit stay.

    Made from the id alone, so that the same conversation gives the same bytes on each turn, as prompt caches want it.

    Args:
        longest: characters an id may have; None = any number.
        exactly: characters, all letters or digits, that an id must have; None = no such rule (Mistral: 9).
    """

    def __init__(self, longest: int | None = None, exactly: int | None = None) -> None:
        self._longest = longest
        self._exact = re.compile(f"[a-zA-Z0-9]{{{exactly}}}") if exactly else None
        self._length = exactly or longest or 0

    def of(self, ident: str) -> str:
        """The id for the host; an empty one stays empty."""
        if not ident or self._fits(ident):
            return ident
        number = int.from_bytes(hashlib.sha256(ident.encode()).digest(), "big")
        text = ""
        while len(text) < min(self._length, 32):
            number, place = divmod(number, len(_ALPHABET))
            text += _ALPHABET[place]
        return text

    def _fits(self, ident: str) -> bool:
        if self._exact is not None:
            return self._exact.fullmatch(ident) is not None
        return self._longest is None or len(ident) <= self._longest
