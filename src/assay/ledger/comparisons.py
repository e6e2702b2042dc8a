"""Comparisons of two answers to one request: adding them, and adding them up by route, pair and kind."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import msgspec

from assay.ledger.exchanges import id_at
from assay.ledger.rows import ComparisonRow, Row
from assay.ledger.store import Ledger

__all__ = ["KindTraffic", "Tally", "add_comparison", "comparisons_of", "kind_traffic", "preferences", "tallies"]

_NAMES = ComparisonRow.__struct_fields__
_INSERT = f"insert into comparisons ({', '.join(_NAMES)}) values ({', '.join('?' * len(_NAMES))})"  # noqa: S608 - names of fields
_TALLIES = """
  select route, purpose, own, other, coalesce(kind, '') as kind, verdict, count(*) as requests,
    case when verdict = 'unasked' then substr(reason, 1, instr(reason, ':') - 1)
      when verdict = 'unjudged' and (reason like 'crowded:%' or reason like 'budget:%' or reason like 'judge:%')
      then substr(reason, 1, instr(reason, ':') - 1) else '' end as why,
    sum(own_usd is not null and other_usd is not null) as priced,
    sum(case when other_usd is not null then own_usd end) as own_usd,
    sum(case when own_usd is not null then other_usd end) as other_usd,
    total(other_usd) as spent_usd, total(judge_usd) as judge_usd,
    sum(own_s is not null and other_s is not null) as timed,
    sum(case when other_s is not null then own_s end) as own_s,
    sum(case when own_s is not null then other_s end) as other_s
  from comparisons where created_at >= ?1 and (?2 is null or route = ?2) and (?3 is null or kind = ?3)
  group by 1, 2, 3, 4, 5, 6, 8 order by 1, 2, 3, 4, 5, 6, 8
"""
_TRAFFIC = """
  select target, coalesce(kind, '') as kind, deployment, count(*) as requests, sum(cost_usd) as usd,
    sum(cost_usd is null) as unpriced
  from requests where id > ?1 and run_id is null and outcome = 'answered' group by 1, 2, 3
"""


class Tally(Row, frozen=True, kw_only=True):
    """Comparisons of one route, pair, kind and verdict.

    `why` of those who were not asked: `busy`, `budget` or `barred`; of those that nobody came to compare: `crowded`; of
    those that a judge was to tell apart: `budget`, or `judge` where it failed.
    `own_usd` and `other_usd` are sums over the `priced` ones, where both are known, `own_s` and `other_s` over the
    `timed` ones; `spent_usd` is what the others' answers cost in all, `judge_usd` the verdicts. An empty `kind`: none.
    """

    route: str
    purpose: str
    own: str
    other: str
    kind: str
    verdict: str
    requests: int
    why: str = ""
    priced: int = 0
    own_usd: float | None = None
    other_usd: float | None = None
    spent_usd: float = 0.0
    judge_usd: float = 0.0
    timed: int = 0
    own_s: float | None = None
    other_s: float | None = None


class KindTraffic(Row, frozen=True, kw_only=True):
    """Answered requests of clients to one target, of one kind (empty = none), by who answered, and their cost.

    `unpriced` ones have a cost that nobody knows.
    """

    target: str
    kind: str
    deployment: str | None
    requests: int
    usd: float | None
    unpriced: int


def add_comparison(ledger: Ledger, row: ComparisonRow) -> asyncio.Future[None]:
    """Record one; on its way when this returns."""
    values = msgspec.structs.astuple(row)

    def operation(connection: sqlite3.Connection) -> None:
        connection.execute(_INSERT, values)

    return ledger.write(operation, 512 + len(row.answer or "") + len(row.reason))


async def comparisons_of(ledger: Ledger, request_id: str) -> list[ComparisonRow]:
    """Those of one request, oldest first."""
    return await ledger.rows(
        ComparisonRow, "select * from comparisons where request_id = ? order by created_at, id", (request_id,)
    )


async def preferences(ledger: Ledger, request_ids: Sequence[str]) -> dict[str, list[ComparisonRow]]:
    """Those in which one answer was found better, of some requests (one page of them), by request, oldest first."""
    marks = ", ".join("?" for _ in request_ids)
    statement = (
        f"select * from comparisons where request_id in ({marks}) and verdict in ('own', 'other') "  # noqa: S608 - marks only
        "order by created_at, id"
    )
    found: dict[str, list[ComparisonRow]] = {}
    for row in await ledger.rows(ComparisonRow, statement, request_ids):
        found.setdefault(row.request_id, []).append(row)
    return found


async def tallies(
    ledger: Ledger, *, since_s: float = 0.0, route: str | None = None, kind: str | None = None
) -> list[Tally]:
    """How often each verdict was given, and what that cost, since a time (seconds since 1970)."""
    return await ledger.rows(Tally, _TALLIES, (since_s, route, kind))


async def kind_traffic(ledger: Ledger, *, since_s: float = 0.0) -> list[KindTraffic]:
    """All answered requests of clients since a time (seconds since 1970), runs left out."""
    return await ledger.rows(KindTraffic, _TRAFFIC, (id_at(since_s),))
