"""Batches as a mode of the spine: a request is left here instead of being sent, and its answer comes to the cache.

The spine does all that it does for a live call (constraints, label, prompt, cache, bound, hold, intent), then `enlist`
ends the request with `BatchWaiting`. Requests of one deployment gather to a job that is sent when it is full or at
`flush`. `wait` looks after the jobs; what one brings is settled and put into the cache in one transaction per request.
The same request then finds its answer there, in this process or any later one: going on after a crash is the only way
there is (docs/decisions/032-batches.md).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any

from assay.config.schema import Constraints
from assay.dialects.batches.form import Item, Job
from assay.errors import BadRequest, BatchWaiting, ConfigError
from assay.inference.batch_book import BatchBook, Failure
from assay.inference.batch_fetcher import BatchFetcher
from assay.inference.batch_items import BatchItem, Gathering, Written
from assay.inference.batch_patience import Patience
from assay.inference.batch_sender import BatchSender, host_of
from assay.inference.deployment import LiveDeployment
from assay.inference.purse import Purse
from assay.inference.route import LiveRoute
from assay.ledger.rows import BatchRow
from assay.ledger.store import Ledger
from assay.providers.batch_host import BatchHost
from assay.providers.provider import Attempted
from assay.types import Label

__all__ = ["BatchDesk", "Patience"]

MAX_JOB_BYTES = 64 * 1024 * 1024
"""Our own limit on one job: it is in memory while it is sent."""


class BatchDesk:
    """Gathers requests into jobs at hosts that answer later, and puts their answers into the cache.

    Args:
        targets: deployments by name.
        constraints: the hard limits.
        ledger: where all of it is recorded before it is sent.
        news: told, in a sentence, what happens.
        patience: see there.
    """

    def __init__(
        self,
        targets: Mapping[str, LiveDeployment | LiveRoute],
        constraints: Constraints,
        ledger: Ledger,
        *,
        news: Callable[[str], object] = lambda text: None,
        patience: Patience = Patience(),  # noqa: B008 - a value
    ) -> None:
        self._targets = targets
        self._book = BatchBook(ledger, news)
        self._sender = BatchSender(self._book, constraints, patience)
        self._fetcher = BatchFetcher(self._book, patience)
        self._patience = patience
        self._gathering: dict[str, Gathering] = {}  # by deployment

    async def open(self) -> None:
        """Take up the batches that earlier processes left open.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        await self._book.load()

    @property
    def open_batches(self) -> dict[str, BatchRow]:
        """What has been sent and not ended, by our id."""
        return dict(self._book.open)

    # --------------------------------------------------------------------------------------- gathering

    def failure(self, key: str) -> Failure | None:
        """What came of a request instead of an answer, as far as it came here; None = nothing is known."""
        return self._book.failures.get(key)

    def claim(self, live: LiveDeployment, key: str) -> None:
        """Make sure that a request is not on its way, and keep others from leaving the same.

        Raises:
            BatchWaiting: it is.
            ConfigError: its deployment has no batch endpoints.
        """
        host_of(live)
        if key in self._book.keys:
            raise BatchWaiting(self._book.keys[key])
        self._book.keys[key] = self._gathering.setdefault(live.name, Gathering()).id

    def release(self, key: str) -> None:
        """Nothing came of a claim."""
        self._book.keys.pop(key, None)

    def write(self, live: LiveDeployment, attempted: Attempted, attempt: str, key: str, label: Label) -> Written:
        """A request as it will stand in a job.

        Raises:
            BadRequest: its host cannot be told what it says, or not in a batch.
        """
        host = host_of(live)
        wire = host.write(attempted)
        line = host.form.line(Item(attempt, wire.path, wire.body))
        if len(line) > _most_bytes(host):
            raise BadRequest(f"a request of {len(line)} bytes does not fit into a batch; ask it live")
        stop = attempted.request.sampling.stop if "stop" in wire.emulated else ()
        item = BatchItem(attempt=attempt, key=key, sent_bytes=len(wire.body), emulated=wire.emulated, stop=stop)
        return Written(item, label, wire.path, line)

    async def enlist(self, live: LiveDeployment, written: Written, purse: Purse | None = None) -> str:
        """Leave a request whose bound is held, and learn the id of its batch; a full one is sent."""
        host, gathering = host_of(live), self._gathering.setdefault(live.name, Gathering())
        full: Gathering | None = None
        size = gathering.size_bytes + len(written.line)
        if size > _most_bytes(host) or len(gathering.written) >= host.form.max_items:
            full, gathering = gathering, Gathering()
            self._gathering[live.name] = gathering
        gathering.written.append(written)
        gathering.size_bytes += len(written.line)
        self._book.keys[written.item.key] = gathering.id
        if purse is not None:
            self._book.purses[written.item.attempt] = purse
        if full is not None:
            await self._sender.send(live, full)
        return gathering.id

    async def flush(self) -> None:
        """Send what has gathered. Where a host does not take it, its requests learn why when they are asked again."""
        gathered, self._gathering = self._gathering, {}
        live = {name: live for name in gathered if isinstance(live := self._targets[name], LiveDeployment)}
        await _all(
            self._sender.send(live[name], gathering) for name, gathering in gathered.items() if gathering.written
        )

    # ----------------------------------------------------------------------------------------- waiting

    async def wait(self, wanted: Collection[str], within_s: float | None = None) -> set[str]:
        """Look after the open batches until one of those that are wanted has ended.

        Returns:
            Which have ended; empty when the time is over.
        """
        until = None if within_s is None else time.monotonic() + within_s
        pause_s = self._patience.first_s
        while True:
            await self.look()
            ended = {one for one in wanted if one not in self._book.open}
            left_s = None if until is None else until - time.monotonic()
            if ended or not wanted or (left_s is not None and left_s <= 0):
                return ended
            await asyncio.sleep(pause_s if left_s is None else min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, self._patience.most_s)

    async def look(self) -> None:
        """Ask how each open batch stands, and fetch what those that have ended brought."""
        await _all(self._look(row) for row in list(self._book.open.values()))

    async def state(self, row: BatchRow) -> Job | None:
        """How a batch stands at its host; None where that is not known to have it.

        Raises:
            ConfigError: its deployment is gone, or cannot be asked in batches any more.
            ProviderError: the host does not say.
        """
        return await host_of(self._live(row)).look(row.provider_batch_id) if row.provider_batch_id else None

    async def cancel(self, row: BatchRow) -> None:
        """Ask a host to stop; what it has answered by then is still fetched, by `wait`; errors as in `state`.

        Raises:
            ConfigError: it is not known whether its host has it.
        """
        if row.provider_batch_id is None:
            raise ConfigError(f"batch {row.id} has not been acknowledged by its host; `assay batch fetch` looks for it")
        await host_of(self._live(row)).cancel(row.provider_batch_id)

    def _live(self, row: BatchRow) -> LiveDeployment:
        live = self._targets.get(row.deployment)
        if not isinstance(live, LiveDeployment):
            raise ConfigError(
                f"batch {row.id[:12]} is with deployment {row.deployment!r}, which assay.toml has no more"
            )
        return live

    async def _look(self, row: BatchRow) -> None:
        try:
            live = self._live(row)
        except ConfigError as error:
            self._book.say(row, str(error))
        else:
            await self._fetcher.look(row, live)


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do them at the same time, each to its end; then raise the first error."""
    for problem in await asyncio.gather(*works, return_exceptions=True):
        if problem is not None:
            raise problem


def _most_bytes(host: BatchHost) -> int:
    return min(host.form.max_bytes, MAX_JOB_BYTES) - 4096  # for what stands around the requests
