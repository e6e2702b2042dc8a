"""What came of the requests to a route, by the arm of its split that each was dealt: counted where the rows are."""

from __future__ import annotations

from assay.ledger.exchanges import id_at
from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["ArmLatency", "ArmRow", "arm_latencies", "arm_rows"]

_DEALT = """
  from requests join (
    select request_id, route, deployment, min(id) from attempts
    where started_at >= ?2 and shadow = 0 and (path = '0' or path like '0.%') group by request_id
  ) dealt on dealt.request_id = requests.id
  left join attempts answering on answering.id = requests.answered_by
  where requests.id > ?3 and requests.target = ?1 and requests.run_id is null and requests.cached = 0
"""
_VERDICT = (
    "(select verdict from feedback where feedback.request_id = requests.id and verdict is not null "
    "order by created_at desc, id desc limit 1)"
)
_ROWS = f"""
  select dealt.route as dealt_route, dealt.deployment as dealt_deployment, answering.route as route,
    answering.deployment as deployment, requests.outcome as outcome, {_VERDICT} as verdict, count(*) as requests,
    sum(requests.cost_usd) as usd, sum(requests.cost_usd is null) as unpriced
  {_DEALT} group by 1, 2, 3, 4, 5, 6
"""
_LATENCIES = f"""
  select dealt.route as dealt_route, dealt.deployment as dealt_deployment, answering.route as route,
    answering.deployment as deployment, requests.total_s as total_s
  {_DEALT} and requests.outcome = 'answered' and answering.id is not null
  order by requests.id desc limit ?4
"""


class ArmRow(Row, frozen=True, kw_only=True):
    """Requests that went the same way.

    `dealt_route`, `dealt_deployment`: of the first attempt, which is the arm's; `route`, `deployment`: of the one that
    answered; None = nobody did. `usd`: of all that is known; `unpriced` requests have a cost that nobody knows.
    """

    dealt_route: str
    dealt_deployment: str
    route: str | None
    deployment: str | None
    outcome: str
    verdict: str | None
    requests: int
    usd: float | None
    unpriced: int


class ArmLatency(Row, frozen=True, kw_only=True):
    """How long a client waited for a whole answer, in seconds, and who gave it; other fields as of `ArmRow`."""

    dealt_route: str
    dealt_deployment: str
    route: str
    deployment: str
    total_s: float


async def arm_rows(ledger: Ledger, route: str, since_s: float) -> list[ArmRow]:
    """All requests to a route since a time (seconds since 1970) that were sent somewhere, evals and shadows not.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(ArmRow, _ROWS, (route, since_s, id_at(since_s)))


async def arm_latencies(ledger: Ledger, route: str, since_s: float, most: int) -> list[ArmLatency]:
    """The newest latencies of these, at most so many.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(ArmLatency, _LATENCIES, (route, since_s, id_at(since_s), most))
