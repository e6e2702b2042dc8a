"""An answer from given documents: it says what is right, and names the documents that it has it from."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from assay.checks.check import MAX_CHARS, CheckResult, Options, options, shorten
from assay.checks.citations import CITED, citation_pattern, cited_ids, documents
from assay.checks.numeric import Tolerance, close, numbers
from assay.checks.text import normalise
from assay.errors import EvalError
from assay.types import Request, Response

__all__ = ["Sources"]

_MAX_CITED = 100


class _SourcesOptions(Options, frozen=True):
    pattern: str = CITED
    match: Literal["exact", "at_least"] = "exact"
    abs_tol: Tolerance = 0.0
    rel_tol: Tolerance = 0.0


_Texts = str | Annotated[tuple[str, ...], Meta(min_length=1)]
_Numbers = int | float | Annotated[tuple[int | float, ...], Meta(min_length=1)]


class _Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    answer: _Texts | None = None
    numeric: _Numbers | None = None
    sources: tuple[str, ...] | None = None


class Sources:
    """The answer holds what is wanted and cites the right documents of the request, and no other.

    A target is `{ answer, numeric, sources }`: `answer` is a text, or a list of which one must occur as whole words
    after normalisation; `numeric` a number, or a list of which one must be among the numbers of the answer; `sources`
    the ids to cite, all of them, none for `[]`. Citations are taken out before the answer is looked for. What is known
    are the ids of `<document id="...">` in the request's messages and those of the target; case does not count. A
    target that is missing, as in a cascade, wants at least one citation.

    Options: `pattern`, whose first group is what a citation names, ids separated by commas or semicolons (default:
    `[id]` that is no Markdown link, also in bold, with escaped brackets or as 【id】); `match` = `exact` or `at_least`;
    `abs_tol`, `rel_tol` of `numeric`.

    That the words occur does not say that they are meant: "not 30 days" holds "30 days". Ask for short answers.
    """

    name: ClassVar[str] = "sources"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _SourcesOptions, given)
        self._pattern = citation_pattern(self.name, self._options.pattern)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Look at the citations first, then for the answer; `detail.cited` lists the documents."""
        wanted = _target(target)
        text = answer.text
        if len(text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"the answer is longer than {MAX_CHARS:,} characters")
        cited = cited_ids(self._pattern, text)
        wrong = self._wrong_sources(cited, wanted, list(documents(request)))
        wrong = wrong or self._wrong_answer(self._pattern.sub(" ", text), wanted)
        detail = {"cited": [shorten(one, 60) for one in cited[:20]]}
        return CheckResult(passed=wrong is None, explanation=wrong or _said(cited), detail=detail)

    def _wrong_sources(self, cited: list[str], wanted: _Target | None, known: list[str]) -> str | None:
        if len(cited) > _MAX_CITED:
            return f"cites more than {_MAX_CITED} documents"
        named = [] if wanted is None else [one.casefold() for one in wanted.sources or ()]
        unknown = next((one for one in cited if one not in known and one not in named), None)
        if unknown is not None and known:
            return f"cites {shorten(unknown, 60)!r}, which is no document of the request ({_listed(known)})"
        missing = next((one for one in named if one not in cited), None)
        if missing is not None:
            return f"does not cite {missing!r}; cites {_listed(cited)}"
        if wanted is None:
            return None if cited else "cites no document"
        further = next((one for one in cited if one not in named), None)
        if further is not None and wanted.sources is not None and self._options.match == "exact":
            return f"cites {shorten(further, 60)!r} too; expected {_listed(named)}"
        return None

    def _wrong_answer(self, text: str, wanted: _Target | None) -> str | None:
        """Why the answer is not the right one; `text` has no citations any more."""
        if wanted is not None and wanted.answer is not None:
            accepted = (wanted.answer,) if isinstance(wanted.answer, str) else wanted.answer
            said = f" {normalise(text)} "
            if not any(f" {normalise(one)} " in said for one in accepted):
                return f"expected {' or '.join(repr(shorten(one)) for one in accepted[:5])} in {shorten(text)!r}"
        if wanted is not None and wanted.numeric is not None:
            right = wanted.numeric if isinstance(wanted.numeric, tuple) else (wanted.numeric,)
            o = self._options
            found = numbers(text)
            if not any(close(one, Decimal(str(value)), o.abs_tol, o.rel_tol) for one in found for value in right):
                return f"expected the number {' or '.join(map(str, right[:5]))} in {shorten(text)!r}"
        return None


def _target(target: object | None) -> _Target | None:
    if target is None:
        return None
    try:
        wanted = msgspec.convert(target, _Target)
    except msgspec.ValidationError as error:
        raise EvalError(f"check 'sources': a target is {{ answer, numeric, sources }}: {error}") from None
    if wanted.answer is None and wanted.numeric is None and wanted.sources is None:
        raise EvalError("check 'sources': the target is empty; give `answer` or `numeric`, and `sources`")
    return wanted


def _listed(ids: list[str]) -> str:
    return ", ".join(repr(shorten(one, 40)) for one in ids[:8]) + (", …" if len(ids) > 8 else "") if ids else "nothing"


def _said(cited: list[str]) -> str:
    return f"the answer is right and cites {_listed(cited)}"
