"""The answer holds certain texts: anywhere, or at its start or end."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from assay.checks.check import MAX_CHARS, CheckResult, Options, alternatives, options, shorten
from assay.checks.text import normalise
from assay.types import Request, Response

__all__ = ["Contains"]


class _ContainsOptions(Options, frozen=True):
    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    at: Literal["anywhere", "start", "end"] = "anywhere"
    ignore: Literal["nothing", "case", "form"] = "nothing"
    trim: Literal["nothing", "space", "punctuation"] = "nothing"
    either: bool = False


class Contains:
    """The answer holds one of `any`, each of `all` and nothing of `none`; without these, one text of the target.

    Options: `at` = `anywhere` | `start` | `end`; `ignore` = `nothing` | `case` | `form` (case, punctuation and English
    articles, as `normalised` does); `trim` = `nothing` | `space` | `punctuation` (with white space) around answer and
    text; `either`: it is enough that the answer stands within the text, if it is not empty.
    """

    name: ClassVar[str] = "contains"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _ContainsOptions, given)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Look for each text."""
        o = self._options
        if len(answer.text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"the answer is longer than {MAX_CHARS:,} characters")
        wanted: Sequence[str] = o.any
        if not (o.any or o.all or o.none):
            wanted = alternatives(self.name, target)
        said = self._form(answer.text)
        wrong = self._wrong(said, wanted)
        return CheckResult(passed=wrong is None, explanation=wrong or f"{shorten(answer.text)!r} holds what is wanted")

    def _wrong(self, said: str, wanted: Sequence[str]) -> str | None:
        o = self._options
        missing = next((one for one in o.all if not self._holds(said, one)), None)
        if missing is not None:
            return f"{shorten(missing)!r} is not {self._place} {shorten(said)!r}"
        if wanted and not any(self._holds(said, one) for one in wanted):
            listed = " or ".join(repr(shorten(one)) for one in wanted[:5])
            return f"{listed} is not {self._place} {shorten(said)!r}"
        found = next((one for one in o.none if self._holds(said, one)), None)
        return None if found is None else f"{shorten(found)!r} is {self._place} {shorten(said)!r}"

    @property
    def _place(self) -> str:
        return {"anywhere": "in", "start": "at the start of", "end": "at the end of"}[self._options.at]

    def _holds(self, said: str, text: str) -> bool:
        wanted = self._form(text)
        if self._options.either and said and said in wanted:
            return True
        if self._options.either and not wanted:  # else every answer would hold it
            return not said
        if self._options.at == "start":
            return said.startswith(wanted)
        return said.endswith(wanted) if self._options.at == "end" else wanted in said

    def _form(self, text: str) -> str:
        o = self._options
        if o.ignore == "form":
            return normalise(text, articles=True)
        text = text.casefold() if o.ignore == "case" else text
        if o.trim == "nothing":
            return text
        return text.strip(string.whitespace + string.punctuation if o.trim == "punctuation" else None)
