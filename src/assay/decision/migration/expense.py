"""What answers of both cost and how long they took, on the samples that both answered."""

from __future__ import annotations

from collections.abc import Sequence

from assay.decision.repriced import todays_costs
from assay.evals.figures.metrics import metrics
from assay.evals.runs.run import Run
from assay.evals.runs.tokens import RunTokens
from assay.evals.suites.suite import Suite
from assay.inference.spine import Spine
from assay.types import Value

__all__ = ["Expense", "expenses"]


class Expense(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One of the two.

    Attributes:
        answers: that the figures are means of: those to samples that both have answered.
        usd: of one answer, of the tokens or seconds really billed, at today's prices; None = not known.
        engine_s: CPU seconds of one answer on a local engine.
        p50_s, p95_s: latency, without answers from the cache.
        input_tokens, output_tokens: of one answer, over all its calls, as their hosts counted them; None = not told.
    """

    name: str
    answers: int
    usd: float | None
    engine_s: float | None
    p50_s: float | None
    p95_s: float | None
    input_tokens: float | None
    output_tokens: float | None


async def expenses(spine: Spine, suite: Suite, runs: Sequence[Run], since: float) -> tuple[Expense, ...]:
    """Both side by side; empty where they share no answer. Answers since a time are billed at today's prices."""
    if len(runs) < 2:
        return ()
    shared = set(runs[0].results) & set(runs[1].results)
    wanted = {one for one in suite.samples.ids if one in shared}
    if not wanted:
        return ()
    return tuple([await _expense(spine, suite, run, wanted, since) for run in runs])


async def _expense(spine: Spine, suite: Suite, run: Run, wanted: set[str], since: float) -> Expense:
    costs = await todays_costs(spine, run, since)
    found = metrics((costs.of(row) for row in run.results.values() if row.sample_id in wanted), len(wanted))
    took = (await RunTokens.read(spine.ledger, run.row.id)).of(suite.samples.named(wanted))
    return Expense(
        name=run.row.target,
        answers=len(wanted),
        usd=found.usd,
        engine_s=found.engine_s,
        p50_s=found.p50_s,
        p95_s=found.p95_s,
        input_tokens=took.input if took is not None else None,
        output_tokens=took.output if took is not None else None,
    )
