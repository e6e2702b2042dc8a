"""The cache's answers: kept for a time, in a space of each route's own whose size in bytes is bounded.

What a route's cache holds is counted by triggers of the schema, so that it is right whoever deletes. Of one route all
answers live equally long: the oldest is the next to expire, and the first to make room.
"""

from __future__ import annotations

import sqlite3
import time

from assay.ledger.rows import Reply

__all__ = ["ROW_BYTES", "keep_reply"]

ROW_BYTES = 256
"""What an answer takes beside its own bytes: key, times and indexes, rounded up."""
_AT_ONCE = 64  # what has expired, or makes room, goes in portions: no request pays for a cache that was made smaller
_KEEP = (
    "insert into replies (key, created_at, attempt_id, response, route, expires_at, bytes) values (?, ?, ?, ?, ?, ?, ?)"
)
_OLDEST = "select key from replies where route = ?1 order by expires_at limit ?2"
_EXPIRED = "select key from replies where route = ?1 and expires_at <= ?3 order by expires_at limit ?2"


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
