"""Grading: a sample's graders applied to its answer. All graders of a sample must pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice

import msgspec

from assay.errors import AssayError, BudgetExceeded, SandboxError, SuiteError, WeightsError
from assay.evals.graders.grader import Grader, Score
from assay.evals.graders.judges import Judges
from assay.evals.graders.registry import make_grader, name_of, origin_of
from assay.evals.suites.suite import GraderSpec, Sample, Samples
from assay.types import Request, Response, Value

__all__ = [
    "Grade", "Score", "check_graders", "failed", "grade", "grader_of", "graders_of", "mistakes", "models_of",
    "score_of",
]  # fmt: skip

_AT_ONCE = 500


class Grade(Value, frozen=True, kw_only=True):
    """All scores of one answer, and what they come to.

    Attributes:
        value: the least of the scores: 1.0 when every grader passed; None when one is unscored and none failed.
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

    A grader that cannot decide (its database is gone, its judge does not answer) leaves the sample unscored; it is
    never counted as 0. Models are asked last, and not at all for an answer that has failed already.

    Args:
        sample: what was asked.
        response: the last answer.
        request: what it answers, with earlier turns; default: the sample's own.
        judges: the way to models that grade; default: none can be asked.

    Raises:
        BudgetExceeded, WeightsError: no model can be asked for a verdict, on this answer or another.
    """
    asked = request if request is not None else sample.request()
    way = judges if judges is not None else Judges()
    scores: dict[int, Score] = {}
    for place, spec in sorted(enumerate(sample.graders), key=lambda one: "grader" in one[1]):
        lost = any(score.value == 0.0 for score in scores.values())
        if lost and "grader" in spec:
            scores[place] = Score(grader=name_of(spec), value=None, explanation="not asked: the answer failed already")
        else:
            scores[place] = await score_of(spec, sample, asked, response, way)
    found = tuple(scores[place] for place in range(len(sample.graders)))
    return Grade(value=_least([score.value for score in found]), scores=found, usd=way.usd)


def _least(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if known and (min(known) == 0.0 or len(known) == len(values)):
        return min(known)
    return None


async def score_of(spec: GraderSpec, sample: Sample, request: Request, response: Response, judges: Judges) -> Score:
    """What one grader says; whatever goes wrong in it leaves the answer unscored.

    Raises:
        BudgetExceeded, WeightsError: as in `grade`.
    """
    try:
        return await grader_of(spec).grade(sample, request, response, judges)
    except (BudgetExceeded, WeightsError):
        raise
    except AssayError as error:
        return Score(grader=name_of(spec), value=None, explanation=f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; the sample stays unscored
        said = f"{origin_of(spec)} failed: {type(error).__name__}: {error}"
        return Score(grader=name_of(spec), value=None, explanation=said)


# -------------------------------------------------------------------------------- before money is spent


def check_graders(samples: Iterable[Sample]) -> None:
    """Make every grader and show it every sample, so that a mistake in a suite shows before money is spent.

    Raises:
        SuiteError: an option is wrong, a check or grader unknown, or a target of no use; names the first such sample.
    """
    found = next(mistakes(samples), None)
    if found is not None:
        sample, error = found
        raise SuiteError(f"{sample.where}: graders of sample {sample.id!r}: {error}") from error


def mistakes(samples: Iterable[Sample]) -> Iterator[tuple[Sample, AssayError]]:
    """Each sample that cannot be graded, with the first reason.

    That this machine has no sandbox, or that a query was cut there, is no mistake of the suite.
    """
    waiting = iter(samples)
    while some := list(islice(waiting, _AT_ONCE)):  # a large suite is read as it goes
        for spec, members in _by_spec(some):
            with suppress(Exception):  # each sample's own error comes from `accepts`, and a plug-in may raise anything
                grader_of(spec).prepare(members)
        for sample in some:
            error = _mistake(sample)
            if error is not None:
                yield sample, error


def _mistake(sample: Sample) -> AssayError | None:
    try:
        for spec in sample.graders:
            grader_of(spec).accepts(sample)
    except SandboxError:
        return None
    except AssayError as error:
        return error
    except Exception:  # noqa: BLE001 - a plug-in that breaks leaves samples unscored; the suite is not to blame
        return None
    return None


def _by_spec(samples: Sequence[Sample]) -> list[tuple[GraderSpec, list[Sample]]]:
    found: dict[bytes, tuple[GraderSpec, list[Sample]]] = {}
    for sample in samples:
        for spec in sample.graders:
            found.setdefault(_frozen(spec), (spec, []))[1].append(sample)
    return list(found.values())


def models_of(samples: Iterable[Sample]) -> tuple[str, ...]:
    """The deployments and routes that the graders of some samples ask, opponents included, sorted."""
    found = graders_of(samples)
    return tuple(sorted({name for _, grader in found for name in (*grader.models, *grader.opponents)}))


def graders_of(samples: Iterable[Sample]) -> list[tuple[GraderSpec, Grader]]:
    """Each different grader of some samples that asks models, in order of appearance."""
    seen: dict[bytes, GraderSpec] = {}
    for sample in samples.specimens() if isinstance(samples, Samples) else samples:
        for spec in sample.graders:
            if "grader" in spec:
                seen.setdefault(_frozen(spec), spec)
    made = [(spec, grader_of(spec)) for spec in seen.values()]
    return [(spec, grader) for spec, grader in made if grader.models]


def grader_of(spec: GraderSpec) -> Grader:
    """The grader that a table of a suite names; made once.

    Raises:
        ConfigError, PluginError: it cannot be made.
    """
    return _grader_of(_frozen(spec))


def _frozen(spec: GraderSpec) -> bytes:
    return msgspec.json.encode(spec, order="sorted")


@lru_cache(maxsize=1024)
def _grader_of(spec: bytes) -> Grader:
    return make_grader(msgspec.json.decode(spec))
