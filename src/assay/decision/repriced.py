"""Measured costs at today's prices: tokens stay what they were when a price has changed since they were billed."""

from __future__ import annotations

from collections import defaultdict

from assay.envelope.cost import cost_usd
from assay.evals.runs.runner import Run
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.ledger.usage import UsageRow, answers_of, run_before, usage_of
from assay.types import Usage

__all__ = ["dearer_now"]

_SAME = 1e-9
"""Share of a cost below which a difference is rounding."""


async def dearer_now(spine: Spine, run: Run) -> dict[str, float]:
    """Kind -> USD that one answer costs more today than it was billed; less where it is negative. Most runs have none.

    Of a run without answers those of the run before count: what it had comes from the cache, at the cost of then.
    Batches, and prices that change by the hour, are left as they were billed.
    """
    before = run.row.id if run.results else await run_before(spine.ledger, run.row.id, run.row.suite, run.row.target)
    if before is None:
        return {}
    billed: dict[str, float] = defaultdict(float)
    today: dict[str, float] = defaultdict(float)
    for row in await usage_of(spine.ledger, before):
        billed[row.kind] += row.cost_usd
        today[row.kind] += _today(spine, row)
    answers = await answers_of(spine.ledger, before)
    return {
        kind: (today[kind] - was) / answers[kind]
        for kind, was in billed.items()
        if kind in answers and abs(today[kind] - was) > _SAME * max(today[kind], was)
    }


def _today(spine: Spine, row: UsageRow) -> float:
    """What the same tokens cost at the price of now; as billed where it is not known."""
    live = spine.targets.get(row.deployment)
    if not isinstance(live, LiveDeployment) or live.price.by_hour:
        return row.cost_usd
    usage = Usage(
        input=row.input_tokens,
        output=row.output_tokens,
        cached=row.cached_tokens or 0,
        cache_write=row.cache_write_tokens or 0,
    )
    usd = cost_usd(live.price.price, usage)
    return usd if usd is not None else row.cost_usd
