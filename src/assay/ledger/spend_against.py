"""The traffic that a comparison is made with: what was answered, in tokens, and what all of that cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from assay.ledger.rows import Row
from assay.ledger.spend import Window, pico_sum
from assay.ledger.store import Ledger

__all__ = ["AnsweredRow", "CostRow", "CountRow", "Served", "served", "shared_samples"]

_ANSWERED = """
from requests r join attempts a on a.id = r.answered_by
where r.started_at >= ?1 and r.started_at < ?2 and r.outcome = 'answered' and not r.cached
  and r.run_id is null
"""
_COUNTED = "and a.input_tokens is not null and a.output_tokens is not null"
_TOKENS = """
select a.deployment, {length} as length, count(*) as requests, sum(a.input_tokens) as input,
  sum(a.output_tokens) as output, coalesce(sum(a.cached_tokens), 0) as cached,
  coalesce(sum(a.cache_write_tokens), 0) as written
"""
_COSTS = f"""
with answered as (select r.id as request_id, r.answered_by as id {_ANSWERED} {_COUNTED})
select coalesce(a.purpose, case when a.shadow then 'shadow' when a.id = answered.id then 'answer' else 'attempt' end)
    as purpose,
  {pico_sum("a.cost_usd")} as pico, count(*) as attempts,
  count(*) filter (where a.cost_basis in ('unknown', 'held')) as unknown,
  count(*) filter (where a.cost_basis = 'bound') as bounds
from answered join attempts a on a.request_id = answered.request_id group by 1 order by total(a.cost_usd) desc
"""  # noqa: S608 - fixed texts
_UNCOUNTED = f"""
select count(*) as requests {_ANSWERED} and (a.input_tokens is null or a.output_tokens is null)
"""
_SHARED = """
select r.suite as suite, a.sample_id as sample, a.deployment as deployment, avg(a.input_tokens) as input,
  avg(a.output_tokens) as output
from attempts a join runs r on r.id = a.run_id
where a.outcome = 'ok' and a.sample_id is not null and a.purpose is null
  and a.input_tokens is not null and a.output_tokens is not null
  and exists (select 1 from attempts b join runs s on s.id = b.run_id
    where b.deployment = ?1 and s.suite = r.suite and b.sample_id = a.sample_id)
group by 1, 2, 3
"""


class AnsweredRow(Row, frozen=True, kw_only=True):
    """Tokens of answers by one deployment whose requests have at most so many (`length`; None = longer than all)."""

    deployment: str
    length: int | None
    requests: int
    input: int
    output: int
    cached: int
    written: int


class CostRow(Row, frozen=True, kw_only=True):
    """What attempts of one purpose cost; `attempt` = tried, and not what was answered in the end."""

    purpose: str
    pico: int
    attempts: int
    unknown: int
    bounds: int


class CountRow(Row, frozen=True, kw_only=True):
    """Mean tokens of one deployment's answers to one sample."""

    suite: str
    sample: str
    deployment: str
    input: float
    output: float


class _Requests(Row, frozen=True, kw_only=True):
    requests: int


class Served(NamedTuple):
    """The answered requests of a time, evaluations and answers from the cache apart.

    Attributes:
        answers: tokens of those that were counted.
        costs: what was paid for them, by purpose.
        uncounted: answered requests whose tokens nobody counted; they are in neither.
    """

    answers: list[AnsweredRow]
    costs: list[CostRow]
    uncounted: int


async def served(ledger: Ledger, window: Window, lengths: Iterable[int]) -> Served:
    """What was answered in a time.

    Args:
        ledger: where it is recorded.
        window: by the start of the requests.
        lengths: of requests, in tokens, at which prices change.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    steps = " ".join(f"when a.input_tokens <= {int(length)} then {int(length)}" for length in sorted(lengths))
    length = f"case {steps} end" if steps else "null"
    tokens = _TOKENS.format(length=length) + _ANSWERED + _COUNTED + " group by 1, 2"
    return Served(
        await ledger.rows(AnsweredRow, tokens, window),
        await ledger.rows(CostRow, _COSTS, window),
        sum(row.requests for row in await ledger.rows(_Requests, _UNCOUNTED, window)),
    )


async def shared_samples(ledger: Ledger, deployment: str) -> list[CountRow]:
    """Tokens of all answers to samples that this deployment has answered too.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(CountRow, _SHARED, (deployment,))
