"""The usual use cases, each with its best, its runner-up and what a query costs, from today's catalogue."""

from __future__ import annotations

import math
from datetime import date

from assay.catalog.load import Catalog
from assay.decision.advice.advice import Advice, advise
from assay.decision.advice.plan import Plan
from assay.decision.advice.situation import Situation, situation
from assay.decision.advice.tariffs import least_own_usd
from assay.decision.advice.task import USE_CASES
from assay.types import Value

__all__ = ["UseCase", "use_cases"]


class UseCase(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One row of the table. `None` = not known, or there is none.

    Attributes:
        input_tokens, output_tokens: that a query is reckoned with.
        requests_per_day: volume that the cost of own machines is spread over.
        best, runner_up: titles of the plans.
        usd_per_query, runner_up_usd_per_query: what is billed for one: tokens, or machines and power.
        thinks, runner_up_thinks: thinking may come to that, and is not in it.
        share, low, high: of the measured models, those that the best is above; its range.
        lever: the advised one.
        refuted_by: the eval that would show that the best is wrong.
    """

    task: str
    says: str
    input_tokens: int
    output_tokens: int
    requests_per_day: float
    best: str | None
    usd_per_query: float | None
    runner_up: str | None
    runner_up_usd_per_query: float | None
    thinks: bool
    runner_up_thinks: bool
    share: float | None
    low: float | None
    high: float | None
    lever: str
    refuted_by: str | None


def use_cases(catalog: Catalog, today: date) -> tuple[UseCase, ...]:
    """A row for each of `USE_CASES`, as a team that says nothing else would be advised."""
    return tuple(_row(catalog, name, today) for name in USE_CASES)


def _row(catalog: Catalog, name: str, today: date) -> UseCase:
    asked = situation(name, {})
    found = _advised(catalog, asked, today)
    best, second = found.best, found.runner_up
    rank = best.rank if best is not None else None
    return UseCase(
        task=name,
        says=asked.about.says,
        input_tokens=asked.input_tokens,
        output_tokens=asked.output_tokens,
        requests_per_day=asked.requests_per_day,
        best=_title(best),
        usd_per_query=best.usd_per_query if best is not None else None,
        runner_up=_title(second),
        runner_up_usd_per_query=second.usd_per_query if second is not None else None,
        thinks=best is not None and best.thinks,
        runner_up_thinks=second is not None and second.thinks,
        share=rank.share if rank is not None else None,
        low=rank.low if rank is not None else None,
        high=rank.high if rank is not None else None,
        lever=found.lever.name,
        refuted_by=best.refuted_by[0] if best is not None else None,
    )


def _advised(catalog: Catalog, asked: Situation, today: date) -> Advice:
    """The advice; machines of one's own are only looked for where one could cost less than both hosts."""
    if asked.about.own_device:
        return advise(catalog, asked, today)
    found = advise(catalog, asked, today, own=False)
    plans = (found.best, found.runner_up)
    if all(plan is not None and plan.able and (plan.usd_per_month or math.inf) < least_own_usd() for plan in plans):
        return found
    return advise(catalog, asked, today)


def _title(plan: Plan | None) -> str | None:
    return plan.title if plan is not None else None
