"""What the answers of a run took in tokens: all calls of each together, as their hosts told them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from assay.ledger.rows import Row

if TYPE_CHECKING:
    from assay.ledger.store import Ledger

__all__ = ["AnswerTokens", "answer_tokens"]

_PAGE = 2000


class AnswerTokens(Row, frozen=True, kw_only=True):
    """One answer to a sample. `output` holds what was thought, too; `reasoning` is that part; None = not told."""

    sample_id: str
    repeat: int
    input: int | None
    output: int | None
    reasoning: int | None


async def answer_tokens(ledger: Ledger, run_id: str) -> AsyncIterator[AnswerTokens]:
    """The answers of a run whose tokens are known, by sample.

    Calls that failed count as far as their hosts told what they took; an answer from the cache counts as it did when it
    was made. Left out are answers of hosts that tell nothing, and conversations: a result names its last turn only.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    several = {one.sample_id for one in await ledger.rows(_Sample, _SEVERAL, (run_id,))}
    after = ("", -1)
    while True:
        page = await ledger.rows(AnswerTokens, _ANSWERS, (run_id, *after, _PAGE))
        for one in page:
            if one.output is not None and one.sample_id not in several:
                yield one
        if len(page) < _PAGE:
            return
        after = (page[-1].sample_id, page[-1].repeat)


class _Sample(Row, frozen=True, kw_only=True):
    sample_id: str


# Ids sort by time, so that a run's requests come after its own: `requests` has no index by run.
_SEVERAL = """
select sample_id from requests
where id > ?1 and run_id = ?1 and outcome = 'answered' and target = (select target from runs where id = ?1)
group by sample_id
having count(*) > (select count(*) from results where run_id = ?1 and results.sample_id = requests.sample_id)
"""

_ANSWERS = """
select results.sample_id, results.repeat, sum(input_tokens) as input,
  case when sum(attempts.outcome in ('ok', 'cached') and output_tokens is null) then null
    else sum(output_tokens) end as output,
  sum(reasoning_tokens) as reasoning
from results left join attempts on attempts.request_id = results.request_id and attempts.shadow = 0
where results.run_id = ? and (results.sample_id, results.repeat) > (?, ?)
group by results.sample_id, results.repeat
order by results.sample_id, results.repeat limit ?
"""
