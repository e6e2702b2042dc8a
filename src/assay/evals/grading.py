"""Graders: checks and their options applied to a sample's answer. All graders of a sample must pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from assay.checks.check import Check
from assay.checks.registry import make_check
from assay.errors import AssayError, SuiteError
from assay.evals.judges import Judges
from assay.evals.suite import GraderSpec, Sample
from assay.types import Refusal, Request, Response, Text, Value

_QUICK = ("exact", "normalised")
_SHORT_CHARS = 10_000


class Score(Value, frozen=True, kw_only=True):
    """What one grader says of one answer. `value` is None for *unscored*, and `explanation` says why."""

    grader: str
    value: float | None
    explanation: str = ""


class Grade(Value, frozen=True, kw_only=True):
    """All scores of one answer, and what they come to.

    Attributes:
        value: 1.0 when every grader passed, 0.0 when one failed, None when none failed and one is unscored.
        usd: what grading cost (judges); None = not known.
    """

    value: float | None
    scores: tuple[Score, ...]
    usd: float | None = 0.0

    @property
    def unscored(self) -> str | None:
        """Why there is no value."""
        if self.value is not None:
            return None
        return "; ".join(score.explanation for score in self.scores if score.value is None) or "no grader"


def failed(grader: str, explanation: str) -> Grade:
    """The grade of a sample that a model cannot do at all."""
    return Grade(value=0.0, scores=(Score(grader=grader, value=0.0, explanation=explanation),))


async def grade(
    sample: Sample, response: Response, *, request: Request | None = None, judges: Judges | None = None
) -> Grade:
    """Run a sample's graders on an answer.

    A check that cannot decide (its database is gone, say) leaves the sample unscored; it is never counted as 0.

    Args:
        sample: what was asked.
        response: the last answer.
        request: what it answers, with earlier turns; default: the sample's own.
        judges: the way to models that grade.
    """
    asked = request if request is not None else sample.request()
    scores = [await _score_aside(spec, sample, asked, response) for spec in sample.graders]
    values = [score.value for score in scores]
    if any(value == 0.0 for value in values):
        total: float | None = 0.0
    else:
        total = None if not values or None in values else 1.0
    return Grade(value=total, scores=tuple(scores), usd=judges.usd if judges is not None else 0.0)


def check_graders(samples: tuple[Sample, ...]) -> None:
    """Make every grader once, so that a mistake in a suite shows before money is spent.

    Raises:
        SuiteError: an option is wrong or a check unknown; names the first sample that it concerns.
    """
    for sample in samples:
        for spec in sample.graders:
            try:
                _check_of(_frozen(spec))
            except AssayError as error:
                raise SuiteError(f"{sample.where}: graders of sample {sample.id!r}: {error}") from error


async def _score_aside(spec: GraderSpec, sample: Sample, request: Request, response: Response) -> Score:
    """In a thread, unless the check is a plain one of ours and the answer short: that takes microseconds."""
    if spec.get("check") in _QUICK and sum(len(text) for text in _texts(response)) < _SHORT_CHARS:
        return _score(spec, sample, request, response)
    return await asyncio.to_thread(_score, spec, sample, request, response)


def _texts(response: Response) -> Iterator[str]:
    for part in response.parts:
        if isinstance(part, Text | Refusal):
            yield part.text


def _score(spec: GraderSpec, sample: Sample, request: Request, response: Response) -> Score:
    name = str(spec.get("check", ""))
    try:
        result = _check_of(_frozen(spec)).check(response, sample.target, request)
    except AssayError as error:
        return Score(grader=name, value=None, explanation=f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - a plug-in's check may raise anything; the sample stays unscored
        return Score(grader=name, value=None, explanation=f"check {name!r} failed: {type(error).__name__}: {error}")
    return Score(grader=name, value=1.0 if result.passed else 0.0, explanation=result.explanation)


def _frozen(spec: GraderSpec) -> bytes:
    return msgspec.json.encode(spec, order="sorted")


@lru_cache(maxsize=1024)
def _check_of(spec: bytes) -> Check:
    return make_check(msgspec.json.decode(spec))
