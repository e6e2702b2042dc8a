"""Measured costs at today's prices: what was used stays what it was when a price has changed since it was billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from assay.envelope.cost import cost_usd, engine_cost_usd
from assay.evals.runs.runner import Run
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.ledger.rows import Outcome
from assay.ledger.usage import UsageRow, answers_of, run_before, usage_of
from assay.types import Usage

__all__ = ["TodaysCosts", "dearer_now", "todays_costs"]

_SAME = 1e-9
"""Share of a cost below which a difference is rounding."""


class TodaysCosts(NamedTuple):
    """What the answers of a run would cost today.

    Attributes:
        engine: the deployment, where it is an engine here: its seconds are paid at the rate of now.
        dearer: kind -> USD that one answer costs more today than it was billed.
        since: answers that came later (seconds since 1970) are billed at today's prices already.
    """

    engine: LiveDeployment | None
    dearer: Mapping[str, float]
    since: float

    def of(self, row: Outcome) -> Outcome:
        """An answer with its cost of today."""
        if self.engine is not None and row.engine_s is not None:
            usd = engine_cost_usd(row.engine_s, self.engine.config.usd_per_hour)
            return row if usd == row.cost_usd else structs.replace(row, cost_usd=usd)
        more = self.dearer.get(row.kind)
        if more is None or row.cost_usd is None or (row.created_at >= self.since and not row.cached):
            return row
        return structs.replace(row, cost_usd=max(0.0, row.cost_usd + more))


async def todays_costs(spine: Spine, run: Run, since: float) -> TodaysCosts:
    """What the answers of a run would cost today; those since a time are billed so."""
    target = spine.targets.get(run.row.target)
    if isinstance(target, LiveDeployment) and target.config.dialect == "local":
        return TodaysCosts(target, {}, since)
    return TodaysCosts(None, await dearer_now(spine, run), since)


async def dearer_now(spine: Spine, run: Run) -> dict[str, float]:
    """Kind -> USD that one answer costs more today than it was billed; less where it is negative. Most runs have none.

    Of a run without answers those of the run before count: what it will have from the cache is at the cost of then.
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
    """What the same tokens or seconds cost at the price of now; as billed where it is not known."""
    live = spine.targets.get(row.deployment)
    if not isinstance(live, LiveDeployment) or live.price.by_hour:
        return row.cost_usd
    if live.config.dialect == "local":
        usd = engine_cost_usd(row.engine_s, live.config.usd_per_hour)
    else:
        usd = cost_usd(live.price.price, _usage(row))
    return usd if usd is not None else row.cost_usd


def _usage(row: UsageRow) -> Usage:
    return Usage(
        input=row.input_tokens,
        output=row.output_tokens,
        cached=row.cached_tokens or 0,
        cache_write=row.cache_write_tokens or 0,
    )
