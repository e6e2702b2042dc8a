"""One suite against one target: its row in the ledger, and what it has come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

import msgspec

from assay.evals.runs.outcomes import Outcomes
from assay.evals.runs.repeats import Repeats, reduced
from assay.evals.runs.tokens import RunTokens
from assay.evals.suites.sample import Sample
from assay.ledger.rows import Outcome, ResultRow, RunRow
from assay.ledger.store import Ledger

__all__ = ["RepeatsOf", "Run", "joined", "read_run"]

RepeatsOf = Callable[[str], Repeats]
"""How often samples of a kind are asked, and what their values come to."""


@dataclass(slots=True)
class Run:
    """One suite against one target. Rows are in the ledger before they stand here.

    Attributes:
        results: by sample, what all its answers come to; `Outcomes` while it is being evaluated, without the answers.
        waiting: `(sample, repeat)` of each answer that comes with a batch, and which.
        tokens: what its answers took, as far as that was read (`RunTokens.read`).
    """

    row: RunRow
    results: Mapping[str, Outcome] = field(default_factory=dict)
    waiting: dict[tuple[str, int], str] = field(default_factory=dict)
    tokens: RunTokens = field(default_factory=RunTokens)

    @property
    def answers(self) -> Iterator[Outcome]:
        """Every answer, also of samples that have several."""
        return self.results.all_answers() if isinstance(self.results, Outcomes) else iter(self.results.values())

    def scored(self, sample: Sample) -> bool:
        """Whether this sample has a value that further answers would not change."""
        return self.has_value(sample.id)

    def has_value(self, sample_id: str) -> bool:
        """As `scored`, by id."""
        row = self.results.get(sample_id)
        return row is not None and row.value is not None

    def is_done(self, sample_id: str, times: int) -> bool:
        """Whether a sample has a value, or has been asked so many times as it is to be."""
        row = self.results.get(sample_id)
        if row is None or row.value is not None:
            return row is not None
        return not isinstance(self.results, Outcomes) or len(self.results.answers(sample_id)) >= times


async def read_run(ledger: Ledger, row: RunRow, repeats: RepeatsOf | None = None) -> Run:
    """A run with the whole rows that the ledger has of it, answers included, joined as in `joined`."""
    return Run(row, joined(await ledger.results(row.id), repeats), tokens=await RunTokens.read(ledger, row.id))


def joined(rows: Iterable[ResultRow], repeats: RepeatsOf | None = None) -> dict[str, ResultRow]:
    """The rows of a run, one per sample.

    Of a sample with several answers it is the first one, with what all that are there come to: by the reducer of its
    kind in `repeats`, or on the average.
    """
    ordered = sorted(rows, key=lambda one: (one.sample_id, one.repeat))
    found = ((sample, list(answers)) for sample, answers in groupby(ordered, key=lambda one: one.sample_id))
    return {sample: _whole(answers, repeats) for sample, answers in found}


def _whole(rows: list[ResultRow], repeats: RepeatsOf | None) -> ResultRow:
    if len(rows) == 1:
        return rows[0]
    reducer = repeats(rows[0].kind).reducer if repeats is not None else "mean"
    outcome = reduced(rows, Repeats(len(rows), reducer))
    return msgspec.structs.replace(rows[0], **msgspec.structs.asdict(outcome))
