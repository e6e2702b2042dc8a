"""Which samples a report shows, and how: those where candidates differ, or those that a run did not pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from assay.evals.graders.grader import Score
from assay.evals.suites.readable import readable, turns
from assay.evals.suites.suite import Sample, Suite
from assay.ledger.rows import ResultRow
from assay.report.mask import LEAK, WITHHELD, Mask
from assay.report.shown import visible, written
from assay.report.view import AnswerView, Samples, SampleView, TurnView, Words
from assay.types import Label, Message

PER_KIND = 5
"""Samples of each kind that a report shows, unless told otherwise."""

Rows = Mapping[str, Mapping[str, ResultRow]]
"""Candidate -> sample id -> what came of it."""


def by_sample(results: Mapping[str, Sequence[ResultRow]]) -> Rows:
    """The rows of each candidate's run by sample."""
    return {name: {row.sample_id: row for row in rows} for name, rows in results.items()}


def differing(suite: Suite, rows: Rows, chosen: Mapping[str, str | None]) -> list[Sample]:
    """The samples that some candidate passed and another did not, where the chosen one did not pass first.

    Args:
        suite: cut to what was decided on.
        rows: what came of each sample, by candidate.
        chosen: kind -> chosen candidate.
    """
    found = []
    for sample in suite.samples:
        values = [row.value for one in rows.values() if (row := one.get(sample.id)) is not None]
        if len({_outcome(value) for value in values}) > 1:
            found.append(sample)

    def lost(sample: Sample) -> bool:
        row = rows.get(chosen.get(sample.kind) or "", {}).get(sample.id)
        return row is not None and _outcome(row.value) != "passed"

    return sorted(found, key=lambda sample: not lost(sample))


def not_passed(suite: Suite, rows: Mapping[str, ResultRow]) -> list[Sample]:
    """The samples of a run that failed, then those without a score."""
    found = [
        (sample, row.value)
        for sample in suite.samples
        if (row := rows.get(sample.id)) is not None and _outcome(row.value) != "passed"
    ]
    return [sample for sample, _ in sorted(found, key=lambda one: one[1] is None)]


def show(
    found: Sequence[Sample], rows: Rows, letters: Mapping[str, str], mask: Mask, per_kind: int, note: str = ""
) -> Samples:
    """Samples with the answers to them, at most so many of each kind, kinds together.

    Args:
        found: in order of interest.
        rows: what came of each sample, by candidate.
        letters: candidate -> its mark, in the order to show them in.
        mask: withholds what must stay secret.
        per_kind: most of each kind; 0 = none.
        note: what to mind when reading them.
    """
    kept: dict[str, list[Sample]] = {}
    for sample in found:
        group = kept.setdefault(sample.kind, [])
        if len(group) < per_kind:
            group.append(sample)
    shown = [sample for group in kept.values() for sample in group]
    return Samples(
        shown=tuple(_sample(sample, rows, letters, mask) for sample in shown),
        found=len(found),
        note=note,
        private=any(sample.label is Label.PRIVATE_ONLY for sample in shown),
    )


def _sample(sample: Sample, rows: Rows, letters: Mapping[str, str], mask: Mask) -> SampleView:
    answers = [
        _answer(name, letters[name], row, mask)
        for name in letters
        if (row := rows.get(name, {}).get(sample.id)) is not None
    ]
    return SampleView(
        id=visible(sample.id),
        kind=sample.kind,
        label=sample.label.value,
        turns=tuple(TurnView(role=one.role, text=mask.passage(_said(one))) for one in turns(sample)),
        target=mask.passage(written(sample.target)) if sample.target is not None else None,
        answers=tuple(answers),
    )


def _answer(name: str, letter: str, row: ResultRow, mask: Mask) -> AnswerView:
    scores = _scores(row.scores)
    text = mask.passage(row.answer or "", scores)
    words = [
        Words(grader=one.grader, passed=_passed(one.value), text=_quoted(one, mask, hidden=bool(text.withheld)))
        for one in scores
    ]
    if row.unscored and not scores:
        words.append(
            Words(grader="", passed=None, text=WITHHELD if mask.hides(row.unscored) else visible(row.unscored))
        )
    return AnswerView(
        letter=letter,
        name=name,
        outcome=_outcome(row.value),
        text=text,
        words=tuple(words),
        latency_s=row.latency_s,
        cached=row.cached,
    )


def _quoted(score: Score, mask: Mask, *, hidden: bool) -> str:
    """A grader's words. Beside an answer that is withheld only the leak check speaks: others quote, and may cut."""
    if mask.hides(score.explanation) or (hidden and score.grader != LEAK):
        return WITHHELD
    return visible(score.explanation)


def _scores(encoded: bytes) -> tuple[Score, ...]:
    try:
        return msgspec.json.decode(encoded, type=tuple[Score, ...])
    except msgspec.DecodeError:  # of a later version, or damaged: the row's own value still stands
        return ()


def _said(message: Message) -> str:
    """A message's text with its tool calls and their results."""
    return "\n".join(line for line in readable(message.parts) if line)


def _passed(value: float | None) -> bool | None:
    return value >= 1.0 if value is not None else None


def _outcome(value: float | None) -> Literal["passed", "failed", "unscored"]:
    if value is None:
        return "unscored"
    return "passed" if value >= 1.0 else "failed"
