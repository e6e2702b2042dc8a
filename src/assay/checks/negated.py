"""The answer does not pass another check."""

from __future__ import annotations

from typing import Any, ClassVar

from assay.checks.check import CheckResult, Options, options
from assay.checks.registry import make_check
from assay.types import Request, Response

__all__ = ["Negated"]


class _NegatedOptions(Options, frozen=True):
    of: dict[str, Any]
    target: Any = None


class Negated:
    """Passes where the check `of` does not: `{ check = "not", of = { check = "schema", schema = {} } }`.

    Option `target`: what `of` compares with; default: the sample's. What `of` cannot decide, this cannot either.
    """

    name: ClassVar[str] = "not"

    def __init__(self, **given: Any) -> None:
        self._options = options(self.name, _NegatedOptions, given)
        self._of = make_check(self._options.of)

    def check(self, answer: Response, target: object | None, request: Request | None) -> CheckResult:
        """Ask the other check, and turn its result round."""
        wanted = self._options.target if self._options.target is not None else target
        result = self._of.check(answer, wanted, request)
        said = f"{'must not, but ' if result.passed else ''}{result.explanation}"
        return CheckResult(passed=not result.passed, explanation=said)
