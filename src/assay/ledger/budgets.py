"""What may be spent, by whom, in which time. Budgets live below all that spends: no door goes around them.

Sums are whole picodollars (1e-12 USD), as in `assay.envelope.cost`: adding and taking away leaves no dust behind.
"""

from __future__ import annotations

import math
import time
from calendar import timegm
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from assay.errors import LedgerError

__all__ = [
    "DAY_S", "EVERYTHING", "MOST_USD", "NOBODY", "Account", "Budget", "Line", "Lines", "Per", "lines_of",
    "lines_on_record", "period_of", "pico_of", "span_of", "usd_of",
]  # fmt: skip

EVERYTHING = "everything"
"""The scope of `constraints.usd_per_month`."""
Per = Literal["day", "month", "total"]
DAY_S = 86_400
"""Days end at midnight, UTC."""
_PICO_PER_USD = 10**12
_MOST_PICO = 2**60  # about a million USD, for one call: a column holds some of these
MOST_USD = _MOST_PICO / _PICO_PER_USD
"""What one call may cost at most: more is not sent, and nobody is believed who reports more."""


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


class Line(NamedTuple):
    """One line of the books: what counts for a scope, in a period."""

    scope: str
    period: str


class Lines(NamedTuple):
    """The lines that an attempt counts for.

    Attributes:
        limits: the most that may be settled and held on each, in picodollars; None = no limit. That of everything in
            this month is always there, and the first.
        scopes: all but the first, as an attempt's row says it; None = there are no others.
    """

    limits: tuple[tuple[Line, int | None], ...]
    scopes: str | None


@lru_cache(maxsize=4096)
def lines_of(budgets: tuple[Budget, ...], day: float) -> Lines:
    """The lines that an attempt counts for which begins on a day, whenever it ends.

    Args:
        budgets: that it counts for.
        day: whole days since 1970, by `DAY_S`.
    """
    at = day * DAY_S
    limits: dict[Line, int | None] = {Line(EVERYTHING, period_of(at, "month")): None}
    for budget in budgets:
        line, limit = Line(budget.scope, period_of(at, budget.per)), round(budget.limit_usd * _PICO_PER_USD)
        known = limits.get(line)
        limits[line] = limit if known is None else min(known, limit)
    _, *others = limits
    return Lines(tuple(limits.items()), msgspec.json.encode(others).decode() if others else None)


def lines_on_record(started_at: float, scopes: str | None) -> Iterable[Line]:
    """The lines that an attempt counts for, from its row."""
    yield Line(EVERYTHING, period_of(started_at, "month"))
    if scopes is not None:
        yield from msgspec.json.decode(scopes, type=list[Line])


def period_of(at: float, per: Per) -> str:
    """The name of the period in which a time lies: `2026-11-27`, `2026-11` (UTC); empty for all time."""
    return _day(int(at // DAY_S))[: {"day": 10, "month": 7, "total": 0}[per]]


def span_of(period: str) -> tuple[float, float]:
    """When a period begins and ends, in seconds since 1970."""
    if not period:
        return 0.0, math.inf
    if len(period) == len("2026-11-27"):
        begin = timegm(time.strptime(period, "%Y-%m-%d"))
        return float(begin), float(begin + DAY_S)
    begin = timegm(time.strptime(period, "%Y-%m"))
    following = period_of(begin + 32 * DAY_S, "month")
    return float(begin), float(timegm(time.strptime(following, "%Y-%m")))


def pico_of(usd: float) -> int:
    """What a call costs, in picodollars.

    Raises:
        LedgerError: it is no number, or below 0.
    """
    if not 0 <= usd < math.inf:  # so that what is no number is none
        raise LedgerError(f"{usd} USD is no sum of money; it must be a number, 0 or above")
    return round(usd * _PICO_PER_USD) if usd < MOST_USD else _MOST_PICO


def usd_of(pico: int) -> float:
    """Picodollars in USD."""
    return pico / _PICO_PER_USD


@lru_cache(maxsize=4)
def _day(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_S))
