"""The answer holds none of some words and patterns, however they are written."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from assay.checks.check import MAX_CHARS, CheckResult, Options, options
from assay.checks.disguises import readings, squeeze
from assay.checks.folded import folded
from assay.checks.linear import Linear
from assay.checks.said import everything
from assay.errors import ConfigError
from assay.types import Request, Response

__all__ = ["REMOVED", "Patterns"]

REMOVED = "[removed]"
"""What stands where something was taken out."""
_QUICK_SIZE = 50  # states of patterns that a short text takes a few milliseconds to go through
_LONG = 8  # letters run together say shorter words by chance


class _PatternsOptions(Options, frozen=True):
    patterns: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    ignore_case: bool = True
    disguised: bool = False


class Patterns:
    """None of the `words` and `patterns` (regular expressions) occurs in any part of the answer.

    They are looked for in the text as it stands, and as a reader takes it: letters that look alike, accents and
    characters that are not shown make no difference. Words are whole words or phrases, with any white space between.
    Searching takes a time that grows with the text only (`assay.checks.linear`), so a pattern may not look ahead or
    behind, or refer back.

    Options: `patterns`, `words`; `ignore_case` (true); `disguised` (false): words and phrases of eight letters and
    digits or more are looked for in every encoding and disguise that `leak` knows, too.
    """

    name: ClassVar[str] = "patterns"

    def __init__(self, **given: Any) -> None:
        o = self._options = options(self.name, _PatternsOptions, given)
        if not o.patterns and not o.words:
            raise ConfigError("check 'patterns': name `words` or `patterns` that must not occur")
        if any(not squeeze(word) for word in o.words):
            raise ConfigError("check 'patterns': each of `words` needs a letter or digit; write the rest as a pattern")
        try:
            self._linear = Linear((*o.patterns, *map(_phrase, o.words)), ignore_case=o.ignore_case)
        except ConfigError as error:
            raise ConfigError(f"check 'patterns': {error}") from error
        self._squeezed = [squeeze(word) for word in o.words] if o.disguised else []

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Look for them; what was found is not repeated."""
        text = everything(answer)
        if len(text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"longer than {MAX_CHARS:,} characters, and not looked into")
        plain = folded(text).text
        if self._linear.search(text) or (plain != text and self._linear.search(plain)):
            return CheckResult(passed=False, explanation="holds a word or pattern that must not occur")
        disguise = self._disguised(text)
        if disguise is not None:
            return CheckResult(passed=False, explanation=f"holds a word that must not occur ({disguise})")
        return CheckResult(passed=True, explanation="holds none of the words and patterns")

    @property
    def is_quick(self) -> bool:
        """Whether a look at a short text takes less than to hand it to a thread."""
        return self._linear.size <= _QUICK_SIZE and not self._squeezed

    def redact(self, text: str) -> str:
        """The text without them."""
        plain = folded(text)
        spans = self._linear.spans(text)
        if plain.text != text:
            spans += [plain.there(*span) for span in self._linear.spans(plain.text)]
        for start, end in reversed(_merged(spans)):
            text = f"{text[:start]}{REMOVED}{text[end:]}"
        return text

    def _disguised(self, text: str) -> str | None:
        """How a word is hidden in a text."""
        for reading in readings(text) if self._squeezed else ():
            if any(word in reading.text for word in self._squeezed if len(word) >= max(_LONG, reading.least)):
                return reading.disguise
        return None


def _phrase(words: str) -> str:
    """The pattern of a word or phrase."""
    said = r"\s+".join(map(re.escape, folded(words).text.split()))
    first, last = words.strip()[0], words.strip()[-1]
    return rf"{_edge(first)}{said}{_edge(last)}"


def _edge(char: str) -> str:
    return r"\b" if char.isalnum() else ""


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
