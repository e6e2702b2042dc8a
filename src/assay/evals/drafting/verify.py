"""What checks can find wrong with a draft before a person looks at it."""

from __future__ import annotations

import msgspec

from assay.checks.text import normalise
from assay.errors import AssayError
from assay.evals.drafting.material import Passage
from assay.evals.graders.gold_answers import gold_answers, spoken
from assay.evals.graders.grading import grade
from assay.evals.suites.suite import Sample

__all__ = ["problems"]


async def problems(sample: Sample, passage: Passage, quote: str) -> tuple[str, ...]:
    """What is wrong with a sample, in sentences; graders that ask models are left out.

    Args:
        sample: as it would stand in the suite.
        passage: what it was written from.
        quote: what the model says makes its target right.
    """
    found: list[str] = []
    checked = msgspec.structs.replace(sample, graders=tuple(spec for spec in sample.graders if "check" in spec))
    if sample.target is None:
        found.append("there is no target")
    elif checked.graders:
        found += await _graded(checked)
    if passage.source in ("document", "code") and not _occurs(quote, passage.text):
        found.append("its quote is not in the material" if quote else "it quotes nothing from the material")
    return tuple(found)


async def _graded(sample: Sample) -> list[str]:
    """Its own target must pass; nothing, and the input said back, must not."""
    try:
        for right in gold_answers(sample):
            graded = await grade(sample, right)
            if graded.value != 1.0:
                why = graded.unscored or next(score.explanation for score in graded.scores if score.value != 1.0)
                return [f"its own target does not pass: {why}"]
        for name, text in (("an empty answer", ""), ("the input said back", sample.messages[-1].text)):
            if (await grade(sample, spoken(text))).value == 1.0:
                return [f"{name} passes"]
    except AssayError as error:
        return [str(error)]
    return []


def _occurs(quote: str, text: str) -> bool:
    return bool(quote) and f" {normalise(quote)} " in f" {normalise(text)} "
