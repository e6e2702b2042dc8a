"""What came of the requests that splits dealt: sums by arm, made where the rows are, by session."""

from __future__ import annotations

from typing import NamedTuple

from assay.ledger.exchanges import id_at
from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["MEASURES", "DealtRow", "Question", "SumsRow", "WaitRow", "dealt_rows", "sums_of", "waits_of"]


class _Measure(NamedTuple):
    """What is measured, as SQL over `wanted`: of which requests, what of each, and over how many of a session."""

    of: str
    value: str
    over: str = "count(*)"


MEASURES = {
    "failed": _Measure("ended", "failed"),
    "cancelled": _Measure("ended or cancelled", "cancelled"),
    "accepted": _Measure("judged", "accepted"),
    "edited": _Measure("judged", "verdict = 'edited'"),
    "rejected": _Measure("judged", "verdict = 'rejected'"),
    "judged": _Measure("answered", "judged"),
    "latency": _Measure("answered and not cached and not beside", "total_s"),
    "usd": _Measure("ended and cost_usd is not null", "cost_usd"),
    "usd_per_accepted": _Measure("cost_usd is not null", "cost_usd", "sum(accepted)"),
    "metric": _Measure("figure is not null", "figure"),
}
"""What can be asked for; `metric` is the outcome that the question names."""

_DEALT = """
  with dealt as materialized (
    select requests.id as id, version, arm, shares, unit, sticky, beside, cached, total_s, cost_usd, started_at,
      outcome = 'answered' as answered, outcome = 'cancelled' as cancelled,
      outcome not in ('cancelled', 'waiting') as ended, outcome <> 'answered' or beside as failed
    from deals join requests on requests.id = deals.request_id
    where deals.request_id >= ?1 and deals.route = ?2 and run_id is null
      and (?3 is null or coalesce(kind, target) = ?3) and (?4 is null or version = ?4) and (?5 is null or shares = ?5)
  )
"""
_COUNTS = f"""
  {_DEALT}
  select version, shares, arm, count(*) as requests, count(distinct unit) as units, sum(sticky) as sticky,
    sum(cancelled) as cancelled, sum(ended and cost_usd is null) as unpriced, sum(beside) as beside,
    min(started_at) as first_at, max(started_at) as last_at
  from dealt group by 1, 2, 3 order by max(id) desc
"""  # noqa: S608 - fixed clauses
_WAITS = f"""
  {_DEALT}
  select arm, total_s from dealt where answered and not cached and not beside order by id desc limit ?6
"""  # noqa: S608 - fixed clauses
_WANTED = f"""
  {_DEALT},
  said as (
    select dealt.*,
      (select verdict from feedback where request_id = dealt.id and verdict is not null
        order by created_at desc, feedback.id desc limit 1) as verdict,
      case when ?6 is not null then (select value from feedback where request_id = dealt.id and metric = ?6
        order by created_at desc, feedback.id desc limit 1) end as figure
    from dealt
  ),
  wanted as materialized (
    select *, answered and verdict is not null as judged,
      answered and coalesce(verdict in ('accepted', 'preferred'), 0) as accepted
    from said
  )
"""  # noqa: S608 - fixed clauses


class Question(NamedTuple):
    """Which requests are meant.

    Attributes:
        route: whose split dealt them, called by name or inside another.
        since_s: not older, in seconds since 1970.
        kind: only of this kind; a request without one counts as of its target's name.
        metric: the name of a measured outcome that clients report; None = none is asked for.
    """

    route: str
    since_s: float = 0.0
    kind: str | None = None
    metric: str | None = None


class DealtRow(Row, frozen=True, kw_only=True):
    """What an arm was dealt under one version and one table of shares (JSON), the newest table first.

    `units`: sessions, and requests without one; `sticky`: requests that had a session; `beside`: that another arm had
    to answer; `unpriced`: whose cost nobody knows. Times are seconds since 1970.
    """

    version: str
    shares: str
    arm: str
    requests: int
    units: int
    sticky: int
    cancelled: int
    unpriced: int
    beside: int
    first_at: float
    last_at: float


class SumsRow(Row, frozen=True, kw_only=True):
    """Sums of one measure over the sessions of an arm: see `stats.ratios.Moments`.

    `largest`: requests of the longest session; `firsts`: the sum of what each session's first request had.
    """

    arm: str
    measure: str
    units: int
    total: float
    requests: float
    total_squared: float
    product: float
    requests_squared: float
    largest: int
    firsts: float


class WaitRow(Row, frozen=True, kw_only=True):
    """How long a client waited for a whole answer, in seconds."""

    arm: str
    total_s: float


async def dealt_rows(ledger: Ledger, question: Question, version: str | None = None) -> list[DealtRow]:
    """What each arm was dealt, the newest version and table of shares first. Evals and shadows are no traffic.

    Args:
        ledger: where requests are.
        question: which of them.
        version: only what was dealt by this one.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(DealtRow, _COUNTS, _values(question, version, None))


async def sums_of(
    ledger: Ledger, question: Question, version: str, shares: str, measures: tuple[str, ...]
) -> list[SumsRow]:
    """Sums by arm and measure, of the requests that were dealt by one version with one table of shares.

    Each request counts once, however often it was tried; those that the client left are no failures, and answers from
    the cache have no latency.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    statement = " union all ".join(map(_sums, measures))
    values = (*_values(question, version, shares), question.metric)
    return await ledger.rows(SumsRow, f"{_WANTED} {statement}", values)


async def waits_of(ledger: Ledger, question: Question, version: str, shares: str, most: int) -> list[WaitRow]:
    """The newest latencies of answers that arms gave themselves, not from the cache; at most so many.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(WaitRow, _WAITS, (*_values(question, version, shares), most))


def _values(question: Question, version: str | None, shares: str | None) -> tuple[object, ...]:
    return id_at(question.since_s), question.route, question.kind, version, shares


def _sums(name: str) -> str:
    """The sums of one measure: by session, then over the sessions of an arm."""
    of, value, over = MEASURES[name]
    # `min` makes SQLite take the bare `value` from the row of the session's first request.
    return f"""
      select arm, '{name}' as measure, count(*) as units, total(y) as total, total(n) as requests,
        total(y * y) as total_squared, total(y * n) as product, total(n * n) as requests_squared,
        max(n) as largest, total(of_first) as firsts
      from (
        select arm, min(id) as first, {value} as of_first, sum({value}) as y, {over} as n
        from wanted where {of} group by arm, unit
      ) group by arm
    """  # noqa: S608 - fixed clauses
