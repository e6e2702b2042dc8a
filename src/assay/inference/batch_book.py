"""What one process knows of batches: the open ones, who waits for which, and what came of requests without an answer.

All of it is in the ledger, too, but for failures: within one command an error is final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

from assay.dialects.batches.form import Job
from assay.errors import AssayError, LedgerError
from assay.inference.batch_answers import Settled
from assay.inference.batch_items import BatchItem, items_of
from assay.inference.purse import Purse
from assay.ledger.batches import Batches
from assay.ledger.rows import BatchRow, Settlement
from assay.ledger.store import Ledger
from assay.numerals import plural, verb

__all__ = ["BatchBook", "Failure"]


class Failure(NamedTuple):
    """Why a request has no answer, and what that cost; `settled` is None where its own attempt told nothing."""

    error: AssayError
    settled: Settlement | None = None


class BatchBook:
    """Keeps the ledger and what this process must know together.

    Args:
        ledger: where all of it is recorded.
        news: told, in a sentence, what happens.

    Attributes:
        batches: the ledger's table.
        open: batches that have been sent and not ended, by our id.
        inherited: of these, the ones that another process began to send.
        keys: of each request that waits: its batch.
        failures: of each request that came to nothing here: why.
        purses: by attempt.
    """

    def __init__(self, ledger: Ledger, news: Callable[[str], object]) -> None:
        self.batches = Batches(ledger)
        self.open: dict[str, BatchRow] = {}
        self.inherited: set[str] = set()
        self.keys: dict[str, str] = {}
        self.failures: dict[str, Failure] = {}
        self.purses: dict[str, Purse] = {}
        self._ledger = ledger
        self._news = news
        self._told: dict[str, str] = {}  # by batch: the last news of it

    async def load(self) -> None:
        """Take up the batches that earlier processes left open.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        for row in await self.batches.open():
            self.open[row.id] = row
            self.inherited.add(row.id)
            self.keys |= {item.key: row.id for item in items_of(row)}

    async def sending(self, row: BatchRow, items: Sequence[BatchItem]) -> None:
        """A batch is about to be sent; its rows are durable when this returns."""
        await self.batches.send(row, [item.attempt for item in items])
        self.open[row.id] = row

    async def acknowledge(self, row: BatchRow, job: Job) -> None:
        """Its host has it."""
        await self.batches.acknowledged(row.id, job.id)
        self.open[row.id] = msgspec.structs.replace(row, state="waiting", provider_batch_id=job.id)
        are = verb(row.items, "is", "are")
        self.say(row, f"{plural(row.items, 'request')} {are} with {row.deployment} as {job.id}")

    async def is_elsewhere(self, row: BatchRow) -> bool:
        """Whether another process is sending a batch, or has got further with it, which is then noted."""
        if row.id not in self.inherited:
            return False
        [known] = await self.batches.begin_with(row.id)
        if known.state == "sending":
            return await self.batches.is_being_sent(known)
        if known.state == "waiting":
            self.open[row.id] = known
        else:
            self._forget(row, items_of(row))
        return True

    async def settle(self, row: BatchRow, settled: list[Settled]) -> None:
        """Write what requests came to.

        Raises:
            LedgerError: it cannot be written. That another process has fetched the same batch is none.
        """
        written = [self._ledger.settle(one.settlement, one.reply) for one in settled]
        problems = [one for one in await asyncio.gather(*written, return_exceptions=True) if one is not None]
        if problems:
            left = {one.id for one in await self.batches.waiting(row.id)}
            if any(one.settlement.id in left for one in settled) or not isinstance(problems[0], LedgerError):
                raise problems[0]
        for one in settled:
            if one.error is not None:
                self.failures[one.key] = Failure(one.error, one.settlement)
            purse = self.purses.pop(one.settlement.id, None)
            if purse is not None:
                purse.settle(one.settlement.id, one.settlement.cost_usd)

    async def close(
        self, row: BatchRow, state: Literal["done", "failed", "cancelled"], message: str | None,
        items: Collection[BatchItem], error: AssayError | None,
    ) -> None:  # fmt: skip
        """Nothing more comes of a batch; `error`: what its requests are told, unless they know better."""
        await self.batches.ended(row.id, state, message)
        self._forget(row, items)
        if error is not None:
            for item in items:
                self.failures.setdefault(item.key, Failure(error))
        self.say(row, f"{state}" + (f": {message}" if message and state == "failed" else ""))

    def pardon(self, items: Iterable[BatchItem]) -> None:
        """Let requests be sent again that came to nothing."""
        for item in items:
            self.failures.pop(item.key, None)

    def say(self, row: BatchRow, what: str) -> None:
        """Tell how a batch stands, unless that was the last thing told of it."""
        if self._told.get(row.id) != what:
            self._told[row.id] = what
            self._news(f"batch {row.id[:12]}: {what}")

    def _forget(self, row: BatchRow, items: Iterable[BatchItem]) -> None:
        self.open.pop(row.id, None)
        for item in items:
            self.keys.pop(item.key, None)
