"""One thing that was found in a suite."""

from __future__ import annotations

from typing import Literal

from assay.types import Value

__all__ = ["LEVELS", "Finding", "Level", "listed"]

Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""Worst first."""

_SHOWN = 5


class Finding(Value, frozen=True, kw_only=True):
    """What is wrong, where, and what to do.

    Attributes:
        rule: name of the mistake, the same from release to release.
        level: `error`: figures of this suite would be wrong; `warning`: they may be; `note`: good to know.
        kind: where it is; None = the suite.
        samples: ids of those that it concerns, in file order.
        where: file and line of the first.
        message: what was found, with its values.
        advice: what to do.
    """

    rule: str
    level: Level
    kind: str | None
    samples: tuple[str, ...]
    where: str
    message: str
    advice: str


def listed(texts: tuple[str, ...] | list[str], shown: int = _SHOWN) -> str:
    """Some texts for a message: the first ones, and how many more there are."""
    more = len(texts) - shown
    return ", ".join(texts[:shown]) + (f" and {more} more" if more > 0 else "")
