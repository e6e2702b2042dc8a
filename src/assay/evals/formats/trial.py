"""Trying a sample's graders before it is written: what cannot grade is told at once, before an answer is paid for."""

from __future__ import annotations

import json
from functools import lru_cache

from assay.checks.check import Check
from assay.checks.registry import make_check
from assay.errors import AssayError, EvalError, SuiteError
from assay.evals.graders.registry import make_grader
from assay.evals.suites.samples import GraderSpec
from assay.types import Response

__all__ = ["check_graders"]

_PURE = ("exact", "normalised", "contains", "choice", "json", "not", "numeric", "regex", "fields")
"""Checks that may be tried on an empty answer to see whether they can use a target: nothing is run for it."""


def check_graders(graders: tuple[GraderSpec, ...], target: object) -> None:
    """Make the graders of one sample, and see that they can use its target.

    Raises:
        SuiteError: there are none, one cannot be made, or the target is missing or of the wrong kind.
    """
    if not graders:
        raise SuiteError("nothing says what a right answer is; name a grader with --grader")
    for spec in graders:
        try:
            check = _check_of(json.dumps(spec, sort_keys=True))
            if check is not None and check.name in _PURE:
                check.check(Response(parts=()), target, None)
        except EvalError as error:
            raise SuiteError(_without_value(str(error))) from error
        except (AssayError, TypeError) as error:
            raise SuiteError(f"a grader cannot be made: {error}") from error


def _without_value(message: str) -> str:
    """A check's message in which the value itself is left out, so that refusals with one reason are counted as one."""
    return message.partition(", not ")[0]


@lru_cache(maxsize=1024)
def _check_of(spec: str) -> Check | None:
    """The check of a spec; None for a grader that is no check."""
    given = json.loads(spec)
    if "grader" not in given:
        return make_check(given)
    make_grader(given)
    return None
