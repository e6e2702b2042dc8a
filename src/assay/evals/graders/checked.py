"""A check as a grader: passed is 1, failed is 0."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import ClassVar

from assay.checks.check import Check
from assay.evals.graders.grader import Grader, Score, kept
from assay.evals.graders.judges import Judges
from assay.evals.suites.suite import Sample
from assay.types import Finish, Refusal, Request, Response, Text

__all__ = ["Checked"]

_QUICK = ("exact", "normalised")
_SHORT_CHARS = 10_000
_EMPTY = Response(finish=Finish(kind="stop"))


class Checked(Grader):
    """Wraps a check, which knows nothing of suites and asks no model."""

    name: ClassVar[str] = "check"

    def __init__(self, name: str, check: Check) -> None:
        self.check = check
        self._name = name
        self._quick = name in _QUICK

    async def grade(self, sample: Sample, request: Request, response: Response, judges: Judges) -> Score:
        """In a thread, unless the check is a plain one of ours and the answer short: that takes microseconds."""
        if self._quick and sum(len(text) for text in _texts(response)) < _SHORT_CHARS:
            return self._score(sample, request, response)
        return await asyncio.to_thread(self._score, sample, request, response)

    def prepare(self, samples: Sequence[Sample]) -> None:
        """Let the check see all targets first, if it wants to; what is wrong with one shows in `accepts`."""
        prepare = getattr(self.check, "prepare", None)
        if prepare is not None:
            prepare([sample.target for sample in samples])

    def accepts(self, sample: Sample) -> None:
        """Ask the check itself (`verify`), or try it on an empty answer: a wrong target shows with any answer."""
        verify = getattr(self.check, "verify", None)
        if verify is not None:
            verify(sample.target, sample.request())
        else:
            self.check.check(_EMPTY, sample.target, sample.request())

    def _score(self, sample: Sample, request: Request, response: Response) -> Score:
        result = self.check.check(response, sample.target, request)
        value = 1.0 if result.passed else 0.0
        return Score(grader=self._name, value=value, explanation=result.explanation, detail=kept(result.detail))


def _texts(response: Response) -> Iterator[str]:
    for part in response.parts:
        if isinstance(part, Text | Refusal):
            yield part.text
