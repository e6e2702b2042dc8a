"""What was asked and answered, where routes keep it: adding, reading in order of time, forgetting.

Ids of requests begin with their time, so that a span of time is a range of the primary key.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence

from assay.ledger.rows import ExchangeRow
from assay.ledger.store import Ledger

__all__ = ["Exchanges", "id_at"]

_PAGE = 100
_AT_ONCE = 500
_INSERT = (
    "insert or replace into exchanges (request_id, created_at, target, kind, label, deployment, redacted, request, "
    "answer) values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_COMPARED = """
  (select verdict from comparisons where comparisons.request_id = exchanges.request_id
   and verdict not in ('unasked', 'observed') order by created_at desc limit 1) as compared
"""


def id_at(time_s: float) -> str:
    """The beginning of ids that were made at a time, seconds since 1970: earlier ones sort before it."""
    return f"{max(0, int(time_s * 1000)):012x}"


class Exchanges:
    """The ledger's table `exchanges`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, row: ExchangeRow) -> asyncio.Future[None]:
        """Record one; on its way when this returns."""
        values = (
            row.request_id, row.created_at, row.target, row.kind, row.label, row.deployment, row.redacted,
            row.request, row.answer,
        )  # fmt: skip

        def operation(connection: sqlite3.Connection) -> None:
            connection.execute(_INSERT, values)

        return self._ledger.write(operation, len(row.request) + len(row.answer))

    async def one(self, request_id: str) -> ExchangeRow | None:
        """That of the request with this id, or of the newest whose id begins so."""
        found = await self._ledger.rows(
            ExchangeRow,
            "select * from exchanges where request_id >= ?1 and request_id < ?1 || 'g' "  # 'g': after every hex digit
            "order by request_id desc limit 1",
            (request_id,),
        )
        return found[0] if found else None

    async def some(self, request_ids: Sequence[str]) -> dict[str, ExchangeRow]:
        """Those that are there of some requests, by id."""
        found: dict[str, ExchangeRow] = {}
        for start in range(0, len(request_ids), _PAGE):
            wanted = request_ids[start : start + _PAGE]
            marks = ", ".join("?" for _ in wanted)
            statement = f"select *, {_COMPARED} from exchanges where request_id in ({marks})"  # noqa: S608 - marks only
            found |= {row.request_id: row for row in await self._ledger.rows(ExchangeRow, statement, wanted)}
        return found

    async def pages(
        self, *, since_s: float = 0.0, target: str | None = None, kind: str | None = None,
        with_feedback_only: bool = False,
    ) -> AsyncIterator[list[ExchangeRow]]:  # fmt: skip
        """All that match, oldest first, page by page: never more than a page is in memory.

        Args:
            since_s: not older than this, in seconds since 1970.
            target: only of this route or deployment.
            kind: only of this kind; a request without one counts as of its target's name.
            with_feedback_only: only those that somebody has said something of.
        """
        filters = {"target = ?": target, "coalesce(kind, target) = ?": kind}
        where = ["request_id > ?", *(clause for clause, value in filters.items() if value is not None)]
        if with_feedback_only:
            where.append("exists (select 1 from feedback where feedback.request_id = exchanges.request_id)")
        clauses = " and ".join(where)
        statement = f"select *, {_COMPARED} from exchanges where {clauses} order by request_id limit {_PAGE}"  # noqa: S608 - fixed clauses
        values = [value for value in filters.values() if value is not None]
        last = id_at(since_s)
        while page := await self._ledger.rows(ExchangeRow, statement, (last, *values)):
            yield page
            last = page[-1].request_id

    async def forget(self, before_s: float) -> int:
        """Delete what is older than a time, seconds since 1970, and the words of feedback and comparisons on it.

        Verdicts and measured outcomes stay: they hold nothing of what was said. What is deleted is overwritten in the
        file. Returns how many exchanges went.
        """
        before, gone = id_at(before_s), 0
        while count := await self._ledger.write(lambda connection: _forget(connection, before)):
            gone += count
        return gone


def _forget(connection: sqlite3.Connection, before: str) -> int:
    """Some at a time, so that other writes need not wait long."""
    (secure,) = connection.execute("pragma secure_delete").fetchone()
    connection.execute("pragma secure_delete = on")
    try:
        connection.execute(
            "update feedback set correction = null, comment = null "
            "where request_id < ? and (correction is not null or comment is not null)",
            (before,),
        )
        connection.execute(
            "update comparisons set answer = null, reason = '' "
            "where request_id < ? and verdict <> 'unasked' and (answer is not null or reason <> '')",
            (before,),
        )
        return connection.execute(
            "delete from exchanges where request_id in "
            "(select request_id from exchanges where request_id < ? order by request_id limit ?)",
            (before, _AT_ONCE),
        ).rowcount
    finally:
        connection.execute(f"pragma secure_delete = {int(secure)}")
