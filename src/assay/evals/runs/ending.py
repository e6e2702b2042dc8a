"""How an evaluation ended: what has no score and why, and what was not asked any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from assay.errors import AssayError
from assay.evals.runs.outcomes import Outcomes
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.purse import Purse
from assay.numerals import plural, verb
from assay.types import Value

__all__ = ["Ending", "ending"]


class Ending(Value, frozen=True, kw_only=True):
    """Over all targets.

    Attributes:
        answers: that the suite asks for.
        unscored: answers that were asked for and have no score, by class of error.
        waiting: answers that come with batches which have not ended.
        left: answers that were not asked for, since the evaluation was stopped.
        stopped: by what; None = it came to its end.
        spent_usd, limit_usd: under `--max-usd`; what was spent in this call.
    """

    answers: int
    unscored: dict[str, int]
    waiting: int
    left: int
    stopped: str | None
    spent_usd: float | None
    limit_usd: float | None

    @property
    def whole(self) -> bool:
        """Whether every answer has a score."""
        return not self.unscored and not self.left and not self.waiting

    def told(self) -> str:
        """In a sentence or two."""
        said: list[str] = []
        answers = plural(self.answers, "answer")
        if self.stopped is not None:
            said.append(f"stopped, with {self.left} of {answers} not asked for: {self.stopped}.")
        if self.unscored:
            why = ", ".join(f"{count} {name}" for name, count in sorted(self.unscored.items(), key=lambda one: -one[1]))
            lacking = sum(self.unscored.values())
            said.append(f"{lacking} of {answers} {verb(lacking, 'has', 'have')} no score: {why}.")
        if self.waiting:
            come = verb(self.waiting, "comes", "come")
            said.append(f"{self.waiting} of {answers} {come} with batches that have not ended.")
        if said:
            said.append("What was done is kept; the same command asks for the rest.")
        return " ".join(said)


def ending(
    runner: Runner, runs: Sequence[Run], part: Suite, problem: AssayError | None = None, purse: Purse | None = None
) -> Ending:
    """How the evaluation of some runs over `part` ended.

    Args:
        runner: that evaluated them.
        runs: over which targets.
        part: of the suite.
        problem: what stopped it.
        purse: that it was paid from.
    """
    unscored: Counter[str] = Counter()
    answers = left = 0
    for run in runs:
        answers += sum(len(part.of(kind)) * runner.repeats(kind).times for kind in part.kinds)
        left += sum(1 for _ in runner.missing(run, part.samples))
        reasons = _unscored(run, part)
        left -= reasons.total()
        unscored += reasons
    waiting = sum(len(run.waiting) for run in runs)
    left -= waiting
    stopped = str(problem) if problem is not None else None
    return Ending(
        answers=answers,
        unscored=dict(unscored),
        waiting=waiting,
        left=left,
        stopped=stopped,
        spent_usd=purse.spent_usd if purse is not None else None,
        limit_usd=purse.limit_usd if purse is not None else None,
    )


def _unscored(run: Run, part: Suite) -> Counter[str]:
    if not isinstance(run.results, Outcomes):
        return Counter()
    return Counter(reason.partition(":")[0] for sample, reason in run.results.unscored() if part.samples.has(sample))
