"""An attempt whose bytes pass in both directions: nobody needs the words, so nobody takes them apart.

It is an attempt like any other: the same look at the label, the same breaker, bound, hold, limits and settlement. Only
the answer is followed in another way: its bytes are handed on as they come (`Raw`, alone), and are read no further
than money and the answer's end need (`dialects.skim`). What the client has had is decoded when it is needed after all:
an answer that broke off can be continued.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, closing

from assay.dialects.event_borders import BLANK_LINES, apart
from assay.dialects.skim import Skim, Skimming, skim_of
from assay.errors import AssayError, BadRequest, RequestError
from assay.inference.attempt import Attempt
from assay.inference.breaker import Pass
from assay.inference.deployment import LiveDeployment
from assay.inference.entrance import check_deadline
from assay.inference.limits import Limits
from assay.inference.place import Place
from assay.inference.settling import error_of
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
    """One such attempt; `may_pass` says when."""

    _skim: Skimming | None = None
    _pass: Pass | None = None
    _had: list[bytes]
    _waiting: list[bytes]  # events that came and may not go on yet
    _problem: AssayError | None = None  # why no more of a stream may go on
    _whole: Response | None = None

    @property
    def had(self) -> list[Event]:
        """What has been handed on of a stream, decoded."""
        if self._skim is None or self._live.dialect is None:
            return []
        skim = Skim(self._live.dialect.decoder())
        for event in self._had:
            skim.feed(event)
        return skim.events()

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

        Raises:
            AssayError: the attempt failed; the record says so too.
        """
        attempted = await self._asked()
        try:
            answer = await self._answered(attempted)
            await self._end()
        except BaseException as error:
            await self._broke(error)
            raise
        finally:
            self._let_go()
        return answer

    async def stream(self) -> AsyncGenerator[Event, None]:
        """The events of a streamed answer, as `events` gives them.

        Raises:
            AssayError: the attempt failed; the record says so too.
        """
        attempted = await self._asked()
        try:
            async with self._calling(attempted) as (call, limits):  # ended before settling: that fills the meter
                if call.passes and call.streams:
                    while (piece := await self._more(call, limits)) is not None:
                        yield piece
                else:
                    async with aclosing(self._told(call, limits)) as told:
                        async for event in told:
                            yield event
            await self._end()
            for event in self._held.rest():
                yield event
        except BaseException as error:
            await self._broke(error)
            raise
        finally:
            self._let_go()

    async def _asked(self) -> Attempted:
        """What its provider gets, once there is a place for it and its bound is held."""
        self._place.trace.records.append(self.record)
        try:
            attempted = self._attempted()
            self._pass = await self._enter()
            self._reserve(attempted)
            self.record.passed_through = True
            await self._hold(passing=True)
        except BaseException as error:
            self._note_end(error)
            self._let_go()
            raise
        return attempted

    async def _end(self) -> None:
        """The answer is there: settle the attempt."""
        self.record.response = self._complete()
        await self._succeed(None)
        self._live.breaker.succeeded()

    async def _broke(self, error: BaseException) -> None:
        """There will be no answer, or nobody wants it: settle the attempt."""
        if self._pass is not None:
            await self._failed(self._pass, error)
        self._note_end(error)

    def _let_go(self) -> None:
        """Leave the place to another."""
        if self._pass is not None:
            self._live.breaker.left(self._pass)
            self._live.gate.release()
        self.record.total_s = time.monotonic() - self._started

    async def _answered(self, attempted: Attempted) -> bytes | list[Event]:
        async with self._calling(attempted) as (call, limits):
            if call.passes:
                return await self._taken(call, limits)
            return [event async for event in self._decoded(call, limits)] + self._held.rest()

    async def _timed(self, attempted: Attempted) -> AsyncGenerator[Event, None]:
        """See `Attempt._timed`."""
        async with self._calling(attempted) as (call, limits), aclosing(self._told(call, limits)) as told:
            async for event in told:
                yield event

    @asynccontextmanager
    async def _calling(self, attempted: Attempted) -> AsyncGenerator[tuple[HttpCall, Limits], None]:
        """The call, whose answer has begun, and what limits it."""
        check_deadline(self._place, "before anything was sent")
        self._place.trace.waits()
        with closing(Limits(self._live.config, self._place.deadline, self._meter)) as limits:
            call = self._called(attempted)
            try:
                with limits:
                    await call.begin()
                yield call, limits
            finally:
                await call.end()

    async def _told(self, call: HttpCall, limits: Limits) -> AsyncGenerator[Event, None]:
        """What comes of a call, in whatever form."""
        if not call.passes:
            async with aclosing(self._decoded(call, limits)) as decoded:
                async for event in decoded:
                    yield event
        elif call.streams:
            while (piece := await self._more(call, limits)) is not None:
                yield piece
        else:
            yield Raw(data=await self._taken(call, limits), alone=True)

    def _called(self, attempted: Attempted) -> HttpCall:
        provider = self._live.provider
        assert isinstance(provider, HttpProvider)  # noqa: S101 - `may_pass` has seen to it
        try:
            return provider.call_of(attempted, self._meter)
        except RequestError as error:
            raise BadRequest(str(error), code="unsupported", field=error.field) from error

    def _begin(self) -> None:
        """The first bytes have come."""
        if self.record.first_event_s is None:
            self.record.first_event_s = time.monotonic() - self._started
            self.record.emulated = self._meter.emulated

    async def _taken(self, call: HttpCall, limits: Limits) -> bytes:
        """The body of a whole answer.

        Raises:
            ProviderError: it is none that a client could be given.
        """
        with limits:
            body = await call.whole()
        dialect = self._live.dialect
        assert dialect is not None  # noqa: S101 - `may_pass` has seen to it
        skimmed = getattr(dialect, "skim_whole", None)
        self._whole = skimmed(body) if skimmed is not None else None
        self._begin()
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

    async def _more(self, call: HttpCall, limits: Limits) -> Raw | None:
        """What may go on next of a stream that has the client's form; None at its end, which then waits in `_held`.

        Raises:
            AssayError: it broke off, or says that it failed.
        """
        skim, waiting = self._skim or self._begin_following(), self._waiting
        while self._problem is None:
            with limits:
                came = await call.piece()
            if not came:
                self._whole = skim.close()
                if skim.failed is not None:
                    raise error_of(skim.failed)
                return None
            if self.record.first_event_s is None:
                self._begin()
            self._problem = self._follow(skim, came, waiting)
            if skim.used is not None:
                self._shrink(skim.used)
                skim.used = None
            if skim.heads and len(waiting) == 1:
                self._had += waiting
                return Raw(data=waiting.pop(), head=True)
            if skim.begun and waiting:
                limits.begun()
                self._had += waiting
                data = waiting[0] if len(waiting) == 1 else b"".join(waiting)
                waiting.clear()
                return Raw(data=data, alone=True)
        raise self._problem

    def _begin_following(self) -> Skimming:
        dialect = self._live.dialect
        assert dialect is not None  # noqa: S101 - `may_pass` has seen to it
        skim = self._skim = skim_of(dialect)
        self._had, self._waiting = [], []
        return skim

    def _follow(self, skim: Skimming, came: bytes, waiting: list[bytes]) -> AssayError | None:
        """Look at events that came: those that may go on are put to those that wait; gives why the others may not."""
        try:
            for event in apart(came) if came.count(b"\n\n") != 1 else (came,):
                skim.feed(event)
                if skim.failed is not None:
                    return error_of(skim.failed)
                if skim.ending or not event.endswith(BLANK_LINES):  # the stream broke within its last event
                    self._held.keep(Raw(data=event, alone=True))
                else:
                    waiting.append(event)
        except AssayError as error:
            return error
        return None
