"""Answers that cost no thought, given to the graders: constants, the question itself, and the right answers.

A constant that passes says how little a score may mean; a right answer that fails says that the sample is wrong.
Graders that ask models are left out: nothing is spent here. Those that start a sandbox see fewer samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

import msgspec

from assay.evals.graders.gold_answers import gold_answers, spoken
from assay.evals.graders.grading import grade
from assay.evals.suites.sample import Sample
from assay.evals.suites.suite import Suite
from assay.types import Response

__all__ = ["COMMONPLACES", "ECHO", "Baseline", "GoldFailure", "Trials", "baseline_of", "try_answers"]

COMMONPLACES = ("", "I don't know.", "I cannot help with that.", "yes", "no", "0", "1", "{}", "[]", "UNANSWERABLE")
"""What a model says that has not looked at the question."""

ECHO = "the question itself"
_SLOW = {"sql", "tests", "script"}
_QUICK_SAMPLES, _SLOW_SAMPLES = 100, 8
_SLOW_GOLD_SAMPLES = 40
_LABELS = 3


class Baseline(NamedTuple):
    """What the best constant answer scores in a kind.

    Attributes:
        answer: the constant, or `ECHO`.
        passed: samples that it passes.
        tried: samples that it was tried on: all, or the first ones of a large kind.
    """

    answer: str
    passed: int
    tried: int

    @property
    def share(self) -> float:
        """Of those that were tried."""
        return self.passed / self.tried if self.tried else 0.0


class GoldFailure(NamedTuple):
    """A right answer that does not pass."""

    sample: str
    answer: str
    grader: str
    explanation: str


class Trials(NamedTuple):
    """What was tried.

    Attributes:
        baselines: of each kind that has graders without models, the best constant, then the question itself.
        failures: right answers that fail.
        gold: how many right answers were tried.
    """

    baselines: dict[str, tuple[Baseline, ...]]
    failures: tuple[GoldFailure, ...]
    gold: int


async def try_answers(suite: Suite) -> Trials:
    """Give the graders of a suite constants and right answers. What cannot be graded here is passed over."""
    baselines: dict[str, tuple[Baseline, ...]] = {}
    failures: list[GoldFailure] = []
    gold = 0
    for kind in suite.kinds:
        samples = suite.of(kind)
        found = await _baselines(_quickly(samples))
        if found:
            baselines[kind] = found
        tried, wrong = await _gold_failures(samples)
        gold += tried
        failures += wrong
    return Trials(baselines, tuple(failures), gold)


async def baseline_of(samples: Sequence[Sample]) -> Baseline | None:
    """The best constant answer to the first samples of a kind; None where grading takes long, or asks a model."""
    if not samples or _is_slow(samples[0]):
        return None
    found = await _baselines(_quickly(samples))
    return found[0] if found and found[0].tried else None


def _quickly(samples: Sequence[Sample]) -> list[Sample]:
    """The first samples of a kind that no model is asked to grade."""
    some = samples[: _SLOW_SAMPLES if _is_slow(samples[0]) else _QUICK_SAMPLES]
    return [one for one in some if all("check" in spec for spec in one.graders)]


def _without_models(sample: Sample) -> Sample | None:
    checks = tuple(spec for spec in sample.graders if "check" in spec)
    return msgspec.structs.replace(sample, graders=checks) if checks else None


def _is_slow(sample: Sample) -> bool:
    return any(spec.get("check") in _SLOW for spec in sample.graders)


# -------------------------------------------------------------------------------------- constants


async def _baselines(samples: Sequence[Sample]) -> tuple[Baseline, ...]:
    """The best constant, and the question itself."""
    if not samples:
        return ()
    constants = [Baseline(one, *await _share(samples, spoken(one))) for one in _constants(samples)]
    best = max(constants, key=lambda one: one.passed)
    passed = [await _passes(sample, spoken(_question(sample))) for sample in samples]
    echo = Baseline(ECHO, sum(one is True for one in passed), sum(one is not None for one in passed))
    return (best, echo) if best.tried or echo.tried else ()


def _constants(samples: Sequence[Sample]) -> list[str]:
    """The most frequent right answers, then commonplaces; of slow graders the empty answer and the best label."""
    right = Counter(answers[0].text for sample in samples if (answers := gold_answers(sample)) and answers[0].text)
    often = [text for text, _ in right.most_common(_LABELS)]
    commonplaces = COMMONPLACES[:1] if _is_slow(samples[0]) else COMMONPLACES
    return list(dict.fromkeys((*(often[:1] if _is_slow(samples[0]) else often), *commonplaces)))


async def _share(samples: Sequence[Sample], answer: Response) -> tuple[int, int]:
    found = [await _passes(sample, answer) for sample in samples]
    return sum(one is True for one in found), sum(one is not None for one in found)


def _question(sample: Sample) -> str:
    return next((message.text for message in reversed(sample.messages) if message.role == "user"), "")


async def _passes(sample: Sample, answer: Response) -> bool | None:
    result = await grade(sample, answer)
    return None if result.value is None else result.value >= 1.0


# ----------------------------------------------------------------------------------- right answers


async def _gold_failures(samples: Iterable[Sample]) -> tuple[int, list[GoldFailure]]:
    tried, slow = 0, 0
    found: list[GoldFailure] = []
    for sample in samples:
        slow += _is_slow(sample)
        checked = _without_models(sample)
        if checked is None or (_is_slow(sample) and slow > _SLOW_GOLD_SAMPLES):
            continue
        async for failure in _failing(checked, answers := gold_answers(checked)):
            found.append(failure)
        tried += bool(answers)
    return tried, found


async def _failing(sample: Sample, answers: Sequence[Response]) -> AsyncIterator[GoldFailure]:
    for answer in answers:
        result = await grade(sample, answer)
        wrong = next((score for score in result.scores if score.value is not None and score.value < 1.0), None)
        if wrong is not None:
            shown = answer.text or ", ".join(f"{call.name}({call.arguments})" for call in answer.tool_calls)
            yield GoldFailure(sample.id, shown, wrong.grader, wrong.explanation)
