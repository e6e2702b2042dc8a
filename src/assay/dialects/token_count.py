"""A number of tokens as a host tells it."""

from __future__ import annotations

__all__ = ["token_count"]

_LIMIT = 1 << 40  # a trillion: what is more is no count, and sums of less fit into a ledger


def token_count(value: object) -> int | None:
    """The number; `None` where it is none: not said, negative, a fraction, or more than any answer can have."""
    if value is None:  # as mostly
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value < _LIMIT or value != int(value):
        return None
    return int(value)
