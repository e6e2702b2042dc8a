"""Looking after jobs that are with their hosts, and fetching what they bring."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal

from assay.dialects.batches.form import Job
from assay.envelope.cost import Cost
from assay.errors import BadRequest, ConfigError, MalformedReply, ProviderError, ProviderFault
from assay.inference.batch_answers import Settled, answered, failed
from assay.inference.batch_book import BatchBook
from assay.inference.batch_items import BatchItem, items_of
from assay.inference.batch_patience import Patience
from assay.inference.batch_sender import UNBILLED, give_up, host_of
from assay.inference.deployment import LiveDeployment
from assay.ledger.batches import OpenAttempt
from assay.ledger.rows import BatchRow
from assay.numerals import plural
from assay.providers.batch_host import BatchHost

__all__ = ["BatchFetcher"]

_AT_ONCE = 256  # settlements on their way


class BatchFetcher:
    """Looks how batches stand, finds those that are not acknowledged, and settles what those that have ended brought.

    Args:
        book: where it is written down.
        patience: how soon a host lists what it has taken on.
    """

    def __init__(self, book: BatchBook, patience: Patience) -> None:
        self._book = book
        self._patience = patience

    async def look(self, row: BatchRow, live: LiveDeployment) -> None:
        """Ask how a batch stands; what goes wrong is told, and tried again with the next look."""
        try:
            host = host_of(live)
            if row.provider_batch_id is None and await self._book.is_elsewhere(row):
                return
            if row.provider_batch_id is None:
                await self._find(row, live, host)
                return
            job = await host.look(row.provider_batch_id)
            if job.ended:
                await self._fetch(row, live, host, job)
            elif job.total:
                self._book.say(row, f"{job.done or 0} of {job.total} done")
        except BadRequest as error:
            if error.status != 404:
                self._book.say(row, str(error))
                return
            await give_up(self._book, row, live, error, cost=None)  # the host has forgotten it: nobody knows its cost
        except (ProviderError, ConfigError) as error:
            self._book.say(row, str(error))

    async def _find(self, row: BatchRow, live: LiveDeployment, host: BatchHost) -> None:
        """Whether the host has a batch whose acknowledgement was lost."""
        job = await host.find(row.id, row.items, row.created_at, await self._book.batches.known_to_hosts())
        if job is not None:
            await self._book.acknowledge(row, job)
        elif time.time() - row.created_at >= self._patience.listed_s:
            error = MalformedReply("the host does not have this batch: it was not taken on", deployment=live.name)
            self._book.say(row, f"its host does not have it; its {plural(row.items, 'request')} can be sent again")
            await give_up(self._book, row, live, error, again=row.id in self._book.inherited)

    async def _fetch(self, row: BatchRow, live: LiveDeployment, host: BatchHost, job: Job) -> None:
        """Settle every request of a batch that has ended."""
        if job.problem is not None:
            error = BadRequest(f"the batch came to nothing: {job.problem}", deployment=live.name)
            await give_up(self._book, row, live, error)
            return
        items = {item.attempt: item for item in items_of(row)}
        waiting = {one.id: one for one in await self._book.batches.waiting(row.id)}
        odd = await self._take(row, live, host, job, items, waiting)
        await self._book.settle(row, [_without(live, items[one.id], one, job) for one in waiting.values()])
        state: Literal["done", "cancelled"] = "cancelled" if "cancel" in job.state else "done"
        if odd:
            self._book.say(row, odd)
        await self._book.close(row, state, odd or None, items.values(), None)

    async def _take(
        self, row: BatchRow, live: LiveDeployment, host: BatchHost, job: Job, items: Mapping[str, BatchItem],
        waiting: dict[str, OpenAttempt],
    ) -> str:  # fmt: skip
        """Settle what the host has results for, and take it out of `waiting`; returns what was odd about them."""
        settled: list[Settled] = []
        seen: set[str] = set()
        strange = twice = unreadable = 0
        async for result in host.results(job):
            if isinstance(result, MalformedReply):
                unreadable += 1
            elif result.id not in items:
                strange += 1
            elif result.id in seen:
                twice += 1
            else:
                seen.add(result.id)
                if (attempt := waiting.pop(result.id, None)) is not None:
                    settled.append(answered(live, items[result.id], attempt, result))
            if len(settled) >= _AT_ONCE:
                await self._book.settle(row, settled)
                settled.clear()
        await self._book.settle(row, settled)
        odd = {"of requests that are not ours": strange, "told twice": twice, "that cannot be read": unreadable}
        return "; ".join(f"{plural(count, 'result')} {what}" for what, count in odd.items() if count)


def _without(live: LiveDeployment, item: BatchItem, attempt: OpenAttempt, job: Job) -> Settled:
    """What a request comes to that the results leave out."""
    if job.state in ("expired", "cancelled"):
        error: ProviderError = ProviderFault(f"the batch is {job.state}, and tells nothing of this request")
        cost: Cost | None = UNBILLED
    else:
        error, cost = MalformedReply("the results of the batch leave this request out"), None
    error.deployment = live.name
    return failed(live, item, attempt, error, cost)
