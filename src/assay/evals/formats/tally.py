"""What could not be carried over: each reason with how often, and where first."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Tally", "Told", "whole"]

_FIRST = 5


def whole(text: str) -> str:
    """A text of a foreign file fit to be told: with `?` for half characters, which no terminal takes."""
    return text.encode("utf-8", "replace").decode()


class Told(NamedTuple):
    """One reason. `first` names the places of the first items that it concerns."""

    why: str
    times: int
    first: tuple[str, ...]


class Tally:
    """Counts refusals by their reason, in bounded memory however many there are."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def refuse(self, where: str, why: str) -> None:
        """One item is not carried over."""
        where, why = whole(where), whole(why)
        self._counts[why] = self._counts.get(why, 0) + 1
        places = self._places.setdefault(why, [])
        if len(places) < _FIRST:
            places.append(where)

    @property
    def count(self) -> int:
        """How many items were refused."""
        return sum(self._counts.values())

    @property
    def told(self) -> list[Told]:
        """The reasons, in the order in which they were met."""
        return [Told(why, count, tuple(self._places[why])) for why, count in self._counts.items()]
