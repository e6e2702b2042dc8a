"""What a judge is asked, where another tool asks a model for its verdict in words of its own."""

from __future__ import annotations

from assay.evals.suites.samples import GraderSpec

__all__ = ["FACTS", "RIGHT", "criterion", "criterion_of", "judged"]

FACTS = (
    "The answer agrees with the reference in its facts. It may say less, more, or the same in other words; it fails "
    "when anything in it contradicts the reference."
)

RIGHT = "The answer is right by what the reference says, which is the right answer or a criterion for one."

_CRITERION = "The answer meets this criterion: "


def judged(judge: str, rubric: str, *, with_target: bool = False) -> GraderSpec:
    """A grader that asks the deployment or route `judge`."""
    return {"grader": "judge", "model": judge, "rubric": rubric, "with_target": with_target}


def criterion(text: str) -> str:
    """The rubric of a criterion."""
    return _CRITERION + text


def criterion_of(rubric: str) -> str | None:
    """The criterion of a rubric that `criterion` made."""
    return rubric.removeprefix(_CRITERION) if rubric.startswith(_CRITERION) else None
