"""Whether a purse can pay for it: what every call costs at most is known before the first one is made."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from assay.errors import ConfigError, ConstraintError
from assay.evals.graders.grader import Grader
from assay.evals.graders.grading import graders_of
from assay.evals.graders.judges import KIND
from assay.evals.suites.suite import Suite
from assay.inference.bounds import reserve
from assay.inference.reach import calls_below
from assay.inference.spine import Spine
from assay.types import Message, Request, Sampling, Text

__all__ = ["check_judge", "check_judges", "check_targets"]

_VERDICT_TOKENS = 2000
"""Of a verdict at most, where a grader has no option that says so."""


def check_targets(spine: Spine, names: Iterable[str], suite: Suite) -> None:
    """Make sure that somebody knows what an answer of each target to each kind costs at most.

    Raises:
        ConfigError: there is no such target, or nobody knows.
    """
    requests = [suite.of(kind)[0].request() for kind in suite.kinds if suite.of(kind)]
    _check(spine, names, requests)


def check_judges(spine: Spine, suite: Suite) -> None:
    """The same of all that the graders of a suite ask: judges, and those whose answers they compare with.

    Raises:
        ConfigError: as `check_targets`.
    """
    for _, grader in graders_of(suite.samples):
        check_judge(spine, grader)
        check_targets(spine, grader.opponents, suite)


def check_judge(spine: Spine, grader: Grader) -> None:
    """The same of the models that one grader asks for verdicts.

    Raises:
        ConfigError: as `check_targets`.
    """
    _check(spine, grader.models, [_verdict(grader)])


def _verdict(grader: Grader) -> Request:
    """A request for a verdict, as far as its price depends on it."""
    said = grader.settings.get("max_tokens")
    limit = said if isinstance(said, int) else _VERDICT_TOKENS
    asked = Message(role="user", parts=(Text(text="?"),))
    return Request(messages=(asked,), kind=KIND, sampling=Sampling(max_tokens=limit))


def _check(spine: Spine, names: Iterable[str], requests: Iterable[Request]) -> None:
    for name, request in product(list(names), requests):
        try:
            for live, attempted in calls_below(spine, name, request):
                reserve(live, spine.constraints, attempted, budgeted=True)
        except ConstraintError as error:
            raise ConfigError(str(error)) from error
