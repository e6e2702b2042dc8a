"""Performing one Send, with streams made by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest
from upstreams import strangers, text_of_events

from assay.errors import ConnectionFailed
from assay.inference.send import Sending
from assay.routing.protocol import FIRST_EVENT, Call, Send
from assay.types import Begin, Event, Raw, TextDelta

Stream = Callable[[], AsyncGenerator[Event, None]]


class Streams:
    """Opens hand-made streams by number and notes what became of them."""

    def __init__(self, *streams: Stream) -> None:
        self._streams = streams
        self.opened: list[int] = []
        self.closed: list[int] = []

    async def __call__(self, number: int, call: Call) -> AsyncGenerator[Event, None]:
        """One stream."""
        self.opened.append(number)
        try:
            async with aclosing(self._streams[number]()) as events:
                async for event in events:
                    yield event
        finally:
            self.closed.append(number)


def saying(*texts: str, every_s: float = 0.0, error: Exception | None = None) -> Stream:
    """A stream that says its head, then texts, then breaks if told so."""

    async def stream() -> AsyncGenerator[Event, None]:
        yield Begin(id="".join(texts))
        for text in texts:
            await asyncio.sleep(every_s)
            yield TextDelta(text=text)
        if error is not None:
            raise error

    return stream


async def run(sending: Sending) -> list[Event]:
    """Everything that goes to the client at once."""
    return [event async for event in sending.live()]


def send(count: int, **more: object) -> Send:
    """A Send of `count` calls."""
    return Send(calls=tuple(Call(target=str(n)) for n in range(count)), **more)  # type: ignore[arg-type]


class TestOne:
    """A single call."""

    async def test_live_events_as_they_come(self) -> None:
        """What a call says is handed on at once; the outcome keeps all of it."""
        times = []
        sending = Sending(send(1), Streams(saying("a", "b", "c", every_s=0.03)))
        async for _ in sending.live():
            times.append(time.monotonic())
        assert times[-1] - times[0] > 0.04
        assert sending.committed == 0
        assert text_of_events(sending.outcomes[0].events) == "abc"
        assert sending.outcomes[0].done

    async def test_hold_gives_nothing(self) -> None:
        """Held events stand in the outcome only, and nothing is committed."""
        sending = Sending(send(1, hold=True), Streams(saying("a")))
        assert await run(sending) == []
        assert sending.committed is None
        assert text_of_events(sending.outcomes[0].events) == "a"

    async def test_head_alone_commits_nothing(self) -> None:
        """A stream that breaks after its head (or raw bytes) can still be exchanged for another."""

        async def head() -> AsyncGenerator[Event, None]:
            yield Raw(data=b"{")
            yield Begin(id="x")
            raise ConnectionFailed("cut")

        sending = Sending(send(1), Streams(head))
        assert await run(sending) == []
        assert sending.committed is None
        assert isinstance(sending.outcomes[0].error, ConnectionFailed)

    async def test_error_after_the_first_event_stays_committed(self) -> None:
        """What has been handed on is known to have been, and the error is kept for the request to end with."""
        sending = Sending(send(1), Streams(saying("a", error=ConnectionFailed("cut"))))
        assert text_of_events(await run(sending)) == "a"
        assert sending.committed == 0
        assert isinstance(sending.outcomes[0].error, ConnectionFailed)
        assert not sending.outcomes[0].done

    async def test_closing_closes_the_stream(self) -> None:
        """Closing `live` closes the call's stream before it returns."""
        streams = Streams(saying("a", "b", every_s=0.01))
        live = Sending(send(1), streams).live()
        await anext(live)
        await live.aclose()
        assert streams.closed == [0]

    async def test_delay_is_cut_at_the_deadline(self) -> None:
        """A call is never waited for longer than to the deadline."""
        deadline = asyncio.get_running_loop().time() + 0.05
        started = time.monotonic()
        await run(Sending(Send(calls=(Call(target="a", start_after_s=9.0),)), Streams(saying("a")), deadline))
        assert 0.04 < time.monotonic() - started < 0.25


