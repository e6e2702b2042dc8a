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
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from assay.config.schema import Constraints
from assay.dialects.batches.form import Item, Job
from assay.envelope.cost import Cost
from assay.errors import AssayError, BadRequest, BatchWaiting, ConfigError, LedgerError, MalformedReply, ProviderError
from assay.inference.batch_answers import Settled, answered, failed
from assay.inference.batch_items import BatchItem, Written, items_of, pack
from assay.inference.deployment import LiveDeployment
from assay.inference.purse import Purse
from assay.inference.route import LiveRoute
from assay.ledger.batches import Batches, OpenAttempt
from assay.ledger.rows import BatchRow, Settlement, new_id
from assay.ledger.store import Ledger
from assay.privacy.guard import assert_may_receive
from assay.providers.batch_host import BatchHost
from assay.providers.provider import Attempted
from assay.types import Label

__all__ = ["BatchDesk", "Failure", "Patience"]

MAX_JOB_BYTES = 64 * 1024 * 1024
"""Our own limit on one job: it is in memory while it is sent."""

_AT_ONCE = 256  # settlements on their way
_UNBILLED = Cost(0.0, "measured")


class Patience(NamedTuple):
    """How long to wait for what, in seconds.

    Attributes:
        first_s, most_s: between two looks at the open jobs; it grows.
        tries: to hand over a job that its host does not take at the moment.
        listed_s: after so long a host lists a job that it has taken on, so that one that is not listed is not there.
    """

    first_s: float = 2.0
    most_s: float = 60.0
    tries: int = 4
    listed_s: float = 30.0


class Failure(NamedTuple):
    """Why a request has no answer, and what that cost; `settled` is None where its own attempt told nothing."""

    error: AssayError
    settled: Settlement | None = None


