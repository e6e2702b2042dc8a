"""What a detector is: a pattern for what may be one, and a test that keeps those that are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Detector", "digits_of", "longest", "longest_run", "whole"]
_RUN = re.compile(r"\d(?:\D{0,3}\d)*")


class Detector(NamedTuple):
    """Finds one sort of text.

    Attributes:
        name: what stands in its place is called so: `<email-1>`.
        pattern: what may be one; its group `it`, else all of it. Repetitions are bounded: no text makes it slow.
        accepts: the part of what was found, from its beginning, that is one; empty = it is none.
        words: in lower case; where none of them stands the pattern need not be tried. () = it must.
        digits: so many at least, none of them more than three characters from the next, has each that is found.
        spans_lines: one may go over several lines; all others are looked for line by line.
    """

    name: str
    pattern: re.Pattern[str]
    accepts: Callable[[str], str] = str
    words: tuple[str, ...] = ()
    digits: int = 0
    spans_lines: bool = False

    def may_be_in(self, lowered: str, digits: int) -> bool:
        """Whether a text is worth the search: in lower case, with its longest run of digits (`longest_run`)."""
        return self.digits <= digits and (not self.words or any(word in lowered for word in self.words))

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """`(start, end)` of each, from left to right."""
        group = "it" if "it" in self.pattern.groupindex else 0
        for match in self.pattern.finditer(text):
            kept = self.accepts(match[group])
            if kept:
                yield match.start(group), match.start(group) + len(kept)


def longest_run(text: str) -> int:
    """The most digits of which none is more than three characters from the next."""
    return max((sum(map(str.isdecimal, run)) for run in _RUN.findall(text)), default=0)


def whole(holds: Callable[[str], bool]) -> Callable[[str], str]:
    """Accepts all of a text, or nothing of it."""
    return lambda found: found if holds(found) else ""


def longest(holds: Callable[[str], bool], separators: str = " -") -> Callable[[str], str]:
    """Accepts the longest beginning that ends before a separator, or all: what follows a number may look like more."""

    def accepts(found: str) -> str:
        ends = [place for place, char in enumerate(found) if char in separators]
        return next((found[:end] for end in (len(found), *reversed(ends)) if holds(found[:end])), "")

    return accepts


def digits_of(text: str) -> str:
    """The digits of a text."""
    return "".join(char for char in text if char.isdecimal())
