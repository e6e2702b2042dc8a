"""What came of answers: verdicts, corrections and measured outcomes, by request."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

from assay.ledger.rows import FeedbackRow, RequestRow
from assay.ledger.store import Ledger

__all__ = ["Feedback"]

_AT_ONCE = 100
_INSERT = (
    "insert into feedback (id, request_id, created_at, verdict, over_request_id, metric, value, correction, comment) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Feedback:
    """The ledger's table `feedback`, and the requests that it speaks of."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def add(self, row: FeedbackRow) -> asyncio.Future[None]:
        """Record one; on its way when this returns. Of several verdicts on a request, the last one counts."""
        values = (
            row.id, row.request_id, row.created_at, row.verdict, row.over_request_id, row.metric, row.value,
            row.correction, row.comment,
        )  # fmt: skip

        def operation(connection: sqlite3.Connection) -> None:
            connection.execute(_INSERT, values)

        return self._ledger.write(operation, 256 + len(row.correction or "") + len(row.comment or ""))

    async def of(self, request_ids: Sequence[str]) -> dict[str, list[FeedbackRow]]:
        """What was said of some requests, by request, oldest first."""
        found: dict[str, list[FeedbackRow]] = {}
        for start in range(0, len(request_ids), _AT_ONCE):
            wanted = request_ids[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in wanted)
            statement = f"select * from feedback where request_id in ({marks}) order by created_at, id"  # noqa: S608 - marks only
            for row in await self._ledger.rows(FeedbackRow, statement, wanted):
                found.setdefault(row.request_id, []).append(row)
        return found

    async def requests(self, request_id: str) -> list[RequestRow]:
        """The request with this id; else those whose ids begin so, two at most: more than one means it is not clear."""
        exact = await self._ledger.rows(RequestRow, "select * from requests where id = ?", (request_id,))
        return exact or await self._ledger.rows(
            RequestRow, "select * from requests where id >= ?1 and id < ?1 || 'g' limit 2", (request_id,)
        )
