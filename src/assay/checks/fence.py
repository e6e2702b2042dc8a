"""Material that a judging model is shown, fenced so that nothing in it can pass for an instruction.

Each piece stands between tags that end in a key, as in `<answer-3f9c0a12be41> ... </answer-3f9c0a12be41>`. The key is
the beginning of a sha256 over all pieces: the same for the same material, so that verdicts can be repeated and cached,
and out of reach for a text that would have to contain a digest of itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

__all__ = ["Fenced", "fence"]

_KEY_CHARS = 12


class Fenced(NamedTuple):
    """Pieces between their tags, in order, and the key that the tags end in."""

    text: str
    key: str


def fence(pieces: Mapping[str, str]) -> Fenced:
    """Put each piece between tags of its name."""
    key = hashlib.sha256(msgspec.json.encode(dict(pieces))).hexdigest()[:_KEY_CHARS]
    return Fenced("\n".join(f"<{name}-{key}>\n{text}\n</{name}-{key}>" for name, text in pieces.items()), key)
