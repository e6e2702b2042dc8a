"""A difference of shares in words, the same wherever it is told."""

from __future__ import annotations

__all__ = ["told_points"]


def told_points(difference: float | None, interval: tuple[float, float] | None, unknown: str = "-") -> str:
    """`+50 points [+18, +72]`: percentage points with their interval; `unknown` where either is not known."""
    if difference is None or interval is None:
        return unknown
    low, high = (end * 100 for end in interval)
    return f"{difference * 100:+.0f} points [{low:+.0f}, {high:+.0f}]"
