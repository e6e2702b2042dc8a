"""A secret told piece by piece: a part in this turn, a part in that one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

__all__ = ["scattered"]

MAX_TURNS = 10
"""Only so many of the last turns are searched; the work doubles with each."""

LEAST = 3
"""A piece has at least so many letters and digits: shorter ones occur in any text."""


def scattered(secret: str, turns: Sequence[Sequence[str]]) -> bool:
    """Whether a secret can be put together from pieces, each from a turn of its own, in any order of the turns.

    Args:
        secret: in letters and digits.
        turns: of each turn, every reading of it in letters and digits.
    """
    shown = turns[-MAX_TURNS:]
    longest = [[_longest(secret[start:], readings) for readings in shown] for start in range(len(secret))]

    @cache
    def rest(start: int, used: int) -> bool:
        """Whether what is left from `start` can be told by the turns that are not used yet."""
        if start == len(secret):
            return True
        left = len(secret) - start
        return any(
            rest(start + size, used | 1 << turn)
            for turn in range(len(shown))
            if not used & 1 << turn
            for size in range(LEAST, longest[start][turn] + 1)
            if size == left or left - size >= LEAST
        )

    return rest(0, 0)


def _longest(secret: str, readings: Sequence[str]) -> int:
    """Length of the longest beginning of `secret` that one of the readings holds."""
    low = 0
    for reading in readings:
        while low < len(secret) and secret[: low + 1] in reading:
            low += 1
    return low
