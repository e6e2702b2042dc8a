"""Which requests are drawn for a comparison: by their ids alone, so that the draw can be told again later."""

from __future__ import annotations

import hashlib

__all__ = ["is_drawn"]


def is_drawn(what: str, request_id: str, share: float) -> bool:
    """Whether a request is among the share that is drawn.

    Args:
        what: what it is drawn for; two draws of different names have nothing to do with each other.
        request_id: its id.
        share: from 0 to 1. A larger one draws all that a smaller one does.
    """
    if share >= 1.0:
        return True
    digest = hashlib.blake2b(f"{what}/{request_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 < share
