"""`[routes.NAME.audit]`, and what it shares with the policy `shadow`: live answers compared with those of another."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from assay.config.budget import BudgetUsd
from assay.config.table import Section

__all__ = ["Audit", "Comparing"]

_Share = Annotated[float, Meta(ge=0, le=1)]


class Comparing(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How answers are compared, how many, and for how much money.

    Attributes:
        share: of the requests, from 0 to 1; which ones hangs on their ids alone.
        usd_per_day: at most so much a day (UTC) for the other's answers and the judge's verdicts; what does not fit is
            left out.
        usd_total: at most so much, once and for all.
        observe: nobody is asked; what would have been is recorded, with what it would cost by the tokens of the answer
            that the client had.
        check: says whether two answers agree, the client's as the target: a name, or a table as in suites. Default:
            tool calls, JSON and short texts are compared as what they are.
        judge: a deployment or route that says which of two open answers is better, asked in both orders.
        rubric: what the judge goes by; default: right, then complete, then clear.
    """

    share: _Share = 1.0
    usd_per_day: BudgetUsd | None = None
    usd_total: BudgetUsd | None = None
    observe: bool = False
    check: str | dict[str, Any] | None = None
    judge: str | None = None
    rubric: str | None = None


class Audit(Comparing, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A share of the requests to a route, whatever its policy, is answered by another one too, to compare.

    Attributes:
        against: the deployment or route that is asked as well; it need be no candidate. The client never gets its
            answer.
        share: of the requests, from 0 to 1; which ones hangs on their ids alone.
        usd_per_day: at most so much a day (UTC) for the other's answers and the judge's verdicts; what does not fit is
            left out.
        usd_total: at most so much, once and for all.
        observe: nobody is asked; what would have been is recorded, with what it would cost by the tokens of the answer
            that the client had.
        check: says whether two answers agree, the client's as the target: a name, or a table as in suites. Default:
            tool calls, JSON and short texts are compared as what they are.
        judge: a deployment or route that says which of two open answers is better, asked in both orders.
        rubric: what the judge goes by; default: right, then complete, then clear.
    """

    against: str
    share: _Share = 0.02