@dataclass(slots=True)
class _Gathering:
    """Requests that will be one job."""

    id: str = field(default_factory=new_id)
    written: list[Written] = field(default_factory=list)
    size_bytes: int = 0


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
        self._constraints = constraints
        self._ledger = ledger
        self._batches = Batches(ledger)
        self._news = news
        self._patience = patience
        self._gathering: dict[str, _Gathering] = {}  # by deployment
        self._open: dict[str, BatchRow] = {}  # by our id
        self._inherited: set[str] = set()  # of these, the ones that another process began to send
        self._keys: dict[str, str] = {}  # of each request that waits: its batch
        self._failed: dict[str, Failure] = {}  # by key
        self._purses: dict[str, Purse] = {}  # by attempt
        self._told: dict[str, str] = {}  # by batch: the last news of it

    async def open(self) -> None:
        """Take up the batches that earlier processes left open.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        for row in await self._batches.open():
            self._open[row.id] = row
            self._inherited.add(row.id)
            self._keys |= {item.key: row.id for item in items_of(row)}

    @property
    def open_batches(self) -> dict[str, BatchRow]:
        """What has been sent and not ended, by our id."""
        return dict(self._open)

    # --------------------------------------------------------------------------------------- gathering

    def host(self, live: LiveDeployment) -> BatchHost:
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

    def failure(self, key: str) -> Failure | None:
        """What came of a request instead of an answer, as far as it came here; None = nothing is known."""
        return self._failed.get(key)

    def claim(self, live: LiveDeployment, key: str) -> None:
        """Make sure that a request is not on its way, and keep others from leaving the same.

        Raises:
            BatchWaiting: it is.
            ConfigError: its deployment has no batch endpoints.
        """
        self.host(live)
        if key in self._keys:
            raise BatchWaiting(self._keys[key])
        self._keys[key] = self._gathering.setdefault(live.name, _Gathering()).id

    def release(self, key: str) -> None:
        """Nothing came of a claim."""
        self._keys.pop(key, None)

    def write(self, live: LiveDeployment, attempted: Attempted, attempt: str, key: str, label: Label) -> Written:
        """A request as it will stand in a job.

        Raises:
            BadRequest: its host cannot be told what it says, or not in a batch.
        """
        host = self.host(live)
        wire = host.write(attempted)
        line = host.form.line(Item(attempt, wire.path, wire.body))
        if len(line) > _most_bytes(host):
            raise BadRequest(f"a request of {len(line)} bytes does not fit into a batch; ask it live")
        stop = attempted.request.sampling.stop if "stop" in wire.emulated else ()
        item = BatchItem(attempt=attempt, key=key, sent_bytes=len(wire.body), emulated=wire.emulated, stop=stop)
        return Written(item, label, wire.path, line)

    async def enlist(self, live: LiveDeployment, written: Written, purse: Purse | None = None) -> str:
        """Leave a request whose bound is held, and learn the id of its batch; a full one is sent."""
        host, gathering = self.host(live), self._gathering.setdefault(live.name, _Gathering())
        full: _Gathering | None = None
        size = gathering.size_bytes + len(written.line)
        if size > _most_bytes(host) or len(gathering.written) >= host.form.max_items:
            full, gathering = gathering, _Gathering()
            self._gathering[live.name] = gathering
        gathering.written.append(written)
        gathering.size_bytes += len(written.line)
        self._keys[written.item.key] = gathering.id
        if purse is not None:
            self._purses[written.item.attempt] = purse
        if full is not None:
            await self._send(live, full)
        return gathering.id

    async def flush(self) -> None:
        """Send what has gathered. Where a host does not take it, its requests learn why when they are asked again."""
        gathered, self._gathering = self._gathering, {}
        live = {name: live for name in gathered if isinstance(live := self._targets[name], LiveDeployment)}
        await _all(self._send(live[name], gathering) for name, gathering in gathered.items() if gathering.written)

    # ----------------------------------------------------------------------------------------- sending

    async def _send(self, live: LiveDeployment, gathering: _Gathering) -> None:
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
        await self._batches.send(row, [item.attempt for item in items])
        self._open[row.id] = row
        try:
            for one in gathering.written:  # the spine has looked before; at the moment of sending it fails closed
                assert_may_receive(one.label, live.name, live.config.is_private, self._constraints)
            job = await self._hand_over(live, gathering)
        except AssayError as error:
            if _is_clear(error):
                await self._give_up(row, live, error)
            else:
                self._say(row, f"it is not known whether its host has it ({error})")
            return
        await self._acknowledge(row, job)

    async def _hand_over(self, live: LiveDeployment, gathering: _Gathering) -> Job:
        """The job as its host took it on.

        Raises:
            ProviderError: it did not, or (`_is_clear`) nobody knows.
        """
        host, lines = self.host(live), [one.line for one in gathering.written]
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

    async def _acknowledge(self, row: BatchRow, job: Job) -> None:
        await self._batches.acknowledged(row.id, job.id)
        self._open[row.id] = msgspec.structs.replace(row, state="waiting", provider_batch_id=job.id)
        self._say(row, f"{row.items} requests are with {row.deployment} as {job.id}")

    async def _give_up(self, row: BatchRow, live: LiveDeployment, error: AssayError, *, again: bool = False) -> None:
        """Its host does not have it: nothing is charged. `again`: its requests may be sent in another one."""
        items = {item.attempt: item for item in items_of(row)}
        lost = [failed(live, items[one.id], one, error, _UNBILLED) for one in await self._batches.waiting(row.id)]
        await self._settle(row, lost)
        await self._close(row, "failed", str(error), items.values(), None if again else error)
        for item in items.values() if again else ():
            self._failed.pop(item.key, None)

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
            ended = {one for one in wanted if one not in self._open}
            left_s = None if until is None else until - time.monotonic()
            if ended or not wanted or (left_s is not None and left_s <= 0):
                return ended
            await asyncio.sleep(pause_s if left_s is None else min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, self._patience.most_s)

    async def look(self) -> None:
        """Ask how each open batch stands, and fetch what those that have ended brought."""
        await _all(self._look(row) for row in list(self._open.values()))

    async def state(self, row: BatchRow) -> Job | None:
        """How a batch stands at its host; None where that is not known to have it.

        Raises:
            ConfigError: its deployment is gone, or cannot be asked in batches any more.
            ProviderError: the host does not say.
        """
        return await self.host(self._live(row)).look(row.provider_batch_id) if row.provider_batch_id else None

    async def cancel(self, row: BatchRow) -> None:
        """Ask a host to stop; what it has answered by then is still fetched, by `wait`; errors as in `state`.

        Raises:
            ConfigError: it is not known whether its host has it.
        """
        if row.provider_batch_id is None:
            raise ConfigError(f"batch {row.id} has not been acknowledged by its host; `assay batch fetch` looks for it")
        await self.host(self._live(row)).cancel(row.provider_batch_id)

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
            host = self.host(live)
            if row.provider_batch_id is None and await self._is_elsewhere(row):
                return
            if row.provider_batch_id is None:
                await self._find(row, live, host)
                return
            job = await host.look(row.provider_batch_id)
            if job.ended:
                await self._fetch(row, live, host, job)
            elif job.total:
                self._say(row, f"{job.done or 0} of {job.total} done")
        except BadRequest as error:
            if error.status != 404:
                self._say(row, str(error))
                return
            await self._lose(row, live, error)
        except (ProviderError, ConfigError) as error:
            self._say(row, str(error))

    async def _is_elsewhere(self, row: BatchRow) -> bool:
        """Whether another process is sending a batch, or has got further with it, which is then noted."""
        if row.id not in self._inherited:
            return False
        [known] = await self._batches.begin_with(row.id)
        if known.state == "sending":
            return await self._batches.is_being_sent(known)
        if known.state == "waiting":
            self._open[row.id] = known
        else:
            self._forget(row, items_of(row))
        return True

    async def _find(self, row: BatchRow, live: LiveDeployment, host: BatchHost) -> None:
        """Whether the host has a batch whose acknowledgement was lost."""
        job = await host.find(row.id, row.items, row.created_at, await self._batches.known_to_hosts())
        if job is not None:
            await self._acknowledge(row, job)
        elif time.time() - row.created_at >= self._patience.listed_s:
            error = MalformedReply("the host does not have this batch: it was not taken on", deployment=live.name)
            self._say(row, f"its host does not have it; its {row.items} requests can be sent again")
            await self._give_up(row, live, error, again=row.id in self._inherited)

    async def _lose(self, row: BatchRow, live: LiveDeployment, error: AssayError) -> None:
        """The host has forgotten a batch that it had: what it cost nobody knows."""
        items = {item.attempt: item for item in items_of(row)}
        await self._settle(
            row, [failed(live, items[one.id], one, error) for one in await self._batches.waiting(row.id)]
        )
        await self._close(row, "failed", str(error), items.values(), error)

    # ---------------------------------------------------------------------------------------- fetching

    async def _fetch(self, row: BatchRow, live: LiveDeployment, host: BatchHost, job: Job) -> None:
        """Settle every request of a batch that has ended."""
        items = {item.attempt: item for item in items_of(row)}
        waiting = {one.id: one for one in await self._batches.waiting(row.id)}
        if job.problem is not None:
            error = BadRequest(f"the batch came to nothing: {job.problem}", deployment=live.name)
            await self._settle(row, [failed(live, items[one.id], one, error, _UNBILLED) for one in waiting.values()])
            await self._close(row, "failed", job.problem, items.values(), error)
            return
        odd = await self._take(row, live, host, job, items, waiting)
        await self._settle(row, [_without(live, items[one.id], one, job) for one in waiting.values()])
        state: Literal["done", "cancelled"] = "cancelled" if "cancel" in job.state else "done"
        if odd:
            self._say(row, odd)
        await self._close(row, state, odd or None, items.values(), None)

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
                await self._settle(row, settled)
                settled.clear()
        await self._settle(row, settled)
        odd = {"of requests that are not ours": strange, "told twice": twice, "that cannot be read": unreadable}
        return "; ".join(f"{count} results {what}" for what, count in odd.items() if count)

    async def _settle(self, row: BatchRow, settled: list[Settled]) -> None:
        """Write what requests came to.

        Raises:
            LedgerError: it cannot be written. That another process has fetched the same batch is none.
        """
        written = [self._ledger.settle(one.settlement, one.reply) for one in settled]
        problems = [one for one in await asyncio.gather(*written, return_exceptions=True) if one is not None]
        if problems:
            left = {one.id for one in await self._batches.waiting(row.id)}
            if any(one.settlement.id in left for one in settled) or not isinstance(problems[0], LedgerError):
                raise problems[0]
        for one in settled:
            if one.error is not None:
                self._failed[one.key] = Failure(one.error, one.settlement)
            purse = self._purses.pop(one.settlement.id, None)
            if purse is not None:
                purse.settle(one.settlement.id, one.settlement.cost_usd)

    async def _close(
        self, row: BatchRow, state: Literal["done", "failed", "cancelled"], message: str | None,
        items: Collection[BatchItem], error: AssayError | None,
    ) -> None:  # fmt: skip
        """Nothing more comes of a batch; `error`: what its requests are told, unless they know better."""
        await self._batches.ended(row.id, state, message)
        self._forget(row, items)
        if error is not None:
            for item in items:
                self._failed.setdefault(item.key, Failure(error))
        self._say(row, f"{state}" + (f": {message}" if message and state == "failed" else ""))

    def _forget(self, row: BatchRow, items: Iterable[BatchItem]) -> None:
        self._open.pop(row.id, None)
        for item in items:
            self._keys.pop(item.key, None)

    def _say(self, row: BatchRow, what: str) -> None:
        if self._told.get(row.id) != what:
            self._told[row.id] = what
            self._news(f"batch {row.id[:12]}: {what}")


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do them at the same time, each to its end; then raise the first error."""
    for problem in await asyncio.gather(*works, return_exceptions=True):
        if problem is not None:
            raise problem


_NOTHING_ASKED = "nothing was asked yet: the requests were not taken"


def _is_clear(error: AssayError) -> bool:
    """Whether a job that was not acknowledged is certainly not with its host."""
    if not isinstance(error, ProviderError) or _NOTHING_ASKED in getattr(error, "__notes__", ()):
        return True
    return error.status is not None and error.status < 500


def _most_bytes(host: BatchHost) -> int:
    return min(host.form.max_bytes, MAX_JOB_BYTES) - 4096  # for what stands around the requests


def _without(live: LiveDeployment, item: BatchItem, attempt: OpenAttempt, job: Job) -> Settled:
    """What a request comes to that the results leave out."""
    if job.state in ("expired", "cancelled"):
        error: ProviderError = MalformedReply(f"the batch is {job.state}, and tells nothing of this request")
        cost: Cost | None = _UNBILLED
    else:
        error, cost = MalformedReply("the results of the batch leave this request out"), None
    error.deployment = live.name
    return failed(live, item, attempt, error, cost)
