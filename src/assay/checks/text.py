"""Checks of an answer's text: equal, equal after normalisation, matching a pattern."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, ClassVar, Literal

from assay.checks.check import MAX_CHARS, CheckResult, Options, alternatives, options, shorten
from assay.errors import ConfigError, EvalError
from assay.types import Request, Response

__all__ = ["Exact", "Normalised", "Regex", "normalise"]


def _compare(said: str, accepted: list[str], shown: str) -> CheckResult:
    if said in accepted:
        return CheckResult(passed=True, explanation="equals the target")
    wanted = " or ".join(repr(shorten(one)) for one in accepted[:5])
    return CheckResult(passed=False, explanation=f"expected {wanted}, got {shorten(shown)!r}")


class _ExactOptions(Options, frozen=True):
    strip: bool = True


class Exact:
    """The text equals the target, or one of a list. Option `strip` (true): white space around it does not count."""

    name: ClassVar[str] = "exact"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _ExactOptions, given)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Compare text by text."""
        accepted, said = alternatives(self.name, target), answer.text
        if self._options.strip:
            accepted, said = [one.strip() for one in accepted], said.strip()
        return _compare(said, accepted, answer.text)


class _NormalisedOptions(Options, frozen=True):
    case: bool = True
    punctuation: bool = True
    articles: bool = False
    drop: tuple[str, ...] = ()
    extract: str | None = None
    which: Literal["first", "last"] = "first"


_SEARCHED_CHARS = 20_000
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalise(text: str, *, case: bool = True, punctuation: bool = True, articles: bool = False) -> str:
    """Unicode NFKC, then without case, punctuation and (if asked) English articles; white space is one space.

    A sign between two digits stays (`3.5` is not `35`), as do a minus or a currency before a digit and `%`, `+`, `=`
    (they are symbols). A text of punctuation alone is kept as it is, so that it cannot equal an empty one.
    """
    text = unicodedata.normalize("NFKC", text)
    if case:
        text = text.casefold()
    whole = " ".join(text.split())
    if punctuation:
        text = "".join(" " if _is_separator(text, i) else sign for i, sign in enumerate(text))
    if articles:
        text = _ARTICLES.sub(" ", text)
    return " ".join(text.split()) or whole


def _is_separator(text: str, place: int) -> bool:
    sign = text[place]
    if sign == "%" or not unicodedata.category(sign).startswith("P"):
        return False
    after = text[place + 1 : place + 2]
    if not after.isdigit():
        return True
    before = text[place - 1 : place] if place else ""
    return sign not in ".,:/-" or not (before.isdigit() or (sign in "-." and not before.isalnum()))


class Normalised:
    """The text equals the target after `normalise`; options `case`, `punctuation`, `articles` say what is ignored.

    `extract` is a pattern: its first group (else all of it) stands for the answer, at the `first` or `last` place that
    matches; an answer without one does not pass. `drop` lists patterns whose matches are taken out of both sides first.
    They are searched in answers of at most 20,000 characters; see `regex` on patterns that take long.
    """

    name: ClassVar[str] = "normalised"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _NormalisedOptions, given)
        self._drop = [_compiled(self.name, one) for one in self._options.drop]
        self._extract = None if self._options.extract is None else _compiled(self.name, self._options.extract)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Compare the normalised forms."""
        accepted = [self._normalise(one) for one in alternatives(self.name, target)]
        if len(answer.text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"the answer is longer than {MAX_CHARS:,} characters")
        said = self._extracted(answer.text)
        if said is None:
            return CheckResult(passed=False, explanation=f"no {self._options.extract!r} in {shorten(answer.text)!r}")
        return _compare(self._normalise(said), accepted, answer.text)

    def _extracted(self, text: str) -> str | None:
        if self._extract is None:
            return text
        found = [*self._extract.finditer(text[:_SEARCHED_CHARS])]
        if not found:
            return None
        match = found[0 if self._options.which == "first" else -1]
        return next((group for group in match.groups() if group), match[0])

    def _normalise(self, text: str) -> str:
        o = self._options
        for pattern in self._drop:
            text = pattern.sub("", text) if len(text) <= _SEARCHED_CHARS else text
        return normalise(text, case=o.case, punctuation=o.punctuation, articles=o.articles)


def _compiled(check: str, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"check {check!r}: {pattern!r} is no pattern: {error}") from None


class _RegexOptions(Options, frozen=True):
    pattern: str | None = None
    mode: Literal["search", "fullmatch"] = "search"
    ignore_case: bool = False
    multiline: bool = False
    max_chars: int = 20_000


class Regex:
    """The text matches a pattern: the option `pattern`, or else the target.

    Python's engine cannot be cut off: a pattern with nested repeats (`(a+)+b`) can take exponential time on a short
    text. Patterns come from a team's own files; write repeats that cannot overlap, or possessive ones (`a++`).
    Answers longer than `max_chars` are not searched and do not pass.
    """

    name: ClassVar[str] = "regex"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _RegexOptions, given)
        flags = re.IGNORECASE if self._options.ignore_case else re.NOFLAG
        self._flags = flags | re.MULTILINE if self._options.multiline else flags
        pattern = self._options.pattern
        self._pattern = None if pattern is None else _compiled(self.name, pattern, self._flags)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Search the text, or match the whole of it."""
        patterns = [self._pattern] if self._pattern is not None else self._compiled(target)
        said = answer.text
        if len(said) > self._options.max_chars:
            explanation = f"the answer is longer than {self._options.max_chars:,} characters (option max_chars)"
            return CheckResult(passed=False, explanation=explanation)
        for pattern in patterns:
            match = pattern.search(said) if self._options.mode == "search" else pattern.fullmatch(said.strip())
            if match is not None:
                return CheckResult(passed=True, explanation=f"matches {shorten(pattern.pattern)!r}")
        wanted = " or ".join(repr(shorten(pattern.pattern)) for pattern in patterns)
        return CheckResult(passed=False, explanation=f"{shorten(said)!r} does not match {wanted}")

    def _compiled(self, target: object | None) -> list[re.Pattern[str]]:
        if target is None:
            raise EvalError("check 'regex' needs a pattern: set its option `pattern` or give each sample a target")
        try:
            return [re.compile(one, self._flags) for one in alternatives(self.name, target)]
        except (re.error, RecursionError, OverflowError) as error:
            raise EvalError(f"check 'regex': the target {target!r} is no pattern: {error}") from None
