"""What the answers of a run took and cost: tokens as their hosts counted them, deployment by deployment."""

from __future__ import annotations

from assay.ledger.rows import Row
from assay.ledger.store import Ledger

__all__ = ["AnswersRow", "UsageRow", "answers_of", "run_before", "usage_of"]

_USAGE = """
select a.deployment, r.kind, sum(a.input_tokens) as input_tokens, sum(a.cached_tokens) as cached_tokens,
  sum(a.cache_write_tokens) as cache_write_tokens, sum(a.output_tokens) as output_tokens,
  sum(a.engine_s) as engine_s, sum(a.cost_usd) as cost_usd
from results r join attempts a on a.request_id = r.request_id
where r.run_id = ? and a.outcome = 'ok' and a.cost_basis = 'measured' and a.batch_id is null
group by a.deployment, r.kind
"""
_ANSWERS = "select kind, count(*) as answers from results where run_id = ? and cached = 0 and batched = 0 group by kind"
_BEFORE = "select id from runs where suite = ? and target = ? and id < ? order by id desc limit 1"


class UsageRow(Row, frozen=True, kw_only=True):
    """Sums over answers that came live and whose cost was measured."""

    deployment: str
    kind: str
    cost_usd: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    engine_s: float | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class AnswersRow(Row, frozen=True, kw_only=True):
    """How many answers to a kind came live."""

    kind: str
    answers: int


class _RunId(Row, frozen=True, kw_only=True):
    id: str


async def usage_of(ledger: Ledger, run_id: str) -> list[UsageRow]:
    """What a run took, by deployment and kind; judges not.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return await ledger.rows(UsageRow, _USAGE, (run_id,))


async def answers_of(ledger: Ledger, run_id: str) -> dict[str, int]:
    """Answers of a run by kind, without those from the cache and from batches.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    return {row.kind: row.answers for row in await ledger.rows(AnswersRow, _ANSWERS, (run_id,))}


async def run_before(ledger: Ledger, run_id: str, suite: str, target: str) -> str | None:
    """The run of a suite against a target that came before this one, of whatever version; None = it is the first.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found = await ledger.rows(_RunId, _BEFORE, (suite, target, run_id))
    return found[0].id if found else None
