"""Keeps a gate's canaries out of reports: a text in which the leak check would find one is withheld as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from assay.checks.leak import Leak
from assay.errors import ConfigError
from assay.evals.graders.grader import Score
from assay.evals.graders.registry import with_inner
from assay.evals.suites.suite import Sample
from assay.report.shown import Passage, passage
from assay.types import Response, Text

LEAK = Leak.name
_LOOKS = (LEAK, "ensemble")  # which may have a leak check within
WITHHELD = "withheld: the leak check finds a secret in it"


class Mask:
    """The canaries of all samples of a suite; whoever writes one, wherever, is not quoted.

    Args:
        samples: of the whole suite: a secret of one kind may turn up in an answer to another.
        changed: the suite is not the one that was graded with, so its canaries may be others: what the leak check did
            not pass then is withheld as well.
    """

    def __init__(self, samples: Iterable[Sample], *, changed: bool = False) -> None:
        self._check = _leak_of({canary for sample in samples for canary in _canaries(sample)})
        self._changed = changed

    def passage(self, text: str, scores: Sequence[Score] = ()) -> Passage:
        """The text, cut; withheld where a canary occurs, or where that cannot be told any more."""
        doubted = self._changed and any(score.grader in _LOOKS and score.value != 1.0 for score in scores)
        if doubted or self.hides(text):
            return Passage(head="", withheld=WITHHELD)
        return passage(text)

    def hides(self, text: str) -> bool:
        """Whether a canary occurs, plainly or in one of the disguises that the leak check knows."""
        if self._check is None or not text:
            return False
        return not self._check.check(Response(parts=(Text(text=text),)), None, None).passed


def _leak_of(canaries: set[str]) -> Leak | None:
    """One check for all; a canary too short for the check was never looked for, and is not here either."""
    usable = []
    for canary in sorted(canaries):
        try:
            Leak(canaries=(canary,))
        except ConfigError:
            continue
        usable.append(canary)
    return Leak(canaries=tuple(usable)) if usable else None


def _canaries(sample: Sample) -> Iterator[str]:
    for spec in (inner for outer in sample.graders for inner in with_inner(outer)):
        if spec.get("check") != LEAK:
            continue
        given = spec.get("canaries")
        if given is None:
            given = sample.target.get("canaries") if isinstance(sample.target, dict) else sample.target
        yield from _texts(given)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value)
