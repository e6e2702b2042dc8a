"""What the caches of routes and of evals hold, and what they have saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.ledger.rows import Row

if TYPE_CHECKING:
    from assay.ledger.store import Ledger

__all__ = ["CacheRow", "caches", "clear_replies"]

_HITS = "from attempts where attempts.route = caches.route and outcome = 'cached' and run_id is null"
_CACHES = (
    "select 'evals' as route, count(*) as answers, coalesce(sum(length(response)), 0) as bytes, 0 as hits, "  # noqa: S608
    "null as saved_usd from replies where route is null "
    f"union all select route, answers, bytes, (select count(*) {_HITS}), (select sum(worth_usd) {_HITS}) from caches "
    "order by 1"
)


class CacheRow(Row, frozen=True, kw_only=True):
    """What one route's cache holds, and what it has saved.

    Attributes:
        route: `evals` for that of runs, which has no end.
        hits: answers given from it, of which the ledger has the attempts.
        saved_usd: what those would have cost; None = not known.
    """

    route: str
    answers: int
    bytes: int
    hits: int
    saved_usd: float | None


async def caches(ledger: Ledger) -> list[CacheRow]:
    """What each cache holds, by route."""
    return await ledger.rows(CacheRow, _CACHES)


async def clear_replies(ledger: Ledger, route: str | None = None) -> int:
    """Delete the answers of one route's cache, or of all and of evals; returns how many there were."""
    where, values = ("", ()) if route is None else (" where route is ?", (route if route != "evals" else None,))
    return await ledger.write(
        lambda connection: connection.execute(f"delete from replies{where}", values).rowcount  # noqa: S608 - fixed words
    )
