"""The states that a pattern becomes for `assay.checks.linear`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from re import _constants as code  # type: ignore[attr-defined]  # named sre_constants until 3.11; it has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

from assay.errors import ConfigError

__all__ = ["END", "MATCH", "Border", "Chars", "Fork", "Part", "compiled", "sort_of"]

MATCH = -1
"""The state in which a match is complete."""
END, LINE, WORD, OTHER = range(4)
"""Sorts of what may stand beside a border: the text's own end, a line's, a letter of a word, anything else."""
_MAX_PARTS = 20_000

Holds = Callable[[str], bool]


class Chars(NamedTuple):
    """Goes on with a character that it holds."""

    holds: Holds
    next: int


class Fork(NamedTuple):
    """Goes on in several ways."""

    ways: tuple[int, ...]


class Border(NamedTuple):
    """Goes on between two sorts of characters."""

    holds: Callable[[int, int], bool]
    next: int


Part = Chars | Fork | Border


def sort_of(char: str) -> int:
    """The sort of a character, as borders see it."""
    return LINE if char == "\n" else WORD if _is_word(char) else OTHER


def compiled(patterns: Iterable[str], *, ignore_case: bool, backwards: bool) -> tuple[Sequence[Part], int]:
    """The states of patterns of which one must match, and the first of them.

    Raises:
        ConfigError: see `Linear`.
    """
    maker = _Maker(backwards=backwards)
    starts = []
    for pattern in patterns:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of syntax that means something else one day
                tree = parser.parse(pattern)
            if tree.getwidth()[0] == 0:
                raise ConfigError(f"pattern {pattern!r} matches where nothing stands; it would find something anywhere")
            starts.append(maker.sequence(tree, MATCH, ignore_case or bool(tree.state.flags & re.IGNORECASE)))
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(f"{pattern!r} is no pattern: {error}") from None
        except _NotLinear as error:
            raise ConfigError(f"pattern {pattern!r}: {error}") from None
    return maker.parts, maker.add(Fork(tuple(starts)))


class _NotLinear(Exception):
    """A part of a pattern for which there is no automaton."""


class _Maker:
    """Makes states from the end of a pattern to its beginning; `backwards`: of the pattern turned round."""

    def __init__(self, *, backwards: bool) -> None:
        self.parts: list[Part] = []
        self._backwards = backwards

    def add(self, part: Part) -> int:
        if len(self.parts) >= _MAX_PARTS:
            raise _NotLinear("is too large; repeat less often")
        self.parts.append(part)
        return len(self.parts) - 1

    def sequence(self, nodes: Any, following: int, ignore_case: bool) -> int:
        """The first state of nodes one after another that go on with `following`."""
        for operation, value in nodes if self._backwards else reversed(nodes):
            following = self._node(operation, value, following, ignore_case)
        return following

    def _node(self, operation: Any, value: Any, following: int, ignore_case: bool) -> int:
        if (holds := _holding(operation, value, ignore_case)) is not None:
            return self.add(Chars(holds, following))
        if operation is code.BRANCH:
            return self.add(Fork(tuple(self.sequence(one, following, ignore_case) for one in value[1])))
        if operation is code.SUBPATTERN:
            _, more, less, inner = value
            if (more | less) & ~re.IGNORECASE:
                raise _NotLinear("flags other than i within a pattern are not known here")
            folded = (ignore_case or bool(more & re.IGNORECASE)) and not less & re.IGNORECASE
            return self.sequence(inner, following, folded)
        if operation in (code.MAX_REPEAT, code.MIN_REPEAT):
            least, most, inner = value
            return self._repeated(least, most, inner, following, ignore_case)
        if operation is code.AT and value in _BORDERS:
            return self.add(Border(_BORDERS[value], following))
        raise _NotLinear(
            f"{str(operation).lower().replace('_', ' ')} cannot be searched in linear time; write it without back "
            "references, looking ahead or behind, and atomic groups"
        )

    def _repeated(self, least: int, most: Any, inner: Any, following: int, ignore_case: bool) -> int:
        if most is code.MAXREPEAT:
            loop = self.add(Fork((following,)))
            self.parts[loop] = Fork((self.sequence(inner, loop, ignore_case), following))
            start = loop
        else:
            start = following
            for _ in range(most - least):
                start = self.add(Fork((self.sequence(inner, start, ignore_case), following)))
        for _ in range(least):
            start = self.sequence(inner, start, ignore_case)
        return start


def _holding(operation: Any, value: Any, ignore_case: bool) -> Holds | None:
    """Which characters a node stands for; None = it stands for something else."""
    if operation is code.LITERAL:
        return _item(operation, value, ignore_case)
    if operation is code.NOT_LITERAL:
        return _not(_item(code.LITERAL, value, ignore_case))
    if operation is code.ANY:
        return "\n".__ne__
    return _within(value, ignore_case) if operation is code.IN else None


def _within(items: Sequence[tuple[Any, Any]], ignore_case: bool) -> Holds:
    """A set of characters: `[a-z_]`."""
    tests = [_item(operation, value, ignore_case) for operation, value in items if operation is not code.NEGATE]
    wanted = items[0][0] is not code.NEGATE

    def holds(char: str) -> bool:
        return any(test(char) for test in tests) is wanted

    return holds


def _item(operation: Any, value: Any, ignore_case: bool) -> Holds:
    if operation not in (code.LITERAL, code.RANGE):
        return _CATEGORIES[value]
    low, high = map(chr, value if operation is code.RANGE else (value, value))

    def holds(char: str) -> bool:
        return low <= char <= high

    return _any_case(holds) if ignore_case else holds


def _any_case(holds: Holds) -> Holds:
    """As `holds`, of a letter in any of its forms: `ſ` is an `s`, too."""

    def holds_one(char: str) -> bool:
        large = char.upper()
        return any(holds(one) for one in (char, char.lower(), large, large.lower()) if len(one) == 1)

    return holds_one


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _not(holds: Holds) -> Holds:
    return lambda char: not holds(char)


def _between_words(left: int, right: int) -> bool:
    return (left == WORD) is not (right == WORD)


_CATEGORIES: dict[Any, Holds] = {
    code.CATEGORY_DIGIT: str.isdecimal,
    code.CATEGORY_NOT_DIGIT: _not(str.isdecimal),
    code.CATEGORY_SPACE: str.isspace,
    code.CATEGORY_NOT_SPACE: _not(str.isspace),
    code.CATEGORY_WORD: _is_word,
    code.CATEGORY_NOT_WORD: _not(_is_word),
}
_BORDERS: dict[Any, Callable[[int, int], bool]] = {
    code.AT_BEGINNING: lambda left, right: left in (END, LINE),
    code.AT_END: lambda left, right: right in (END, LINE),
    code.AT_BEGINNING_STRING: lambda left, right: left == END,
    code.AT_END_STRING: lambda left, right: right == END,
    code.AT_BOUNDARY: _between_words,
    code.AT_NON_BOUNDARY: lambda left, right: not _between_words(left, right),
}
