"""One attempt at one deployment: last privacy check, cache, reservation, the stream itself, settlement.

This is the only place where a provider is called.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Literal, NoReturn

import msgspec

from assay.config.schema import Constraints
from assay.dialects.unfold import events_of
from assay.errors import (
    AssayError,
    BadRequest,
    BatchWaiting,
    MalformedReply,
    ProviderError,
    ProviderFault,
    RequestError,
)
from assay.inference.bounds import FREE, Bound, bounded, check_bound
from assay.inference.breaker import Pass
from assay.inference.cache import cache_key, pack, unpack
from assay.inference.charges import charge
from assay.inference.continuation import continued
from assay.inference.deployment import LiveDeployment
from assay.inference.entrance import check_deadline, enter, enter_now
from assay.inference.held import Held
from assay.inference.limits import Limits
from assay.inference.place import Place
from assay.inference.settling import error_of, words_of
from assay.inference.stops import StopCut
from assay.inference.trace import Record
from assay.ledger.batches import UNSENT
from assay.ledger.budgets import MOST_USD
from assay.ledger.rows import Intent, Replayed, Reply, Settlement, new_id
from assay.ledger.store import Ledger
from assay.privacy.guard import assert_may_receive
from assay.providers.provider import Attempted, Exchange, Meter
from assay.types import Event, Failed, Finish, Folder, Raw, Request, Response, TextDelta, Usage, UsageReport

if TYPE_CHECKING:
    from assay.inference.batch_desk import BatchDesk

_NOT_TOLD = Usage()
_Outcome = Literal["ok", "error", "cancelled", "cached"]


class Attempt:
    """One attempt; `events` performs it."""

    _passes = False  # a `Passage`: `may_pass` has seen to all that its bytes must be
    _bound: Bound = FREE
    _reserved_usd: float | None = None
    _folder: Folder | None = None  # of what has been decoded of its answer

    def __init__(
        self, ledger: Ledger, constraints: Constraints, live: LiveDeployment, request: Request, place: Place
    ) -> None:
        why = place.why
        self.record = Record(
            id=new_id(),
            path=place.path,
            deployment=live.name,
            label=place.label,
            model=live.config.model,
            why=why[0] if len(why) == 1 else " > ".join(filter(None, why)),
            continues=place.continues,
        )
        self._ledger = ledger
        self._constraints = constraints
        self._live = live
        self._request = request
        self._place = place
        self._meter = Meter()
        if place.trace.keep_exchanges:
            self.record.exchange = self._meter.exchange = Exchange()
        self._held = Held()
        self._space = place.cache if not (place.use_cache or place.shadow) else None
        self._started = self._meter.started_at

    @property
    def finish(self) -> Finish | None:
        """How its host said that the answer ended, also where the end did not reach the client."""
        return self._so_far().finish

    def _so_far(self) -> Response:
        """The answer as far as its host has given it."""
        return self._folder.response() if self._folder is not None else Response()

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as events; the trace has the attempt's record from the start.

        Raises:
            AssayError: the attempt failed; the record says so too.
        """
        self._place.trace.records.append(self.record)
        try:
            attempted = self._attempted()
            key, known = await self._looked_up(attempted)
            if self._place.desk is not None and key is not None and known is None:
                await self._enlist(self._place.desk, attempted, key)
            source = self._replay(known) if known is not None else self._ask(attempted, key)
            async with aclosing(source):
                async for event in source:
                    yield event
        except BaseException as error:
            self._note_end(error)
            raise
        finally:
            self.record.total_s = time.monotonic() - self._started

    def _note_end(self, error: BaseException) -> None:
        """What ended the attempt, in its record."""
        if isinstance(error, AssayError):
            self.record.error = error
            if isinstance(error, ProviderError) and error.deployment is None:
                error.deployment = self._live.name
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.record.cancelled = True

    def _attempted(self) -> Attempted:
        """What its provider gets."""
        live, place = self._live, self._place
        # Filters have seen to this before; the look at the moment of sending fails closed.
        assert_may_receive(place.label, live.name, live.is_private, self._constraints)
        request = self._request
        if self._passes and self._space is None:
            attempted = Attempted(request, request.native, request.stream)
        else:
            if live.dialect is not None:  # with the reasoning of earlier turns that its client had no place for
                request = place.recall.restore(request, live.dialect.name, private=live.is_private)
            attempted = live.attempted(request, untouched=place.untouched)
        if place.max_tokens is not None:
            attempted = live.limited(attempted, place.max_tokens)
        if place.continues is not None and (so_far := place.continues.so_far) is not None:
            self.record.leading = place.continues.leading
            begun = self.record.leading + so_far.text
            attempted = msgspec.structs.replace(attempted, request=continued(attempted.request, begun), raw=None)
        if self._space is not None and not self._space.holds(self._request, attempted.request, place.label):
            self._space = None
        return attempted if self._space is None else msgspec.structs.replace(attempted, raw=None)

    async def _looked_up(self, attempted: Attempted) -> tuple[str | None, Replayed | None]:
        """The call's name in the cache, where that is wanted, and what the cache knows of it."""
        place = self._place
        if place.continues is not None or attempted.raw is not None:
            return None, None
        if place.use_cache:
            key = cache_key(await self._live.fingerprint(), attempted.request, place.seed)
            return key, await self._ledger.cached_reply(key)
        space = self._space
        if space is None:
            return None, None
        self.record.looked_up = True
        key = space.key(await self._live.fingerprint(), attempted.request, place.account, place.label)
        return key, await self._ledger.cached_reply(key) if space.allowed.read else None

    def _reply(self, key: str, response: Response) -> Reply | None:
        """The answer as the cache keeps it, where it may."""
        space = self._space
        if space is None:
            return Reply(key=key, response=pack(response))
        return space.reply(key, response) if space.allowed.write else None

    def _remember(self, response: Response) -> None:
        dialect = self._live.dialect
        if dialect is not None and not self.record.passed_through:
            self._place.recall.remember(response, dialect.name, private=self._live.is_private)

    async def _replay(self, known: Replayed) -> AsyncGenerator[Event, None]:
        response = unpack(known.response)
        self.record.cached = True
        self.record.replayed = known
        self.record.response = response
        written = self._ledger.record(self._intent(passing=False), self._settlement("cached"))
        self._place.trace.attempts += 1
        self._place.trace.pending.append(written)
        await self._durable(written)
        for event in events_of(response):
            yield event

    async def _ask(self, attempted: Attempted, key: str | None) -> AsyncGenerator[Event, None]:
        live = self._live
        leave = enter_now(live, self._place) or await enter(live, self._place, self._left_alone)
        breaker = live.breaker
        try:
            self._reserve(attempted)
            self.record.passed_through = passing = attempted.raw is not None
            await self._hold(passing=passing)
            try:
                async with aclosing(self._timed(attempted)) as timed:  # closed before settling: that fills the meter
                    async for event in timed:
                        yield event
                self.record.response = response = self._complete(self._so_far())
                self._remember(response)
                reply = self._reply(key, response) if key is not None else None
                await self._succeed(reply)
                breaker.succeeded()
                for event in self._held.rest():
                    yield event
            except BaseException as error:
                await self._failed(leave, error)
                raise
        finally:
            breaker.left(leave)
            live.gate.release()

    async def _failed(self, leave: Pass, error: BaseException) -> None:
        """Settle an attempt that has held its bound, and has no answer, by what has ended it."""
        if isinstance(error, AssayError):
            self._live.breaker.failed(leave, error, time.monotonic())
            await asyncio.shield(self._settle("error", error=error))
        elif not isinstance(error, asyncio.CancelledError | GeneratorExit):
            await asyncio.shield(self._settle("error", error=ProviderFault(f"{type(error).__name__}: {error}")))
        elif self.record.response is None:
            self._settle("cancelled")

    async def _enlist(self, desk: BatchDesk, attempted: Attempted, key: str) -> NoReturn:
        """Leave the request for a batch, with all that is done for one that is sent.

        Raises:
            BatchWaiting: it is on its way; asked again when it is there, it is found in the cache.
            AssayError: it cannot be left; or it was, and this is what came of it.
        """
        live, purse = self._live, self._place.purse
        if (failure := desk.failure(key)) is not None:
            if (settled := failure.settled) is not None:  # it was paid by its own attempt
                self.record.replayed = Replayed(
                    response=b"", cost_usd=settled.cost_usd, cost_basis=settled.cost_basis, engine_s=None, batched=True
                )
            raise failure.error
        desk.claim(live, key)
        try:
            written = desk.write(live, attempted, self.record.id, key, self._place.label)
            self.record.emulated = written.item.emulated
            self._reserve(attempted, share=1.0 - (live.config.batch_discount or 0.0))
            await self._hold(batch_id=UNSENT)
        except BaseException:
            desk.release(key)
            raise
        raise BatchWaiting(await desk.enlist(live, written, purse))

    def _reserve(self, attempted: Attempted, *, share: float = 1.0) -> None:
        """Note what the attempt may cost at most; `share` of the price where it may take its time.

        Raises:
            ConstraintError: a budget pays for it, and nobody knows; or it is too much.
        """
        place = self._place
        bound = self._bound = bounded(self._live, attempted)
        if bound.usd is None or bound.usd > MOST_USD:
            budgeted = bool(place.budgets) or place.purse is not None
            check_bound(self._live, self._constraints, bound, budgeted=budgeted)
        self._reserved_usd = bound.usd * share if bound.usd is not None else None

    async def _hold(self, *, passing: bool = False, batch_id: str | None = None) -> None:
        """Set the bound of the cost aside, where there is a budget, and write the intent.

        Raises:
            BudgetExceeded: it does not fit.
        """
        purse = self._place.purse
        if purse is not None:
            self._place.trace.waits()
            await purse.hold(self.record.id, self._reserved_usd, patient=batch_id is None)
        try:
            intent = self._intent(passing=passing, batch_id=batch_id)
            if batch_id is not None or not self._ledger.hold_now(intent, self._place.budgets):
                self._place.trace.waits()
                await self._ledger.hold(intent, self._place.budgets, until=self._patience())
        except BaseException:  # nothing has been sent
            if purse is not None:
                purse.settle(self.record.id, 0.0)
            raise
        self._place.trace.attempts += 1

    def _patience(self) -> float:
        """Until when it may wait for money that others hold. What is asked for comparison only never does."""
        now, deadline = asyncio.get_running_loop().time(), self._place.deadline
        if self._place.shadow:
            return now
        patience = now + self._constraints.budget_wait_s
        return min(patience, deadline) if deadline is not None else patience

    def _left_alone(self, error: AssayError) -> None:
        """One that the breaker gives no leave has a row too."""
        self.record.error = error
        written = self._ledger.record(self._intent(passing=False), self._settlement("error", error))
        self._place.trace.attempts += 1
        self._place.trace.pending.append(written)

    async def _timed(self, attempted: Attempted) -> AsyncGenerator[Event, None]:
        """The provider's events, cut at the attempt's limits, and at a stop text where its format has none.

        What must wait for the settlement stays in `_held`.
        """
        check_deadline(self._place, "before anything was sent")
        cut: StopCut | None = None
        trim = self._trim(attempted)
        self._place.trace.waits()
        async with aclosing(self._live.provider.stream(attempted, self._meter)) as stream:
            with closing(Limits(self._live.config, self._place.deadline, self._meter)) as limits:
                while (event := await self._next(stream, limits)) is not None:
                    if cut is None and attempted.raw is None and "stop" in self._meter.emulated:
                        cut = StopCut(attempted.request.sampling.stop)
                    for told in cut.take(event) if cut is not None else (event,):
                        said = trim(told)
                        limits.told(said)
                        self._note(said)
                        for ready in self._held.take(said):
                            yield ready
        for told in cut.close() if cut is not None else ():
            said = trim(told)
            self._note(said)
            for ready in self._held.take(said):
                yield ready

    @staticmethod
    async def _next(stream: AsyncGenerator[Event, None], limits: Limits) -> Event | None:
        """The provider's next event; None at its end.

        Raises:
            Timeout: a limit was reached.
            BadRequest: its format cannot express the request: another candidate's may.
        """
        try:
            return await limits.within(anext(stream, None))
        except RequestError as error:
            raise BadRequest(str(error), code="unsupported", field=error.field) from error

    def _trim(self, attempted: Attempted) -> Callable[[Event], Event]:
        """Takes off the space that a continued text begins with, since the prompt left it off."""
        trims = attempted.request.form == "completion" and self._request.form == "chat"
        trims = trims and self._place.continues is None

        def trim(event: Event) -> Event:
            nonlocal trims
            if not trims or not isinstance(event, TextDelta):
                return event
            text = event.text.lstrip()
            self.record.leading += event.text[: len(event.text) - len(text)]
            trims = not text
            return msgspec.structs.replace(event, text=text)

        return trim

    def _note(self, event: Event) -> None:
        """Keep what an event says.

        Raises:
            ProviderError: it says that the answer failed.
        """
        if self._folder is None:
            self._folder = Folder()
        self._folder.add(event)
        if isinstance(event, UsageReport):
            self._shrink(event.usage)
        elif isinstance(event, Failed):
            raise error_of(event)
        if self.record.first_event_s is None:
            self.record.first_event_s = time.monotonic() - self._started
            self.record.load_s, self.record.emulated = self._meter.load_s, self._meter.emulated
            self.record.passed_through = isinstance(event, Raw)  # a host may answer otherwise than it was asked to

    def _shrink(self, usage: Usage) -> None:
        """Let go of what is held for an input that turns out shorter, as hosts tell that do so before they answer."""
        before, usd = self._bound.usd, self._bound.after(usage)
        if before and usd is not None and usd < before and self._reserved_usd is not None:
            # From now on it is charged no more, whatever the host says.
            self._bound = msgspec.structs.replace(self._bound, usd=usd)
            self._ledger.shrink(self.record.id, min(usd, self._reserved_usd))

    def _complete(self, response: Response) -> Response:
        """The answer, now that no more will come.

        Raises:
            MalformedReply: it is none.
        """
        match self._request.form:
            case "embedding":
                whole = len(response.embeddings) == len(self._request.inputs)
            case "count":
                whole = response.usage is not None and response.usage.input is not None
            case _:
                whole = response.finish is not None or bool(response.parts)
        if not whole:
            raise MalformedReply("the answer is empty, or lacks what was asked for")
        return response

    # --------------------------------------------------------------------------------------- ledger

    def _intent(self, *, passing: bool, batch_id: str | None = None) -> Intent:
        live, place = self._live, self._place
        return Intent(
            self.record.id,
            place.trace.request_id,
            place.path,
            place.route,
            live.name,
            live.config.model,
            live.config.dialect,
            self._request.kind,
            str(place.label),
            time.time(),
            passing,
            self._reserved_usd,
            place.trace.run_id,
            place.trace.sample_id,
            why=self.record.why or None,
            shadow=place.shadow,
            continued_from=place.continues.id if place.continues is not None else None,
            batch_id=batch_id,
            key_id=place.account.key_id,
            team=place.account.team,
            purpose=place.purpose or ("shadow" if place.shadow else None),
            form=self._request.form if self._request.form != "chat" else None,
        )

    async def _durable(self, written: asyncio.Future[None]) -> None:
        """Wait for a write before the end of an answer is handed on.

        Who gets no stream gets his answer when the whole request is on record: one wait for both, in `Spine.generate`.
        Shielded: the request waits for the write too, and must not be cancelled together with a loser.
        """
        if self._request.stream:
            await asyncio.shield(written)

    async def _succeed(self, reply: Reply | None) -> None:
        """Settle an attempt that has its answer."""
        await self._durable(self._settle("ok", reply))

    def _settle(
        self, outcome: _Outcome, reply: Reply | None = None, error: AssayError | None = None
    ) -> asyncio.Future[None]:
        """Send the settlement off; it is written also when nobody awaits it.

        Await it shielded: the request waits for it too, and must not be cancelled together with a loser.
        """
        written = self._ledger.settle(self._settlement(outcome, error), reply)
        self._place.trace.pending.append(written)
        return written

    def _settlement(self, outcome: _Outcome, error: AssayError | None = None) -> Settlement:
        record, meter = self.record, self._meter
        # An answer from the cache is told with the tokens of the call that made it: they are what it takes, and cost 0.
        whole = record.response if outcome in ("ok", "cached") else None
        response = whole if whole is not None else self._so_far()
        usage = response.usage or _NOT_TOLD
        record.engine_s, record.load_s = meter.engine_s, meter.load_s
        record.cost_usd, record.cost_basis = charge(
            self._live,
            self._request.form,
            meter,
            outcome=outcome,
            error=error,
            answer=response,
            bound=self._bound,
        )
        if self._place.purse is not None:
            self._place.purse.settle(record.id, record.cost_usd)
        return Settlement(
            record.id,
            outcome,
            time.monotonic() - self._started,
            record.cost_usd,
            record.cost_basis,
            record.first_event_s,
            type(error).__name__ if error is not None else None,
            words_of(error) if error is not None else None,
            error.status if isinstance(error, ProviderError) else None,
            response.finish.kind if response.finish else None,
            usage.input,
            usage.cached,
            usage.cache_write,
            usage.output,
            usage.reasoning,
            engine_s=meter.engine_s,
            sent_bytes=meter.sent_bytes,
            received_bytes=meter.received_bytes,
            provider_request_id=meter.request_id,
            emulated=", ".join(meter.emulated) or None,
            worth_usd=record.replayed.cost_usd if record.replayed is not None else None,
        )
