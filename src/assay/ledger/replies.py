"""The cache's answers: kept for a time, in a space of each route's own whose size in bytes is bounded.

What a route's cache holds is counted by triggers of the schema, so that it is right whoever deletes. Of one route all
answers live equally long: the oldest is the next to expire, and the first to make room.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from assay.ledger.rows import Reply, Row

if TYPE_CHECKING:
    from assay.ledger.store import Ledger

__all__ = ["CacheRow", "caches", "clear_replies", "keep_reply"]

ROW_BYTES = 256
"""What an answer takes beside its own bytes: key, times and indexes, rounded up."""
_AT_ONCE = 64  # what has expired, or makes room, goes in portions: no request pays for a cache that was made smaller
_KEEP = (
    "insert into replies (key, created_at, attempt_id, response, route, expires_at, bytes) values (?, ?, ?, ?, ?, ?, ?)"
)
_OLDEST = "select key from replies where route = ?1 order by expires_at limit ?2"
_EXPIRED = "select key from replies where route = ?1 and expires_at <= ?3 order by expires_at limit ?2"
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


def keep_reply(connection: sqlite3.Connection, reply: Reply, attempt_id: str) -> None:
    """Keep an answer within a transaction, and let old ones of its route make room."""
    size, now = len(reply.response) + ROW_BYTES, time.time()
    if reply.max_bytes is not None and size > reply.max_bytes:
        return
    connection.execute("delete from replies where key = ?", (reply.key,))
    connection.execute(_KEEP, (reply.key, now, attempt_id, reply.response, reply.route, reply.expires_at, size))
    if reply.route is None or reply.max_bytes is None:
        return
    _delete(connection, _EXPIRED, reply.route, _AT_ONCE, now)
    for _ in range(_AT_ONCE):
        held = connection.execute("select bytes from caches where route = ?", (reply.route,)).fetchone()
        if held is None or held[0] <= reply.max_bytes:
            return
        _delete(connection, _OLDEST, reply.route, 1)


def _delete(connection: sqlite3.Connection, which: str, *values: object) -> None:
    connection.execute(f"delete from replies where key in ({which})", values)  # noqa: S608 - one of the statements above


async def caches(ledger: Ledger) -> list[CacheRow]:
    """What each cache holds, by route."""
    return await ledger.rows(CacheRow, _CACHES)


async def clear_replies(ledger: Ledger, route: str | None = None) -> int:
    """Delete the answers of one route's cache, or of all and of evals; returns how many there were."""
    where, values = ("", ()) if route is None else (" where route is ?", (route if route != "evals" else None,))
    return await ledger.write(
        lambda connection: connection.execute(f"delete from replies{where}", values).rowcount  # noqa: S608 - fixed words
    )
