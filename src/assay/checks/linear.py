"""Patterns that are searched in a time that grows with the text, and with nothing else, whoever wrote the text.

Python's own engine tries one way through a pattern after the other, and some texts make it try billions. Here all ways
are followed at the same time: a Thompson automaton, whose sets of states are kept as they come up (K. Thompson,
"Regular expression search algorithm", 1968; R. Cox, "Regular expression matching can be simple and fast", 2007).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from assay.checks.linear_parts import END, MATCH, Border, Chars, Fork, Part, compiled, sort_of

__all__ = ["Linear"]

_MAX_KEPT = 500_000
"""States of the ways that are kept; then it begins anew. Bounds the memory that texts can make it take."""
_WAY = 10
"""What a way takes by itself, in states."""
_MOST_WORK = 4_000_000
"""States that are gone through anew for one text, which is a second or two: then it was made to be slow."""
_STEPS_PER_CHAR = 30
"""To find where matches end may take so many steps for each character; then the rest counts as found."""


class _TooSlow(Exception):
    """A text that was made to be slow."""


class _Work:
    """What may still be done for one text."""

    def __init__(self) -> None:
        self._left = _MOST_WORK

    def done(self, states: int) -> None:
        """So many states have been gone through.

        Raises:
            _TooSlow: they are too many.
        """
        self._left -= states
        if self._left < 0:
            raise _TooSlow


class _Set:
    """States that may have been reached, and the sort of what stands before.

    Attributes:
        ways: whether a match ends here, and where it goes on, by the next character, as far as that came up.
    """

    __slots__ = ("before", "states", "ways")

    def __init__(self, states: frozenset[int], before: int) -> None:
        self.states = states
        self.before = before
        self.ways: dict[str, tuple[bool, _Set]] = {}


class _Automaton:
    """Goes through a text character by character, forwards or backwards.

    Args:
        parts: the automaton's states.
        start: where it begins.
        anywhere: a match may begin at each character.
        backwards: the text is gone through from its end, by a pattern that was turned round.
    """

    def __init__(self, parts: Sequence[Part], start: int, *, anywhere: bool, backwards: bool) -> None:
        self._parts = parts
        self._begin = frozenset((start,))
        self._anywhere = self._begin if anywhere else frozenset()
        self._backwards = backwards
        self._kept: dict[tuple[frozenset[int], int], _Set] = {}
        self._known = 0

    def begin(self, before: int = END) -> _Set:
        """The states before the first character; `before` is the sort of the one in front of it."""
        return self._set(self._begin, before)

    def way(self, at: _Set, char: str, work: _Work) -> tuple[bool, _Set]:
        """Whether a match ends before `char`, and what is reached after it.

        Raises:
            _TooSlow: too much work for one text.
        """
        if self._known >= _MAX_KEPT:
            self._kept.clear()
            at.ways.clear()
            self._known = 0
        after = sort_of(char)
        reached = self._closed(at, after)
        work.done(len(reached))
        following = frozenset(
            part.next for one in reached if isinstance(part := self._parts[one], Chars) and part.holds(char)
        )
        found = at.ways[char] = (MATCH in reached, self._set(following | self._anywhere, after))
        self._known += _WAY + len(following)
        return found

    def ends(self, at: _Set) -> bool:
        """Whether a match ends where the text does."""
        return MATCH in self._closed(at, END)

    def _set(self, states: frozenset[int], before: int) -> _Set:
        key = (states, before)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Set(states, before)
        return kept

    def _closed(self, at: _Set, after: int) -> set[int]:
        """All states that are reached without a character, between two of these sorts."""
        left, right = (after, at.before) if self._backwards else (at.before, after)
        found, waiting = set[int](), list(at.states)
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found.add(one)
            part = self._parts[one] if one != MATCH else None
            if isinstance(part, Fork):
                waiting += part.ways
            elif isinstance(part, Border) and part.holds(left, right):
                waiting.append(part.next)
        return found


class _Directions(NamedTuple):
    anywhere: _Automaton
    here: _Automaton
    backwards: _Automaton


class Linear:
    """One pattern, or several of which any may match.

    The syntax is Python's, without what cannot be searched in linear time: no back references, no looking ahead or
    behind, no atomic groups. `^` and `$` are the borders of lines.

    Args:
        patterns: of which one must match.
        ignore_case: capitals and small letters are the same.

    Attributes:
        size: states that it can be in; each character takes time for so many at most.

    Raises:
        ConfigError: one is no pattern, cannot be searched in linear time, is too large, or matches the empty text.
    """

    def __init__(self, patterns: Iterable[str], *, ignore_case: bool = False) -> None:
        patterns = tuple(patterns)
        parts, start = compiled(patterns, ignore_case=ignore_case, backwards=False)
        turned, end = compiled(patterns, ignore_case=ignore_case, backwards=True)
        self.size = len(parts)
        self._ways = _Directions(
            _Automaton(parts, start, anywhere=True, backwards=False),
            _Automaton(parts, start, anywhere=False, backwards=False),
            _Automaton(turned, end, anywhere=True, backwards=True),
        )

    def search(self, text: str) -> bool:
        """Whether it matches anywhere; a text that was made to be slow counts as a match."""
        try:
            return self._search(text, _Work())
        except _TooSlow:
            return True

    def spans(self, text: str) -> list[tuple[int, int]]:
        """`(start, end)` of the matches from left to right, the longest at each place, without overlaps.

        A text that was made to be slow is one, or is from some place on.
        """
        work = _Work()
        try:
            return self._spans(text, work) if self._search(text, work) else []
        except _TooSlow:
            return [(0, len(text))]

    def _search(self, text: str, work: _Work) -> bool:
        automaton = self._ways.anywhere
        at = automaton.begin()
        for char in text:
            found, at = at.ways.get(char) or automaton.way(at, char, work)
            if found:
                return True
        return automaton.ends(at)

    def _spans(self, text: str, work: _Work) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        steps, end = _STEPS_PER_CHAR * (len(text) + 100), 0
        for start in self._starts(text, work):
            if start < end:
                continue
            last, gone = self._longest(text, start, work)
            steps -= gone
            if steps < 0:  # nothing of its rest is let through
                return [*spans, (start, len(text))]
            spans.append((start, last))
            end = last
        return spans

    def _starts(self, text: str, work: _Work) -> Iterator[int]:
        """Where matches begin, from left to right."""
        automaton, found = self._ways.backwards, []
        at = automaton.begin()
        for place in range(len(text) - 1, -1, -1):
            begins, at = at.ways.get(text[place]) or automaton.way(at, text[place], work)
            if begins:
                found.append(place + 1)
        if automaton.ends(at):
            found.append(0)
        return reversed(found)

    def _longest(self, text: str, start: int, work: _Work) -> tuple[int, int]:
        """The end of the longest match that begins at a place where one does, and how many steps that took."""
        automaton = self._ways.here
        at = automaton.begin(sort_of(text[start - 1]) if start else END)
        end = start
        for place in range(start, len(text)):
            found, at = at.ways.get(text[place]) or automaton.way(at, text[place], work)
            if found:
                end = place
            if not at.states:
                return end, place - start
        return (len(text) if automaton.ends(at) else end), len(text) - start
