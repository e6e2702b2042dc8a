"""Handing a job over to its host, so that it is never there twice without a word."""

from __future__ import annotations

import asyncio
import time

from assay.config.schema import Constraints
from assay.dialects.batches.form import Job
from assay.envelope.cost import Cost
from assay.errors import AssayError, ConfigError, ProviderError
from assay.inference.batch_answers import failed
from assay.inference.batch_book import BatchBook
from assay.inference.batch_items import Gathering, items_of, pack
from assay.inference.batch_patience import Patience
from assay.inference.deployment import LiveDeployment
from assay.ledger.rows import BatchRow
from assay.privacy.guard import assert_may_receive
from assay.providers.batch_host import BatchHost

__all__ = ["UNBILLED", "BatchSender", "give_up", "host_of"]

UNBILLED = Cost(0.0, "measured")
"""What a request costs that no model was asked."""


def host_of(live: LiveDeployment) -> BatchHost:
    """The batch endpoints of a deployment.

    Raises:
        ConfigError: it has none.
    """
    if live.batches is None:
        raise ConfigError(
            f"deployment {live.name!r} cannot be asked in batches: its dialect {live.config.dialect!r} has no such "
            "endpoints; ask it without --batch"
        )
    return live.batches


class BatchSender:
    """Sends jobs.

    Args:
        book: where it is written down, before and after.
        constraints: the hard limits.
        patience: with hosts that do not take a job at the moment.
    """

    def __init__(self, book: BatchBook, constraints: Constraints, patience: Patience) -> None:
        self._book = book
        self._constraints = constraints
        self._patience = patience

    async def send(self, live: LiveDeployment, gathering: Gathering) -> None:
        """Send what has gathered. Where its host does not take it, its requests learn why when they are asked again."""
        items = tuple(one.item for one in gathering.written)
        row = BatchRow(
            id=gathering.id,
            created_at=time.time(),
            deployment=live.name,
            dialect=live.config.dialect,
            state="sending",
            items=len(items),
            body=pack(items),
        )
        await self._book.sending(row, items)
        try:
            for one in gathering.written:  # the spine has looked before; at the moment of sending it fails closed
                assert_may_receive(one.label, live.name, live.config.is_private, self._constraints)
            job = await self._hand_over(live, gathering)
        except AssayError as error:
            if _is_clear(error):
                await give_up(self._book, row, live, error)
            else:
                self._book.say(row, f"it is not known whether its host has it ({error})")
            return
        await self._book.acknowledge(row, job)

    async def _hand_over(self, live: LiveDeployment, gathering: Gathering) -> Job:
        """The job as its host took it on.

        Raises:
            ProviderError: it did not, or (`_is_clear`) nobody knows.
        """
        host, lines = host_of(live), [one.line for one in gathering.written]
        path, pause_s = gathering.written[0].path, self._patience.first_s
        for left in reversed(range(self._patience.tries)):
            uploaded = False
            try:
                name = await host.upload(gathering.id, lines)
                uploaded = True
                return await host.create(gathering.id, path, lines, name)
            except ProviderError as error:
                if not uploaded:
                    error.add_note(_NOTHING_ASKED)
                if not left or not error.retryable or not _is_clear(error):
                    raise
                await asyncio.sleep(error.retry_after_s if error.retry_after_s is not None else pause_s)
                pause_s *= 2
        raise AssertionError("unreachable")


async def give_up(
    book: BatchBook, row: BatchRow, live: LiveDeployment, error: AssayError, *, cost: Cost | None = UNBILLED,
    again: bool = False,
) -> None:  # fmt: skip
    """End a batch that brings nothing.

    Args:
        book: where that is written down.
        row: the batch.
        live: its deployment.
        error: what its requests are told.
        cost: of each; None = nobody knows, so that its bound is charged.
        again: its requests may be sent in another one.
    """
    items = {item.attempt: item for item in items_of(row)}
    lost = [failed(live, items[one.id], one, error, cost) for one in await book.batches.waiting(row.id)]
    await book.settle(row, lost)
    await book.close(row, "failed", str(error), items.values(), None if again else error)
    if again:
        book.pardon(items.values())


_NOTHING_ASKED = "nothing was asked yet: the requests were not taken"


def _is_clear(error: AssayError) -> bool:
    """Whether a job that was not acknowledged is certainly not with its host."""
    if not isinstance(error, ProviderError) or _NOTHING_ASKED in getattr(error, "__notes__", ()):
        return True
    return error.status is not None and error.status < 500
