"""What came of answers: verdicts, corrections and measured outcomes, by request."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

from assay.ledger.exchanges import id_at
from assay.ledger.rows import FeedbackRow, RequestRow, Row
from assay.ledger.store import Ledger

__all__ = ["Feedback", "Measured", "Said"]

_AT_ONCE = 100
_MESSAGE = "msg_"
"""Before the id of an answer from a host that has other ids, where the client speaks Anthropic's format."""
_PAGE = 20_000
_PAGE_BEFORE = "select min(id) as first from (select id from requests where id < ? order by id desc limit ?)"
_ASKED = """
  requests.id > ?1 and (?2 is null or requests.target = ?2) and (?3 is null or requests.kind = ?3)
  and requests.run_id is null and requests.outcome = 'answered'
"""
_VERDICTS = f"""
  select coalesce(kind, '') as kind, coalesce(deployment, '') as deployment, coalesce(verdict, '') as verdict,
    count(*) as requests, sum(passed_over) as passed_over
  from (
    select kind, deployment,
      (select verdict from feedback where feedback.request_id = requests.id and verdict is not null
       order by created_at desc, feedback.id desc limit 1) as verdict,
      id in (select over_request_id from feedback where over_request_id is not null) as passed_over
    from requests where {_ASKED}
  ) group by 1, 2, 3 order by 1, 2, 3
"""  # noqa: S608 - fixed clauses
_OUTCOMES = f"""
  select kind, deployment, metric, count(*) as requests, avg(value) as mean,
    sum((value - centre) * (value - centre)) as spread
  from (
    select coalesce(requests.kind, '') as kind, coalesce(requests.deployment, '') as deployment, metric, value,
      avg(value) over (partition by requests.kind, requests.deployment, metric) as centre
    from (
      select request_id, metric, value,
        row_number() over (partition by request_id, metric order by created_at desc, id desc) as place
      from feedback where metric is not null
    ) said join requests on requests.id = said.request_id
    where place = 1 and {_ASKED}
  ) group by 1, 2, 3 order by 1, 2, 3
"""  # noqa: S608 - fixed clauses
_INSERT = (
    "insert into feedback (id, request_id, created_at, verdict, over_request_id, metric, value, correction, comment) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class _Page(Row, frozen=True, kw_only=True):
    """The first id of a page of requests; None = there are none."""

    first: str | None


class Said(Row, frozen=True, kw_only=True):
    """Answered requests of one kind (empty = none) and deployment with one verdict (empty = nobody said anything).

    `passed_over`: so many of them are those that another answer was preferred to.
    """

    kind: str
    deployment: str
    verdict: str
    requests: int
    passed_over: int


class Measured(Row, frozen=True, kw_only=True):
    """One outcome that was measured, of so many requests: the mean, and the sum of the squared distances from it."""

    kind: str
    deployment: str
    metric: str
    requests: int
    mean: float
    spread: float


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

    async def requests(self, name: str) -> list[RequestRow]:
        """The request with this id; else those whose ids begin so; else those whose answer has this id in its body.

        Two at most: more than one means it is not clear.
        """
        exact = await self._ledger.rows(RequestRow, "select * from requests where id = ?", (name,))
        return (
            exact
            or await self._ledger.rows(
                RequestRow, "select * from requests where id >= ?1 and id < ?1 || 'g' limit 2", (name,)
            )
            or await self._answered(name)
        )

    async def _answered(self, response_id: str) -> list[RequestRow]:
        """The requests, two at most, whose answer a host has called so; among the newest first.

        There is no index of these names: kept in no order, they would cost each request three times its own row.
        """
        before = "g"  # after every id
        while True:
            (page,) = await self._ledger.rows(_Page, _PAGE_BEFORE, (before, _PAGE))
            if page.first is None:
                return []
            found = await self._ledger.rows(
                RequestRow,
                "select * from requests where id >= ? and id < ? and response_id in (?, ?) limit 2",
                (page.first, before, response_id, response_id.removeprefix(_MESSAGE)),
            )
            if found:
                return found
            before = page.first

    async def verdicts(self, *, since_s: float = 0.0, target: str | None = None, kind: str | None = None) -> list[Said]:
        """How many answered requests of clients were said to be what, by kind and deployment; the last verdict counts.

        Args:
            since_s: requests not older than this, in seconds since 1970.
            target: only of this route or deployment.
            kind: only of this kind.
        """
        return await self._ledger.rows(Said, _VERDICTS, (id_at(since_s), target, kind))

    async def outcomes(
        self, *, since_s: float = 0.0, target: str | None = None, kind: str | None = None
    ) -> list[Measured]:
        """The outcomes that were measured, by kind and deployment; of each request the last figure counts."""
        return await self._ledger.rows(Measured, _OUTCOMES, (id_at(since_s), target, kind))
