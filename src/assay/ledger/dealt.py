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
  with dealt as (
    select requests.id as id, requests.cached as cached, requests.total_s as total_s, requests.cost_usd as cost_usd,
      requests.started_at as started_at, json_extract(deals.value, '$.deal.version') as version,
      json_extract(deals.value, '$.deal.arm') as arm, json_extract(deals.value, '$.deal.shares') as shares,
      json_extract(deals.value, '$.deal.unit') is not null as sticky,
      coalesce(json_extract(deals.value, '$.deal.unit'), requests.id) as unit,
      json_extract(deals.value, '$.left') as beside, requests.outcome = 'answered' as answered,
      requests.outcome = 'cancelled' as cancelled, requests.outcome not in ('cancelled', 'waiting') as ended,
      requests.outcome <> 'answered' or json_extract(deals.value, '$.left') as failed
    from requests, json_each(requests.dealt) as deals
    where requests.id >= ?1 and requests.dealt is not null and requests.run_id is null
      and json_extract(deals.value, '$.route') = ?2 and (?3 is null or coalesce(requests.kind, requests.target) = ?3)
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
  select arm, total_s from dealt
  where version = ?4 and shares = ?5 and answered and not cached and not beside and total_s is not null
  order by id desc limit ?6
"""  # noqa: S608 - fixed clauses
_SAID = f"""
  {_DEALT},
  said as (
    select dealt.*,
      (select verdict from feedback where request_id = dealt.id and verdict is not null
        order by created_at desc, feedback.id desc limit 1) as verdict,
      (select value from feedback where request_id = dealt.id and metric = ?6
        order by created_at desc, feedback.id desc limit 1) as figure
    from dealt where version = ?4 and shares = ?5
  ),
  wanted as (
    select *, answered and verdict is not null as judged,
      answered and coalesce(verdict in ('accepted', 'preferred'), 0) as accepted
    from said
  ),
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


async def dealt_rows(ledger: Ledger, question: Question) -> list[DealtRow]:
    """What each arm was dealt, the newest version and table of shares first. Evals and shadows are no traffic.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(DealtRow, _COUNTS, _values(question))


async def sums_of(
    ledger: Ledger, question: Question, version: str, shares: str, measures: tuple[str, ...]
) -> list[SumsRow]:
    """Sums by arm and measure, of the requests that were dealt by one version with one table of shares.

    Each request counts once, however often it was tried; cancelled ones are the client's doing, and answers from the
    cache have no latency.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    values = (*_values(question), version, shares, question.metric)
    return [row for one in measures for row in await ledger.rows(SumsRow, _sums(one), values)]


async def waits_of(ledger: Ledger, question: Question, version: str, shares: str, most: int) -> list[WaitRow]:
    """The newest latencies of answers that arms gave themselves, not from the cache; at most so many.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(WaitRow, _WAITS, (*_values(question), version, shares, most))


def _values(question: Question) -> tuple[object, ...]:
    return id_at(question.since_s), question.route, question.kind


def _sums(name: str) -> str:
    """The query for one measure: by session, then over the sessions of an arm."""
    of, value, over = MEASURES[name]
    # `min` makes SQLite take the bare `value` from the row of the session's first request.
    return f"""
      {_SAID} units as (
        select arm, min(id) as first, {value} as of_first, sum({value}) as y, {over} as n
        from wanted where {of} group by arm, unit
      )
      select arm, '{name}' as measure, count(*) as units, total(y) as total, total(n) as requests,
        total(y * y) as total_squared, total(y * n) as product, total(n * n) as requests_squared,
        max(n) as largest, total(of_first) as firsts
      from units group by arm
    """  # noqa: S608 - fixed clauses
