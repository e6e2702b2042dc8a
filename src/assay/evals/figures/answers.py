"""One sample with the answers of several runs and the words of its graders, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from assay.evals.graders.grader import Score
from assay.evals.runs.runner import Run
from assay.evals.suites.readable import said
from assay.evals.suites.suite import Sample
from assay.ledger.rows import Outcome, ResultRow
from assay.types import Value

__all__ = ["Reply", "Row", "row_of", "said"]


class Reply(Value, frozen=True, kw_only=True):
    """What one run has for a sample. `value` is None for unscored, and `unscored` says why."""

    name: str
    value: float | None
    answer: str | None
    unscored: str | None
    scores: tuple[Score, ...]
    latency_s: float | None
    usd: float | None
    engine_s: float | None
    cached: bool


class Row(Value, frozen=True, kw_only=True):
    """One sample and the answers to it, in the order of the sides that have one."""

    sample: str
    kind: str
    split: str
    input: str
    target: Any
    replies: tuple[Reply, ...]

    @property
    def differs(self) -> bool:
        """Whether one passed and another failed."""
        return len({reply.value >= 1.0 for reply in self.replies if reply.value is not None}) > 1


def row_of(sample: Sample, named: Mapping[str, Run]) -> Row:
    """A sample with what each of the named runs has for it."""
    return Row(
        sample=sample.id,
        kind=sample.kind,
        split=sample.split,
        input=said(sample),
        target=sample.target,
        replies=tuple(
            _reply(name, result) for name, run in named.items() if (result := run.results.get(sample.id)) is not None
        ),
    )


def _reply(name: str, row: Outcome) -> Reply:
    """What a run has; its answer and the graders' words where it was read whole (`read_run`)."""
    whole = row if isinstance(row, ResultRow) else None
    return Reply(
        name=name,
        value=row.value,
        answer=whole.answer if whole is not None else None,
        unscored=row.unscored,
        scores=msgspec.json.decode(whole.scores, type=tuple[Score, ...]) if whole is not None else (),
        latency_s=row.latency_s,
        usd=row.cost_usd,
        engine_s=row.engine_s,
        cached=row.cached,
    )
