"""`[budgets.NAME]`: hard limits on what teams, routes and keys may spend."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from assay.config.table import Section

__all__ = ["BudgetUsd", "Limit"]

BudgetUsd = Annotated[float, Meta(ge=0, le=1e6)]
"""A hard limit in USD. A larger one could not be held: the books of a period end at 4.6 million USD."""


class Limit(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A hard limit. It holds for evals and agents as for clients; nothing is sent that could overrun it.

    Attributes:
        usd: at most so much in a period.
        per: `day` or `month` (UTC), or `total`: once and for all.
        team: counts what keys of this team spend.
        route: counts what requests to this route or deployment spend; with neither, everything counts.
    """

    usd: BudgetUsd
    per: Literal["day", "month", "total"] = "month"
    team: Annotated[str, Meta(min_length=1)] | None = None
    route: str | None = None

    def __post_init__(self) -> None:
        if self.team is not None and self.route is not None:
            raise ValueError("a budget is for a `team` or for a `route`; write two")
