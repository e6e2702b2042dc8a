"""What may be spent, by whom, in which time. Budgets live below all that spends: no door goes around them."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Literal, NamedTuple

__all__ = ["EVERYTHING", "NOBODY", "Account", "Budget", "Per", "period_of"]

EVERYTHING = "everything"
"""The scope of `constraints.usd_per_month`."""
Per = Literal["day", "month", "total"]
_DAY_S = 86_400


class Budget(NamedTuple):
    """A hard limit.

    Attributes:
        scope: what counts for it: `everything`, `key:ID`, `team:NAME`, `route:NAME`, `run:ID`.
        limit_usd: at most so much may be settled and held in one period.
        per: the period: a calendar day or month (UTC), or all time.
    """

    scope: str
    limit_usd: float
    per: Per = "month"


class Account(NamedTuple):
    """For whom a request is made.

    Attributes:
        key_id: of the virtual key that the client showed; None = none.
        team: that it belongs to.
        budgets: that it counts for, beside those of everything and of its route.
    """

    key_id: str | None = None
    team: str | None = None
    budgets: tuple[Budget, ...] = ()


NOBODY = Account()


def period_of(at: float, per: Per) -> str:
    """The name of the period in which a time lies: `2026-11-27`, `2026-11` (UTC); empty for all time."""
    return _day(int(at // _DAY_S))[: {"day": 10, "month": 7, "total": 0}[per]]


@lru_cache(maxsize=4)
def _day(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * _DAY_S))
