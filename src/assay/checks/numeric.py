"""Finding and comparing *the* number of an answer."""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation, Overflow
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta

from assay.checks.check import MAX_CHARS, CheckResult, Options, alternatives, options, shorten
from assay.errors import EvalError
from assay.types import Request, Response

__all__ = ["Numeric", "close", "numbers"]

Tolerance = Annotated[float, Meta(ge=0)]

_CURRENCY = "$€£¥₹"
_SCALES = {"k": 3, "thousand": 3, "m": 6, "mn": 6, "million": 6, "bn": 9, "b": 9, "billion": 9, "trillion": 12}
_NUMBER = {
    decimal: re.compile(
        rf"""
        (?<![\w{re.escape(decimal)}])
        (?P<sign>[-−+])? \s? (?P<currency>[{_CURRENCY}])? \s? (?P<inner>[-−+])?
        (?P<whole>\d{{1,3}}(?:(?P<gap>[{group}'’ \u00a0\u202f_])\d{{3}})(?:(?P=gap)\d{{3}})*(?!\d)
                 |\d{{1,2}}(?:,\d{{2}})+,\d{{3}}(?!\d)
                 |\d{{1,400}}|(?={re.escape(decimal)}\d))
        (?:{re.escape(decimal)}(?P<part>\d{{0,400}}))?
        (?:[eE](?P<exponent>[-+]?\d{{1,3}})(?!\d))?
        (?![\d⁰¹²³⁴-⁹])
        (?P<tail>\s?%|\s?(?:thousand|million|billion|trillion|mn|bn)\b|[kKmMbB]\b)?
        """,
        re.VERBOSE,
    )
    for decimal, group in ((".", ","), (",", "."))
}
_CONTEXT = Context(prec=60, Emax=9999, Emin=-9999)


def numbers(text: str, *, decimal: Literal[".", ","] = ".", percent: bool = False) -> list[Decimal]:
    """The numbers of a text in order.

    Understood: signs (also U+2212), thousands separators (comma, space, apostrophe, underscore, Indian groups),
    exponents, `$ € £ ¥ ₹`, scale words (million) and `5k`; `5M` and `5B` are scaled after a currency only.
    A digit within a word (`Q1`, `GPT4`) or with a superscript is no number; a minus right after a word or number is
    a dash.

    Args:
        text: what to search.
        decimal: the decimal sign; the other of `.` and `,` then separates thousands.
        percent: `50%` is 0.5 rather than 50.
    """
    return [value for match in _NUMBER[decimal].finditer(text) if (value := _value(match, percent)) is not None]


def _value(match: re.Match[str], percent: bool) -> Decimal | None:
    whole = re.sub(r"\D", "", match["whole"]) or "0"
    sign = "-" if (match["sign"] or match["inner"]) in ("-", "−") else ""
    tail = (match["tail"] or "").strip().lower()
    scale = 0 if tail in ("m", "b") and not match["currency"] else _SCALES.get(tail, 0)
    shift = scale - 2 if tail == "%" and percent else scale
    try:
        value = _CONTEXT.create_decimal(f"{sign}{whole}.{match['part'] or ''}e{match['exponent'] or '0'}")
        return _CONTEXT.scaleb(value, shift)
    except (InvalidOperation, Overflow):
        return None


def close(said: Decimal, wanted: Decimal, abs_tol: float, rel_tol: float) -> bool:
    """|said - wanted| <= max(abs_tol, rel_tol * |wanted|), in decimal, so that 0.1 + 0.2 is 0.3."""
    allowed = max(Decimal(str(abs_tol)), _CONTEXT.multiply(Decimal(str(rel_tol)), abs(wanted)))
    return abs(_CONTEXT.subtract(said, wanted)) <= allowed


class _NumericOptions(Options, frozen=True):
    take: Literal["only", "first", "last"] = "only"
    abs_tol: Tolerance = 0.0
    rel_tol: Tolerance = 0.0
    decimal: Literal[".", ","] = "."
    percent: Literal["ignore", "fraction"] = "ignore"


class Numeric:
    """The number of the answer is the target's, within `abs_tol` or `rel_tol` (of the target).

    Options: `take` = `only` (default: an answer with several different numbers does not pass), `first` or `last`;
    `decimal` = `.` or `,`; `percent` = `ignore` (50% is 50) or `fraction` (50% is 0.5). A target is a number, a text
    with one number, or a list of alternatives.
    """

    name: ClassVar[str] = "numeric"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _NumericOptions, given)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Find the number and compare it."""
        o = self._options
        wanted = [self._wanted(one) for one in alternatives(self.name, target)]
        if len(answer.text) > MAX_CHARS:
            return CheckResult(passed=False, explanation=f"the answer is longer than {MAX_CHARS:,} characters")
        found = numbers(answer.text, decimal=o.decimal, percent=o.percent == "fraction")
        if not found:
            return CheckResult(passed=False, explanation=f"no number in {shorten(answer.text)!r}")
        if o.take == "only" and len(set(found)) > 1:
            shown = ", ".join(_shown(value) for value in list(dict.fromkeys(found))[:6])
            return CheckResult(passed=False, explanation=f"several different numbers: {shown}")
        said = found[0] if o.take == "first" else found[-1]
        if any(close(said, one, o.abs_tol, o.rel_tol) for one in wanted):
            return CheckResult(passed=True, explanation=f"{_shown(said)} is right")
        expected = " or ".join(_shown(one) for one in wanted[:5])
        return CheckResult(passed=False, explanation=f"expected {expected}, got {_shown(said)}")

    def _wanted(self, text: str) -> Decimal:
        o = self._options
        try:
            value = Decimal(text)
        except InvalidOperation:
            found = numbers(text, decimal=o.decimal, percent=o.percent == "fraction")
            if len(found) != 1:
                raise EvalError(f"check 'numeric': the target {shorten(text)!r} is not one number") from None
            return found[0]
        if not value.is_finite() or abs(value.adjusted()) > 2000:
            raise EvalError(f"check 'numeric': the target {shorten(text)!r} is not a finite number of sensible size")
        return value


def _shown(value: Decimal) -> str:
    return shorten(f"{value:g}" if -6 < value.adjusted() < 15 else str(value), 40)