class TestMany:
    """Several calls at the same time."""

    async def test_until_k(self) -> None:
        """After k complete answers the rest is closed and counts as cancelled."""
        before = asyncio.all_tasks()
        streams = Streams(saying("a", every_s=0.01), saying("b", every_s=0.02), saying("c", every_s=9))
        sending = Sending(send(3, until=2, hold=True), streams)
        assert await run(sending) == []
        assert [outcome.done for outcome in sending.outcomes] == [True, True, False]
        assert [outcome.ended for outcome in sending.outcomes] == [True, True, False]
        assert sorted(streams.closed) == [0, 1, 2]
        assert not strangers(before)

    async def test_failures_do_not_count_as_answers(self) -> None:
        """A failed call does not end the wait; when all have ended there is nothing left to wait for."""
        failing = saying(error=ConnectionFailed("no"))
        sending = Sending(send(3, until=2), Streams(failing, saying("b"), failing))
        await run(sending)
        assert [outcome.done for outcome in sending.outcomes] == [False, True, False]

    async def test_first_event_streams_the_winner_only(self) -> None:
        """The first answer to begin is streamed whole; the other is closed at that moment and never heard."""
        streams = Streams(saying("slow", every_s=9), saying("q", "u", "i", "c", "k", every_s=0.02))
        sending = Sending(send(2, until=FIRST_EVENT), streams)
        seen: list[Event] = []
        async for event in sending.live():
            seen.append(event)
            assert streams.closed[:1] == [0]
        assert text_of_events(seen) == "quick"
        assert (sending.committed, seen[0]) == (1, Begin(id="quick"))

    async def test_a_head_does_not_win(self) -> None:
        """A call that only sent its head has not begun: the race goes on."""

        async def stuck() -> AsyncGenerator[Event, None]:
            yield Begin(id="stuck")
            await asyncio.sleep(9)

        sending = Sending(send(2, until=FIRST_EVENT), Streams(stuck, saying("b", every_s=0.03)))
        assert text_of_events(await run(sending)) == "b"
        assert sending.committed == 1

    async def test_held_first_event_is_not_streamed(self) -> None:
        """With `hold`, the first complete answer ends the race and nothing is handed on."""
        sending = Sending(send(2, until=FIRST_EVENT, hold=True), Streams(saying("a"), saying("b", every_s=9)))
        assert await run(sending) == []
        assert sending.committed is None
        assert [outcome.done for outcome in sending.outcomes] == [True, False]

    async def test_an_answer_that_comes_all_at_once_is_whole(self) -> None:
        """However an answer is spread over turns of the loop, no event of it is lost or doubled."""
        for texts in (("a",), tuple("abcdefgh"), tuple("x" * 3000)):
            for until in (FIRST_EVENT, 1, 2):
                sending = Sending(send(2, until=until), Streams(saying(*texts), saying(*texts)))
                live = await run(sending)
                done = [outcome for outcome in sending.outcomes if outcome.done]
                assert len(done) >= (2 if until == 2 else 1)
                assert all(text_of_events(outcome.events) == "".join(texts) for outcome in done)
                if sending.committed is not None:
                    assert text_of_events(live) == "".join(texts)

    async def test_failure_starts_the_next_early_but_not_a_retry(self) -> None:
        """A failure ends the delay of later calls; a retry waits as long as it was told to."""
        calls = (Call(target="a"), Call(target="b", start_after_s=9.0))
        started = time.monotonic()
        failing = saying(error=ConnectionFailed("no"))
        await run(Sending(Send(calls=calls), Streams(failing, saying("b"))))
        assert time.monotonic() - started < 0.2
        calls = (Call(target="a"), Call(target="b", start_after_s=0.3, retry_of=0))
        started = time.monotonic()
        await run(Sending(Send(calls=calls), Streams(failing, saying("b"))))
        assert time.monotonic() - started >= 0.3

    async def test_cancelled_while_waiting(self) -> None:
        """Cancelling the reader closes every stream and leaves no task."""
        before = asyncio.all_tasks()
        streams = Streams(saying("a", every_s=9), saying("b", every_s=9))
        task = asyncio.create_task(run(Sending(send(2, until=2), streams)))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert sorted(streams.closed) == [0, 1]
        assert not strangers(before)

    async def test_slow_reader_slows_the_winner_down(self) -> None:
        """An answer that is not read does not pile up without limit."""
        produced = 0

        async def endless() -> AsyncGenerator[Event, None]:
            nonlocal produced
            while True:
                produced += 1
                yield TextDelta(text="x")

        async def never() -> AsyncGenerator[Event, None]:
            await asyncio.sleep(9)
            yield TextDelta(text="y")

        live = Sending(send(2, until=FIRST_EVENT), Streams(endless, never)).live()
        await anext(live)
        await asyncio.sleep(0.05)
        assert produced < 3000
        await live.aclose()

    async def test_a_bug_in_a_stream_surfaces(self) -> None:
        """An error outside our tree ends the Send with that error instead of a wait without end."""
        before = asyncio.all_tasks()
        streams = Streams(saying("a", every_s=9), saying(error=ZeroDivisionError("a bug")))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(run(Sending(send(2, until=2), streams)), 1)
        assert sorted(streams.closed) == [0, 1]
        assert not strangers(before)
