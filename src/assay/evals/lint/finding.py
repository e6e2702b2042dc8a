"""One thing that was found in a suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from assay.types import Value

__all__ = ["LEVELS", "Finding", "Level", "about_kind", "about_samples", "ids", "listed"]

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


class _Placed(Protocol):
    """A sample, or what is kept of one."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def where(self) -> str: ...


def about_samples(rule: str, level: Level, members: Sequence[_Placed], message: str, advice: str) -> Finding:
    """What was found in these samples, at least one; in the suite where they are of several kinds."""
    several = len({one.kind for one in members}) > 1
    samples = tuple(one.id for one in members)
    return Finding(
        rule=rule, level=level, kind=None if several else members[0].kind, samples=samples, where=members[0].where,
        message=message, advice=advice,
    )  # fmt: skip


def about_kind(rule: str, level: Level, members: Sequence[_Placed], message: str, advice: str) -> Finding:
    """What was found in a kind as a whole, given by its samples, none of which is to blame."""
    first = members[0]
    return Finding(
        rule=rule, level=level, kind=first.kind, samples=(), where=first.where, message=message, advice=advice
    )


def ids(members: Sequence[_Placed]) -> str:
    """Ids of samples for a message: the first ones, and how many more there are."""
    return listed([one.id for one in members])


def listed(texts: tuple[str, ...] | list[str], shown: int = _SHOWN) -> str:
    """Some texts for a message: the first ones, and how many more there are."""
    more = len(texts) - shown
    return ", ".join(texts[:shown]) + (f" and {more} more" if more > 0 else "")
