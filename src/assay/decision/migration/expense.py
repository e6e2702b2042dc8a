"""What answers of both cost and how long they took, on the samples that both answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.evals.figures.metrics import metrics
from assay.evals.runs.run import Run
from assay.evals.suites.suite import Suite
from assay.ledger.rows import Outcome
from assay.ledger.store import Ledger
from assay.ledger.tokens import tokens_of
from assay.types import Value

__all__ = ["Expense", "expenses"]


class Expense(Value, frozen=True, kw_only=True):
    """One of the two.

    Attributes:
        answers: that the figures are means of: those to samples that both have answered.
        usd: really billed for one answer; None = not known.
        engine_s: CPU seconds of one answer on a local engine.
        p50_s, p95_s: latency, without answers from the cache.
        input_tokens, output_tokens: of one answer that was made in this run, as its host counted them.
    """

    name: str
    answers: int
    usd: float | None
    engine_s: float | None
    p50_s: float | None
    p95_s: float | None
    input_tokens: float | None
    output_tokens: float | None


async def expenses(ledger: Ledger, suite: Suite, runs: Sequence[Run]) -> tuple[Expense, ...]:
    """Both side by side; empty where one has no run."""
    if len(runs) < 2:
        return ()
    shared = set(runs[0].results) & set(runs[1].results)
    wanted = {one for one in suite.samples.ids if one in shared}
    return tuple([await _expense(ledger, suite, run, wanted) for run in runs])


async def _expense(ledger: Ledger, suite: Suite, run: Run, wanted: set[str]) -> Expense:
    found = metrics(_of(run.results.values(), wanted), len(wanted))
    took = await tokens_of(ledger, run.row.id, list(suite.kinds))
    return Expense(
        name=run.row.target,
        answers=len(wanted),
        usd=found.usd,
        engine_s=found.engine_s,
        p50_s=found.p50_s,
        p95_s=found.p95_s,
        input_tokens=took.input_tokens / took.answers if took.answers and took.input_tokens is not None else None,
        output_tokens=took.output_tokens / took.answers if took.answers and took.output_tokens is not None else None,
    )


def _of(rows: Iterable[Outcome], wanted: set[str]) -> Iterable[Outcome]:
    return (row for row in rows if row.sample_id in wanted)
