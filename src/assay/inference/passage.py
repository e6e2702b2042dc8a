"""An attempt whose bytes pass in both directions: nobody needs the words, so nobody takes them apart.

It is an attempt like any other: the same look at the label, the same breaker, bound, hold, limits and settlement. Only
the answer is followed in another way: its bytes are handed on as they come (to a `Sink`, or as `Raw`, alone), and are
read no further than money and the answer's end need (`dialects.skim`). What the client has had is decoded when it is
needed after all: an answer that broke off can be continued.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from assay.dialects.event_borders import BLANK_LINES, apart
from assay.dialects.skim import Skimming, said_by, skim_of
from assay.errors import AssayError, BadRequest, RequestError
from assay.inference.attempt import Attempt
from assay.inference.breaker import Pass
from assay.inference.deployment import LiveDeployment
from assay.inference.entrance import check_deadline, enter, enter_now
from assay.inference.limits import UNLIMITED, Limits
from assay.inference.place import Place
from assay.inference.settling import error_of
from assay.inference.sink import Later, Sink
from assay.ledger.rows import Reply
from assay.providers.http import HttpProvider
from assay.providers.http_call import HttpCall
from assay.providers.provider import Attempted
from assay.types import Event, Raw, Request, Response, fold

__all__ = ["Passage", "may_pass"]


def may_pass(live: LiveDeployment, request: Request, place: Place) -> bool:
    """Whether a call can be a passage: its bytes go on untouched, and whoever asked wants bytes."""
    return (
        place.bytes_only
        and place.untouched
        and place.desk is None
        and not (place.use_cache or place.shadow or place.trace.keep_exchanges)
        and place.continues is None
        and isinstance(live.provider, HttpProvider)
        and request.form == "chat"
        and live.may_pass_through(request)
    )


class Passage(Attempt):
    """One such attempt; `may_pass` says when.

    Attributes:
        begun: a piece of a streamed answer has been handed on, not only its head.
    """

    begun = False
    _passes = True
    _skim: Skimming | None = None
    _pass: Pass | None = None
    _waiting: list[bytes]  # events that came and may not go on yet
    _ending: list[bytes]  # the last ones, which wait for the settlement
    _kept: int = 0  # so many of the last events have not been handed on
    _problem: AssayError | None = None  # why no more of a stream may go on
    _whole: Response | None = None

    @property
    def had(self) -> list[Event]:
        """What has been handed on of a stream, decoded."""
        had = self._skim
        if had is None or self._live.dialect is None:
            return []
        return said_by(had.had[: len(had.had) - self._kept], self._live.dialect.decoder())

    def _so_far(self) -> Response:
        if self._whole is not None:
            return self._whole
        return super()._so_far() if self._skim is None else fold(self._skim.events())

    async def _succeed(self, reply: Reply | None) -> None:
        if self._request.stream or reply is not None:  # the end of a stream waits for this
            await super()._succeed(reply)
        else:
            self._place.trace.unsettled = self._settlement("ok")

    async def whole(self) -> bytes | list[Event]:
        """The whole answer without events: its bytes, or what they say where its host answers in another form.

        It is settled with the request (`Trace.unsettled`).

        Raises:
            AssayError: the attempt failed; the record says so too.
        """
        attempted = await self._asked()
        try:
            call, limits = self._called(attempted)
            try:
                await limits.within(call.begin())
                if call.passes:
                    answer: bytes | list[Event] = self._taken(await limits.within(call.whole()))
                else:
                    answer = [event async for event in self._decoded(call, limits)] + self._held.rest()
            finally:  # before settling: that fills the meter
                limits.close()
                await call.end()
            self._end()
        except BaseException as error:
            await self._broke(error)
            raise
        finally:
            self._let_go()
        return answer

    async def pour(self, sink: Sink) -> list[Event]:
        """Give a streamed answer to `sink` as it comes; returns its end, which is for when the request is on record.

        It is settled with the request (`Trace.unsettled`).

        Raises:
            AssayError: the attempt failed; the record says so too.
        """
        attempted = await self._asked()
        trace = self._place.trace
        try:
            call, limits = self._called(attempted)
            try:
                await limits.within(call.begin())
                if call.passes and call.streams:
                    skim = self._begin_following()
                    await limits.within(call.pour(partial(self._hand_on, skim, limits, sink)))
                    self._end_following(skim)
                else:
                    async with aclosing(self._told(call, limits)) as told:
                        async for event in told:
                            trace.answering, self.begun = self.record, True
                            if (late := sink.tell(event)) is not None:
                                await late()
            finally:  # before settling: that fills the meter
                limits.close()
                await call.end()
            self._end()
        except BaseException as error:
            await self._broke(error)
            raise
        finally:
            self._let_go()
        return self._held.rest()

    async def _asked(self) -> Attempted:
        """What its provider gets, once there is a place for it and its bound is held."""
        live, place = self._live, self._place
        place.trace.records.append(self.record)
        try:
            attempted = self._attempted()
            self._pass = enter_now(live, place) or await enter(live, place, self._left_alone)
            self._reserve(attempted)
            self.record.passed_through = True
            if place.purse is not None or not self._ledger.hold_now(self._intent(passing=True), place.budgets):
                await self._hold(passing=True)
            else:
                place.trace.attempts += 1
        except BaseException as error:
            self._note_end(error)
            self._let_go()
            raise
        return attempted

    def _end(self) -> None:
        """The answer is there."""
        record = self.record
        record.response = self._complete(self._whole if self._whole is not None else self._so_far())
        self._place.trace.unsettled = settlement = self._settlement("ok")
        record.total_s = settlement.total_s
        if self._live.breaker.noted:
            self._live.breaker.succeeded()

    async def _broke(self, error: BaseException) -> None:
        """There will be no answer, or nobody wants it: settle the attempt."""
        if self._pass is not None:
            await self._failed(self._pass, error)
        self._note_end(error)

    def _let_go(self) -> None:
        """Leave the place to another."""
        if self._pass is not None:
            if self._pass.probe:
                self._live.breaker.left(self._pass)
            self._live.gate.release()
        if self.record.total_s is None:
            self.record.total_s = time.monotonic() - self._started

    async def _timed(self, attempted: Attempted) -> AsyncGenerator[Event, None]:
        """See `Attempt._timed`."""
        call, limits = self._called(attempted)
        try:
            await limits.within(call.begin())
            async with aclosing(self._told(call, limits)) as told:
                async for event in told:
                    yield event
        finally:
            limits.close()
            await call.end()

    async def _told(self, call: HttpCall, limits: Limits) -> AsyncGenerator[Event, None]:
        """What comes of a call, in whatever form."""
        if not call.passes:
            async with aclosing(self._decoded(call, limits)) as decoded:
                async for event in decoded:
                    yield event
        elif call.streams:
            skim = self._begin_following()
            while came := await limits.within(call.piece()):
                if data := self._follow(skim, came, limits):
                    yield Raw(data=data, head=True) if skim.heads else Raw(data=data, alone=True)
                if self._problem is not None:
                    raise self._problem
            self._end_following(skim)
        else:
            yield Raw(data=self._taken(await limits.within(call.whole())), alone=True)

    def _called(self, attempted: Attempted) -> tuple[HttpCall, Limits]:
        """The call, which is to be begun, and what limits it."""
        live, place = self._live, self._place
        provider = live.provider
        assert isinstance(provider, HttpProvider)  # noqa: S101 - `may_pass` has seen to it
        if place.deadline is not None:
            check_deadline(place, "before anything was sent")
        if place.trace.on_wait is not None:
            place.trace.waits()
        try:
            call = provider.call_of(attempted, self._meter)
        except RequestError as error:
            raise BadRequest(str(error), code="unsupported", field=error.field) from error
        limited = live.is_timed or place.deadline is not None
        return call, Limits(live.config, place.deadline, self._meter) if limited else UNLIMITED

    def _note_first(self) -> None:
        """The first bytes have come."""
        self.record.first_event_s = time.monotonic() - self._started
        self.record.emulated = self._meter.emulated

    def _taken(self, body: bytes) -> bytes:
        """The body of a whole answer, once it is looked at.

        Raises:
            ProviderError: it is none that a client could be given.
        """
        dialect = self._live.dialect
        assert dialect is not None  # noqa: S101 - `may_pass` has seen to it
        skimmed = getattr(dialect, "skim_whole", None)
        self._whole = skimmed(body) if skimmed is not None else None
        if self.record.first_event_s is None:
            self._note_first()
        if self._whole is None:
            for event in dialect.read_response(body):
                self._note(event)
        return body

    async def _decoded(self, call: HttpCall, limits: Limits) -> AsyncGenerator[Event, None]:
        """The events of an answer in another form than the client asked for."""
        self.record.passed_through = False
        async with aclosing(call.events()) as events:
            while (event := await self._next(events, limits)) is not None:
                limits.told(event)
                self._note(event)
                for ready in self._held.take(event):
                    yield ready

    def _begin_following(self) -> Skimming:
        dialect = self._live.dialect
        assert dialect is not None  # noqa: S101 - `may_pass` has seen to it
        skim = self._skim = skim_of(dialect)
        self._waiting, self._ending = [], []
        return skim

    def _follow(self, skim: Skimming, came: bytes, limits: Limits) -> bytes:
        """Look at events that came of a stream in the client's form; gives what may go on next, perhaps nothing.

        A head may go on at once (`Skimming.heads`), what follows it when there is a piece of the answer. `_problem`
        says why nothing more may; the end waits in `_ending`.
        """
        if self.record.first_event_s is None:
            self._note_first()
        waiting = self._waiting
        try:
            for event in apart(came):
                self._kept += 1
                skim.feed(event)
                if skim.failed is not None:
                    self._problem = error_of(skim.failed)
                    break
                if skim.ending or not event.endswith(BLANK_LINES):  # the stream broke within its last event
                    self._ending.append(event)
                else:
                    waiting.append(event)
        except AssayError as error:
            self._problem = error
        if skim.used is not None:
            self._shrink(skim.used)
            skim.used = None
        if not waiting or not (skim.begun or (skim.heads and len(waiting) == 1)):
            return b""
        if skim.begun and not self.begun:
            self.begun = True
            limits.begun()
        self._kept -= len(waiting)
        data = b"".join(waiting)  # of one event, that event itself
        waiting.clear()
        return data

    def _hand_on(self, skim: Skimming, limits: Limits, sink: Sink, came: bytes) -> Later | None:
        """Give what may go on to a sink; what is returned must be done first (`Take`)."""
        late = None
        if skim.fits(came):  # as most do
            skim.had.append(came)
            late = sink.pass_more(came)
        elif data := self._follow(skim, came, limits):
            self._place.trace.answering = self.record
            late = sink.pass_head(data) if skim.heads else sink.pass_on(data)
        if late is not None:
            late = limits.aside(late)
        if self._problem is None:
            return late
        if late is None:
            raise self._problem
        return partial(_broken, late, self._problem)

    def _end_following(self, skim: Skimming) -> None:
        """The stream has ended.

        Raises:
            AssayError: it broke off, or says that it failed.
        """
        self._whole = skim.close()
        if skim.failed is not None:
            raise error_of(skim.failed)
        if last := self._waiting + self._ending:  # of an answer without a word all may still wait
            self._held.keep(Raw(data=b"".join(last), alone=True))


async def _broken(late: Later, problem: AssayError) -> None:
    """Nothing more goes on, once that is done."""
    await late()
    raise problem
