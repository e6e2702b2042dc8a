"""The answer is a JSON object whose fields equal the target's."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, ClassVar, Literal

import msgspec

from assay.checks.check import CheckResult, Options, options, shorten
from assay.checks.json_text import equal, parse
from assay.checks.numeric import Tolerance, close, numbers
from assay.checks.text import normalise
from assay.errors import EvalError
from assay.numerals import plural
from assay.types import Request, Response

__all__ = ["FieldRule", "Fields"]

How = Literal["exact", "normalised", "numeric"]


class FieldRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one field is compared; the tolerances are for `numeric`."""

    how: How = "numeric"
    abs_tol: Tolerance = 0.0
    rel_tol: Tolerance = 0.0


class _FieldsOptions(Options, frozen=True):
    fields: dict[str, How | FieldRule] = {}
    default: How = "exact"
    extra: Literal["allow", "forbid"] = "allow"
    fenced: bool = False


class Fields:
    """The text is a JSON object, and each field of the target (an object, or JSON text of one) is as wanted.

    Options: `fields` = field -> `exact` | `normalised` | `numeric` | `{ how, abs_tol, rel_tol }`; `default` for the
    others (`exact`: JSON equality, 1 equals 1.0); `extra` = `allow` | `forbid` fields that the target has not;
    `fenced` accepts one Markdown code block. `detail.right`, `detail.of` allow partial credit.
    """

    name: ClassVar[str] = "fields"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _FieldsOptions, given)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Compare field by field; the explanation lists each wrong one."""
        wanted = _object(target)
        parsed = parse(answer.text, fenced=self._options.fenced)
        if parsed.error is not None:
            return self._wrong({"": f"not JSON: {shorten(parsed.error)}"}, 0, len(wanted))
        if not isinstance(parsed.value, dict):
            return self._wrong({"": "not a JSON object"}, 0, len(wanted))
        wrong = {key: said for key, value in wanted.items() if (said := self._compare(key, value, parsed.value))}
        right = len(wanted) - len(wrong)
        if self._options.extra == "forbid":
            wrong |= {key: "is not wanted" for key in sorted(parsed.value.keys() - wanted.keys())[:20]}
        if wrong:
            return self._wrong(wrong, right, len(wanted))
        explanation = f"{plural(len(wanted), 'field')}, all right"
        return CheckResult(passed=True, explanation=explanation, detail={"right": right, "of": right, "wrong": []})

    def _wrong(self, wrong: dict[str, str], right: int, of: int) -> CheckResult:
        said = "; ".join(f"{shorten(key, 40)}: {why}" if key else why for key, why in wrong.items())
        return CheckResult(
            passed=False,
            explanation=shorten(said, 2000),
            detail={"right": right, "of": of, "wrong": [shorten(key) for key in wrong if key]},
        )

    def _compare(self, key: str, wanted: Any, found: dict[str, Any]) -> str | None:
        """Why the field is wrong; `None` when it is right."""
        if key not in found:
            return "is missing"
        rule = self._options.fields.get(key, self._options.default)
        if not isinstance(rule, FieldRule):
            rule = FieldRule(how=rule)
        try:
            if _same(found[key], wanted, rule):
                return None
            return f"expected {shorten(repr(wanted), 60)}, got {shorten(repr(found[key]), 60)}"
        except (RecursionError, ValueError):  # repr of a huge integer is refused by Python
            return "is nested too deeply or too large"


def _object(target: object | None) -> dict[str, Any]:
    if target is None:
        raise EvalError("check 'fields' compares with a target and got none; give each sample an object")
    if isinstance(target, str):
        try:
            target = json.loads(target)
        except ValueError:
            target = None
    if not isinstance(target, dict) or not target:
        raise EvalError("check 'fields': a target is a JSON object with at least one field")
    return target


def _same(found: Any, wanted: Any, rule: FieldRule) -> bool:
    if rule.how == "exact" or found is None or wanted is None:
        return equal(found, wanted)
    if rule.how == "normalised" and isinstance(found, str) and isinstance(wanted, str):
        return normalise(found) == normalise(wanted)
    if rule.how == "numeric":
        one, other = _number(found), _number(wanted)
        return one is not None and other is not None and close(one, other, rule.abs_tol, rule.rel_tol)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(_same(f, w, rule) for f, w in zip(found, wanted, strict=True))
    return equal(found, wanted)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = numbers(value if isinstance(value, str) else str(value))
    return found[0] if len(found) == 1 else None
