"""What a run's graders say, put right by people who have read some of its answers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Literal, NamedTuple

from msgspec.structs import replace

from assay.evals.figures.metrics import GroupOf
from assay.evals.judging.labels import Labels, Verdicts, labelled, verdicts_of
from assay.evals.runs.outcomes import Outcomes
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Suite
from assay.ledger.rows import Outcome
from assay.ledger.store import Ledger
from assay.numerals import plural
from assay.stats.intervals import Interval
from assay.stats.misjudged import Confusion, true_share
from assay.stats.prediction_powered import FEWEST_LABELS, corrected_difference, corrected_share
from assay.types import Value

__all__ = [
    "NOBODY", "Correction", "GraderErrors", "People", "corrected", "corrected_lead", "corrections", "read_people",
]  # fmt: skip

Span = tuple[float, float]


class GraderErrors(Value, frozen=True, kw_only=True):
    """How graders err, with 95 % intervals; None where people called no answer right, or none wrong.

    Attributes:
        sensitivity: share of right answers that pass.
        specificity: share of wrong answers that fail.
    """

    sensitivity: float | None
    sensitivity_interval: Span | None
    specificity: float | None
    specificity_interval: Span | None


class Correction(Value, frozen=True, kw_only=True):
    """A figure as people see it, or why it cannot be told. Where samples have repeats, it is of single answers.

    Attributes:
        share: the share, or for two runs the difference of shares; None when it cannot be told.
        interval: 95 %.
        method: `prediction-powered` from labels of the run's own answers; `rogan-gladen` from labels of others' too.
        labels: answers that people have read.
        disagreed: on how many of them graders and people differ.
        errors: how graders err; None for a difference.
        reason: why it cannot be told.
    """

    share: float | None = None
    interval: Span | None = None
    method: Literal["prediction-powered", "rogan-gladen"] | None = None
    labels: int
    disagreed: float
    errors: GraderErrors | None = None
    reason: str | None = None


class People(NamedTuple):
    """What people say of some runs' answers.

    Attributes:
        verdicts: by run.
        others: (graders' value, people's) of labelled answers of runs that are not among them.
    """

    verdicts: dict[str, Verdicts]
    others: list[tuple[float, float]]


NOBODY = People({}, [])


async def read_people(labels: Labels, ledger: Ledger, runs: Sequence[Run]) -> People:
    """Match labels to the answers that the ledger has.

    Raises:
        LedgerError: it cannot be read.
    """
    own = {run.row.id for run in runs}
    verdicts = {run: await verdicts_of(labels, ledger, run) for run in own}
    others = [
        (value, human)
        for run in labels.runs
        if run not in own
        for value, human in (await labelled(labels, ledger, run)).values()
        if value is not None
    ]
    return People(verdicts, others)


def corrections(runs: Iterable[Run], suite: Suite, people: People) -> dict[str, Correction]:
    """By run, its share over the samples of real work as people see it; of runs that people have looked at."""
    real = suite.samples.made_up(False)
    return {
        run.row.id: corrected(run, real.ids, people.verdicts[run.row.id], real.group_of, people.others)
        for run in runs
        if run.row.id in people.verdicts
    }


def corrected(
    run: Run, samples: Iterable[str], verdicts: Verdicts, group_of: GroupOf, others: Sequence[tuple[float, float]] = ()
) -> Correction:
    """The share of a run's answers that people would call right.

    From labels of the run's own answers, if there are enough; else from how graders err on all labelled answers, those
    of other runs with them. Labels must be of answers that were chosen at random.

    Args:
        run: its results, with the values that graders gave.
        samples: ids of the samples that count.
        verdicts: what people say of its answers.
        group_of: see `GroupOf`.
        others: (graders' value, people's) of labelled answers of other runs.
    """
    scored = [row for one in samples for row in _answers(run, one) if row.value is not None]
    judged = [row.value or 0.0 for row in scored]
    human = [verdicts.get((row.sample_id, row.repeat)) for row in scored]
    both = [(a, b) for a, b in zip(judged, human, strict=True) if b is not None]
    seen = Confusion.of([a for a, _ in [*both, *others]], [b for _, b in [*both, *others]])
    own = Correction(labels=len(both), disagreed=sum(abs(a - b) for a, b in both), errors=_errors(seen))
    read = len({row.sample_id for row, one in zip(scored, human, strict=True) if one is not None})
    found = corrected_share(judged, human, [group_of(row.sample_id) or (row.sample_id,) for row in scored])
    if found is not None and read >= FEWEST_LABELS:  # repeats of one answer are read once
        return replace(own, share=found.value, interval=_span(found.interval), method="prediction-powered")
    labels = read + len(others)
    passed = sum(value >= 1.0 for value in judged)  # as `Confusion` counts, also where a grader gives fractions
    known = true_share(passed, len(judged), seen) if scored and labels >= FEWEST_LABELS else None
    if known is None:
        return replace(own, reason=_reason(seen, labels))
    wrong = float(seen.misses + seen.false_alarms)
    span = _span(known.interval)
    return replace(own, share=known.value, interval=span, method="rogan-gladen", labels=sum(seen), disagreed=wrong)


def corrected_lead(
    a: Run, b: Run, samples: Iterable[str], verdicts: tuple[Verdicts, Verdicts], group_of: GroupOf
) -> Correction:
    """The difference of two runs' shares as people see it, from samples of which people have read both answers."""
    judged: list[float] = []
    human: list[float | None] = []
    groups: list[Hashable] = []
    read: set[str] = set()
    for one in samples:
        for left, right in zip(_answers(a, one), _answers(b, one), strict=False):
            if left.value is None or right.value is None:
                continue
            x, y = verdicts[0].get((one, left.repeat)), verdicts[1].get((one, right.repeat))
            judged.append(left.value - right.value)
            human.append(x - y if x is not None and y is not None else None)
            if human[-1] is not None:
                read.add(one)
            groups.append(group_of(one) or (one,))
    both = [(x, y) for x, y in zip(judged, human, strict=True) if y is not None]
    own = Correction(labels=len(both), disagreed=sum(abs(x - y) for x, y in both))
    found = corrected_difference(judged, human, groups)
    if found is None or len(read) < FEWEST_LABELS:  # repeats of one answer are read once
        reason = f"people have read both answers to {plural(len(read), 'sample')}; {FEWEST_LABELS} are needed"
        return replace(own, reason=reason)
    return replace(own, share=found.value, interval=_span(found.interval), method="prediction-powered")


def _answers(run: Run, sample_id: str) -> list[Outcome]:
    if isinstance(run.results, Outcomes):
        return run.results.answers(sample_id)
    row = run.results.get(sample_id)
    return [row] if row is not None else []


def _errors(seen: Confusion) -> GraderErrors:
    right, wrong = seen.sensitivity, seen.specificity
    return GraderErrors(
        sensitivity=right,
        sensitivity_interval=_span(seen.sensitivity_interval()) if right is not None else None,
        specificity=wrong,
        specificity_interval=_span(seen.specificity_interval()) if wrong is not None else None,
    )


def _span(interval: Interval) -> Span:
    return interval.low, interval.high


def _reason(seen: Confusion, labels: int) -> str:
    if labels < FEWEST_LABELS:
        return f"{plural(labels, 'label')}; {FEWEST_LABELS} of this run's answers are needed"
    if seen.sensitivity is None or seen.specificity is None:
        which = "right" if seen.sensitivity is None else "wrong"
        return f"people called no answer {which}, so that nobody knows how graders err on such; label some more"
    return "graders pass wrong answers as often as right ones: they say nothing about these answers"
