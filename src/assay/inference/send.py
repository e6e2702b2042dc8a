"""Performing one Send: several calls at the same time, delays, until enough of them are complete."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import msgspec
from msgspec import field

from assay.errors import AssayError
from assay.routing.protocol import FIRST_EVENT, Call, Send
from assay.types import Begin, Event, Raw

_WAITING_EVENTS = 1024  # of one Send; a slow reader slows the upstream down


class Outcome(msgspec.Struct):
    """One call of a Send: its events so far, and how it ended (`done`, `error`, or cancelled)."""

    call: Call
    events: list[Event] = field(default_factory=list)
    done: bool = False
    error: AssayError | None = None

    def note(self, event: Event) -> None:
        """Keep an event that has been handed on; bytes are not needed again."""
        if not isinstance(event, Raw):
            self.events.append(event)

    @property
    def ended(self) -> bool:
        """Whether it will say no more by itself."""
        return self.done or self.error is not None


Stream = Callable[[int, Call], AsyncGenerator[Event, None]]
"""Opens the events of the call with this number."""


class Sending:
    """One Send being performed.

    `live` gives the events that go to the client at once; what is held stays in `outcomes`. After `live` has
    ended, `outcomes` tell the rest, and `committed` is the call whose answer has been handed on, if any.
    """

    def __init__(self, send: Send, open_stream: Stream, deadline: float | None = None) -> None:
        self.outcomes = [Outcome(call) for call in send.calls]
        self.committed: int | None = None
        self._send = send
        self._open = open_stream
        self._deadline = deadline

    def live(self) -> AsyncGenerator[Event, None]:
        """Perform the calls."""
        return self._one() if len(self._send.calls) == 1 else self._many()

    # ------------------------------------------------------------------------------------- one call

    async def _one(self) -> AsyncGenerator[Event, None]:
        """A single call needs no task: its events are handed on as they come."""
        outcome = self.outcomes[0]
        if outcome.call.start_after_s > 0:
            await self._wait(outcome.call)
        try:
            async with aclosing(self._open(0, outcome.call)) as stream:
                async for event in stream:
                    if self._goes_ahead(event):
                        yield event
                        continue
                    if self.committed is not None:
                        outcome.note(event)
                        yield event
                        continue
                    outcome.events.append(event)
                    if self._send.hold:
                        continue
                    if _begins(event):
                        self.committed = 0
                        for ready in list(outcome.events):
                            yield ready
            outcome.done = True
        except AssayError as error:
            outcome.error = error

    def _goes_ahead(self, event: Event) -> bool:
        """Whether it may be handed on before it is known whose answer this will be."""
        return isinstance(event, Raw) and event.head and not self._send.hold

    async def _wait(self, call: Call, unless: asyncio.Event | None = None) -> None:
        """The delay of a call; `unless` ends it early. Never longer than to the deadline."""
        if call.start_after_s <= 0:
            return
        until = asyncio.get_running_loop().time() + call.start_after_s
        until = until if self._deadline is None else min(until, self._deadline)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await (unless or asyncio.Event()).wait()

    # ----------------------------------------------------------------------------------- many calls

    async def _many(self) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[tuple[int, Event | None]] = asyncio.Queue(_WAITING_EVENTS)
        stumbled = [asyncio.Event() for _ in self.outcomes]  # set when a call before this one has failed
        tasks = [
            asyncio.create_task(self._pump(number, outcome, queue, stumbled))
            for number, outcome in enumerate(self.outcomes)
        ]
        crashed: list[asyncio.Task[None]] = []
        for task in tasks:
            task.add_done_callback(lambda task: _note_crash(task, crashed, queue))
        streaming = self._send.until == FIRST_EVENT and not self._send.hold
        try:
            while not crashed and not self._enough():
                number, event = await queue.get()
                if event is None:
                    continue
                outcome = self.outcomes[number]
                if self.committed == number:
                    outcome.note(event)
                    yield event
                    continue
                outcome.events.append(event)
                if streaming and self.committed is None and _begins(event):
                    self.committed = number
                    await _cancel([task for other, task in enumerate(tasks) if other != number])
                    for ready in list(outcome.events):
                        yield ready
        finally:
            await _cancel(tasks)
        while not queue.empty():  # what the winners said between their last event and their end
            number, event = queue.get_nowait()
            if event is not None:
                self.outcomes[number].events.append(event)
                if self.committed == number:
                    yield event

    def _enough(self) -> bool:
        if self.committed is not None:
            return self.outcomes[self.committed].ended
        if all(outcome.ended for outcome in self.outcomes):
            return True
        wanted = 1 if self._send.until == FIRST_EVENT else int(self._send.until)
        return sum(outcome.done for outcome in self.outcomes) >= wanted

    async def _pump(
        self,
        number: int,
        outcome: Outcome,
        queue: asyncio.Queue[tuple[int, Event | None]],
        stumbled: list[asyncio.Event],
    ) -> None:
        # A retry waits as long as the provider asked, whatever becomes of the others.
        await self._wait(outcome.call, stumbled[number] if outcome.call.retry_of is None else None)
        try:
            async with aclosing(self._open(number, outcome.call)) as stream:
                async for event in stream:
                    await queue.put((number, event))
            outcome.done = True
        except AssayError as error:
            outcome.error = error
            for later in stumbled[number + 1 :]:
                later.set()
        await queue.put((number, None))


def _begins(event: Event) -> bool:
    """Whether an answer has really begun: its head alone may still be followed by an error."""
    return event.alone if isinstance(event, Raw) else not isinstance(event, Begin)


def _note_crash(
    task: asyncio.Task[None], crashed: list[asyncio.Task[None]], queue: asyncio.Queue[tuple[int, Event | None]]
) -> None:
    """A call that ended with an error outside our tree says nothing more: wake whoever waits for it."""
    if not task.cancelled() and task.exception() is not None:
        crashed.append(task)
        with contextlib.suppress(asyncio.QueueFull):  # then nobody waits
            queue.put_nowait((0, None))


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception) and not isinstance(result, asyncio.CancelledError):
            raise result
