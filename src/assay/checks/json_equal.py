"""The answer is the JSON value that is wanted."""

from __future__ import annotations

from typing import Any, ClassVar

from assay.checks.check import CheckResult, Options, options, shorten
from assay.checks.json_text import equal, parse
from assay.errors import EvalError
from assay.types import Request, Response

__all__ = ["JsonEqual"]


class _JsonEqualOptions(Options, frozen=True):
    text: bool = False
    any: bool = False
    fenced: bool = False


class JsonEqual:
    """The text is JSON, and equal to the target: the same keys and values, 1 equals 1.0, order of keys does not count.

    Options: `text`: the target is JSON text; `any`: it is a list, of which one must be equal; `fenced` accepts one
    Markdown code block. For parts of an object, and numbers with a tolerance, see `fields`.
    """

    name: ClassVar[str] = "json"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _JsonEqualOptions, given)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Parse the text and compare."""
        wanted = self._wanted(target)
        parsed = parse(answer.text, fenced=self._options.fenced)
        if parsed.error is not None:
            return CheckResult(passed=False, explanation=f"not JSON: {shorten(parsed.error)}")
        try:
            if any(equal(parsed.value, one) for one in wanted):
                return CheckResult(passed=True, explanation="equals the target")
            shown = " or ".join(shorten(repr(one)) for one in wanted[:5])
            return CheckResult(passed=False, explanation=f"expected {shown}, got {shorten(answer.text)!r}")
        except (RecursionError, ValueError):  # repr of a huge integer is refused by Python
            return CheckResult(passed=False, explanation="nested too deeply or too large to be compared")

    def _wanted(self, target: object | None) -> list[Any]:
        if target is None:
            raise EvalError("check 'json' compares with a target and got none; give each sample a target")
        found: list[Any] = target if self._options.any and isinstance(target, list) else [target]
        return [self._value(one) for one in found] if self._options.text else found

    def _value(self, text: Any) -> Any:
        parsed = parse(text) if isinstance(text, str) else None
        if parsed is None or parsed.error is not None:
            why = "it is no text" if parsed is None else parsed.error
            raise EvalError(f"check 'json': the target {shorten(repr(text))} is no JSON text: {why}")
        return parsed.value
