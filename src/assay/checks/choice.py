"""The answer names the right one of some choices, by its letter or by its words."""

from __future__ import annotations

import re
from string import ascii_uppercase
from typing import Annotated, Any, ClassVar

from msgspec import Meta

from assay.checks.check import MAX_CHARS, CheckResult, Options, options, shorten
from assay.checks.text import normalise
from assay.errors import EvalError
from assay.types import Request, Response

__all__ = ["Choice"]

_NAMED = re.compile(r"(?i:answer|choice|option)\W{0,4}(?i:is\W{1,4})?([A-Z])(?!\w)(?!['’])")
_LEADING = re.compile(r"[\s(\[*\"']*([A-Za-z])(?:[).:,\]*\"']|\s*\Z)")


class _ChoiceOptions(Options, frozen=True):
    choices: Annotated[tuple[str, ...], Meta(max_length=26)] = ()


class Choice:
    """The answer is the right choice: `B`, `(B)`, `B. because ...`, `... ANSWER: B`, or the words of a choice alone.

    The target is a letter, or the words of one of the option `choices`, which stand in the order of their letters.
    The last letter that is called the answer counts; then one that the text begins with; then words of exactly one
    choice. An answer that names no choice, or several, does not pass.
    """

    name: ClassVar[str] = "choice"

    def __init__(self, **given: Any) -> None:
        self._choices = options(self.name, _ChoiceOptions, given).choices
        self._words = [f" {normalise(one)} " for one in self._choices]

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Find the choice that is named, and compare its letter."""
        right = self._right(target)
        if len(answer.text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"the answer is longer than {MAX_CHARS:,} characters")
        named = self._named(answer.text)
        if named is None:
            return CheckResult(passed=False, explanation=f"{shorten(answer.text)!r} names no single choice")
        said = "names" if named == right else f"expected {right}, but the answer names"
        return CheckResult(passed=named == right, explanation=f"{said} {named}")

    def _right(self, target: object | None) -> str:
        if isinstance(target, str):
            if target in self._choices:
                return ascii_uppercase[self._choices.index(target)]
            letter = target.strip().upper()
            if len(letter) == 1 and letter in self._letters:
                return letter
        known = f"one of {', '.join(self._choices)}, or its letter" if self._choices else "a letter"
        raise EvalError(f"check 'choice': a target is {known}, not {shorten(repr(target))}")

    @property
    def _letters(self) -> str:
        return ascii_uppercase[: len(self._choices) or 26]

    def _named(self, text: str) -> str | None:
        called = [letter for letter in _NAMED.findall(text) if letter in self._letters]
        if called:
            return str(called[-1])
        first = _LEADING.match(text)
        if first is not None and first[1].upper() in self._letters:
            return first[1].upper()
        return self._in_words(f" {normalise(text)} ")

    def _in_words(self, said: str) -> str | None:
        """The choice whose words are there; one within the words of another that is there too does not count."""
        found = [number for number, words in enumerate(self._words) if words in said]
        apart = [one for one in found if not any(self._within(one, other) for other in found)]
        return ascii_uppercase[apart[0]] if len(apart) == 1 else None

    def _within(self, one: int, other: int) -> bool:
        return one != other and self._words[one] in self._words[other] and self._words[one] != self._words[other]
