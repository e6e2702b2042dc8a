"""What a grader is, and what it says of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

import msgspec

from assay.checks.check import Options, shorten
from assay.checks.check import options as options_of
from assay.evals.graders.judges import Judges
from assay.evals.suites.suite import Sample
from assay.types import JsonObject, Request, Response, Value

__all__ = ["Grader", "Options", "Score", "kept", "options"]

O = TypeVar("O", bound=Options)  # noqa: E741 - the usual letter of a type variable
_MOST_BYTES = 1000


class Score(Value, frozen=True, kw_only=True):
    """What one grader says of one answer.

    Attributes:
        grader: its name.
        value: 1.0 = passed, 0.0 = failed, between them where a grader gives parts; None = *unscored*.
        explanation: why; for an unscored one, what is at fault.
        measure: what the value was made of, on the grader's own scale (a mark of 1 to 5, say).
        detail: what a program may want to know, at most 1,000 bytes of JSON.

    Raises:
        ValueError: the value lies outside of 0 to 1, or is no number (NaN).
    """

    grader: str
    value: float | None
    explanation: str = ""
    measure: float | None = None
    detail: JsonObject | None = None

    def __post_init__(self) -> None:
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a value lies between 0 and 1, not {self.value!r}")


@runtime_checkable
class Grader(Protocol):
    """Scores an answer; made from the keyword options of its table in a suite (`ConfigError` if they are wrong).

    Derive from this class: what need not be said has an answer here.
    """

    name: ClassVar[str]

    async def grade(self, sample: Sample, request: Request, response: Response, judges: Judges) -> Score:
        """Score an answer.

        Args:
            sample: what was asked, with its target.
            request: what the answer answers, earlier turns and their answers in it.
            response: the answer.
            judges: the way to models; what it costs is added up there.

        Raises:
            AssayError: it cannot be told; the answer stays unscored.
        """
        ...

    def prepare(self, samples: Sequence[Sample]) -> None:
        """Work that is cheaper for many samples at once, before they are shown to `accepts`. The default does none."""

    def accepts(self, sample: Sample) -> None:
        """Make sure that a sample can be graded, before its answer is paid for. The default takes every sample.

        Raises:
            EvalError: its target, or what it shows a model, is of no use to this grader.
        """

    @property
    def models(self) -> tuple[str, ...]:
        """Deployments and routes that it asks for verdicts. By default none."""
        return ()

    @property
    def opponents(self) -> tuple[str, ...]:
        """Deployments and routes whose answers it compares with. By default none."""
        return ()

    @property
    def settings(self) -> JsonObject:
        """What decides its scores besides the answer and those models: part of a run's identity. By default nothing."""
        return {}


def options(grader: str, kind: type[O], given: JsonObject) -> O:
    """The options of `grader`, validated.

    Raises:
        ConfigError: names the wrong option, and the nearest known one if it is unknown.
    """
    return options_of(grader, kind, given, what="grader")


def kept(detail: JsonObject | None) -> JsonObject | None:
    """A detail that is small enough to be kept with a result; long texts in it are cut, and what is larger is left."""
    if not detail:
        return None
    short = {key: shorten(value, 200) if isinstance(value, str) else value for key, value in detail.items()}
    return short if len(msgspec.json.encode(short, enc_hook=str)) <= _MOST_BYTES else None
