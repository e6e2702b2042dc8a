"""Connections of the default transport: kept, not kept, cancelled, slow, and ended by either side."""

from __future__ import annotations

import asyncio
import gc
import itertools
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import ConnectionFailed, MalformedReply, ProviderError, Timeout
from assay.providers.address import Origin
from assay.providers.http1 import answer, connection, pool
from assay.providers.http1.client import Http1Transport
from assay.providers.provider import Meter
from assay.providers.transport import Reply
from faults import Answer, FaultyHost, event

OK = Answer(body=b"ok")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def transport() -> AsyncIterator[Http1Transport]:
    """A transport that is closed at the end."""
    made = Http1Transport()
    yield made
    await made.close()


@asynccontextmanager
async def asked(transport: Http1Transport, host: FaultyHost, body: bytes = b"x", **more: Any) -> AsyncIterator[Reply]:
    """The answer to a request."""
    more = {"headers": {}, "idle_timeout_s": 2.0, **more}
    async with transport.request("POST", host.url + "/chat", body=body, **more) as answer:
        yield answer


async def read(transport: Http1Transport, host: FaultyHost, **more: Any) -> bytes:
    """The body of the answer to a request."""
    async with asked(transport, host, **more) as answer:
        return await answer.read(1_000_000)


class Silent(asyncio.Transport):
    """A transport that does nothing; to write would be an error."""

    def abort(self) -> None:
        """Nothing is there."""


async def settled(check: Callable[[], bool]) -> None:
    """Let the event loop work until something holds; 2 s at most."""
    async with asyncio.timeout(2):
        while not check():  # noqa: ASYNC110 - what is waited for are callbacks of transports, which tell nobody
            await asyncio.sleep(0.001)


class TestKept:
    """Which connections are used again."""

    async def test_one_after_the_other(self, transport: Http1Transport) -> None:
        """Requests after each other use one connection, whatever framing their answers have."""
        answers = [OK, Answer(events=[event("a")]), Answer(status=204, body=b""), Answer(encoding="gzip"), OK]
        async with FaultyHost(*answers) as host:
            for _ in answers:
                await read(transport, host)
            assert [one.connection for one in host.received] == [0] * len(answers)

    async def test_the_last_one_first(self, transport: Http1Transport) -> None:
        """Of several idle connections the one that was used last is taken: the others may grow old."""
        async with FaultyHost(OK) as host:
            async with asked(transport, host) as first, asked(transport, host) as second:
                await first.read(10)
                await second.read(10)
            for _ in range(3):
                await read(transport, host)
            assert [one.connection for one in host.received] == [0, 1, 0, 0, 0]

    async def test_a_place_of_its_own(self, transport: Http1Transport) -> None:
        """A connection is used for its own scheme, host and port only."""
        async with FaultyHost(OK) as one, FaultyHost(OK) as other:
            for host in (one, other, one, other):
                await read(transport, host)
            await read(transport, one, headers={"host-is": "not said"})
            assert (one.connections, other.connections) == (1, 1)
            by_name = one.url.replace("127.0.0.1", "localhost")
            async with transport.request("POST", by_name, headers={}, body=b"") as answer:
                await answer.read(10)
            assert one.connections == 2

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(body=b"ok", headers={"connection": "close"}),
            Answer(body=b"ok", framing="close"),
            Answer(raw=b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            Answer(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok and more"),
            Answer(raw=b"HTTP/1.1 204 No Content\r\n\r\nok"),
            Answer(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"),
            Answer(body=b"ok", headers={"keep-alive": "timeout=1"}),
        ],
        ids=["close", "until close", "HTTP/1.0", "surplus", "surplus of none", "surplus of chunks", "1 s"],
    )
    async def test_not_kept(self, transport: Http1Transport, answer: Answer) -> None:
        """Where the host hangs up, says more than its answer, or keeps too short, the next request has a new one."""
        async with FaultyHost(answer, OK) as host:
            await read(transport, host)
            assert await read(transport, host) == b"ok"
            assert host.connections == 2
            await host.gone(0)

    async def test_what_comes_unasked(self, transport: Http1Transport) -> None:
        """An answer that comes while nothing was asked is never the answer to the next request."""
        async with FaultyHost(OK) as host:
            await read(transport, host)
            [standing] = host._open
            standing._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
            assert await read(transport, host) == b"ok"  # not even when it has come and nobody has looked yet
            assert host.connections == 2

    async def test_one_timer_for_many_exchanges(self, transport: Http1Transport) -> None:
        """What limits the host's silence is set once for a connection, and rings for the wait that goes on then."""
        async with FaultyHost(OK, OK, Answer(stop="request", how="hang")) as host:
            await read(transport, host, idle_timeout_s=0.2)
            [standing] = transport.pool._standing
            timer = standing.silence._timer
            await read(transport, host, idle_timeout_s=0.2)
            assert standing.silence._timer is timer is not None
            await asyncio.sleep(0.1)
            began = time.monotonic()
            with pytest.raises(Timeout, match=r"no answer begins for 0\.2 s"):
                await read(transport, host, idle_timeout_s=0.2)
            assert time.monotonic() - began >= 0.19
            await settled(lambda: standing.silence._timer is None)

    async def test_a_timer_that_rings_for_nobody(self, transport: Http1Transport) -> None:
        """It is not set again for a connection that lies idle, and is for its next exchange."""
        async with FaultyHost(OK) as host:
            await read(transport, host)
            [standing] = transport.pool._standing
            standing.silence._timer.cancel()
            standing.silence._ring()
            assert standing.silence._timer is None
            assert await read(transport, host) == b"ok"
            assert standing.silence._timer is not None

    async def test_all_of_an_answer_at_once(self, transport: Http1Transport) -> None:
        """A body that came with its head is told with it; one that has yet to come, or is packed, is not."""
        async with FaultyHost(
            OK, Answer(encoding="gzip"), Answer(events=[event("a"), event("b")], pause_s=0.05)
        ) as host:
            async with asked(transport, host) as answer:
                assert (answer.at_once, await answer.read(10)) == (b"ok", b"ok")
            for _ in range(2):
                async with asked(transport, host) as answer:
                    assert answer.at_once is None

    async def test_a_request_that_says_close(self, transport: Http1Transport) -> None:
        """A caller may have a connection for one request only."""
        async with FaultyHost(Answer(body=b"ok")) as host:
            for _ in range(2):
                await read(transport, host, headers={"connection": "close"})
            assert host.connections == 2


class TestIdle:
    """Idle connections end, whoever ends them."""

    @pytest.fixture
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Idle for 50 ms at most, looked at every 20 ms."""
        monkeypatch.setattr(pool, "IDLE_S", 0.05)
        monkeypatch.setattr(pool, "SWEEP_S", 0.02)

    async def test_too_long(self, transport: Http1Transport, short: None) -> None:
        """A connection that nobody used for too long is closed from this side, all of them are."""
        async with FaultyHost(OK) as host:
            await asyncio.gather(*(read(transport, host) for _ in range(5)))
            assert host.open_connections == 5
            for number in range(5):
                await host.gone(number)
                await settled(lambda: not transport.pool._standing)
            assert (transport.pool._count, transport.pool._idle, transport.pool._timer) == (0, {}, None)

    async def test_old_ones_are_not_taken(self, transport: Http1Transport, monkeypatch: pytest.MonkeyPatch) -> None:
        """One whose time is over is not used, though nobody has closed it yet."""
        monkeypatch.setattr(pool, "IDLE_S", 0.01)
        async with FaultyHost(OK) as host:
            await read(transport, host)
            await asyncio.sleep(0.02)
            await read(transport, host)
            assert host.connections == 2

    @pytest.mark.parametrize("seen", [True, False], ids=["seen", "not seen yet"])
    @pytest.mark.parametrize("how", ["abort", "close"])
    async def test_ended_by_the_host(self, transport: Http1Transport, how: str, seen: bool) -> None:
        """A connection that the host ended is not used, even when its end still waits in the socket."""
        async with FaultyHost(OK) as host:
            await read(transport, host)
            [standing] = host._open
            getattr(standing._transport, how)()
            if seen:
                await settled(lambda: not transport.pool._standing)
                assert transport.pool._count == 0
            else:
                standing._transport._sock.shutdown(socket.SHUT_RDWR)  # what the loop would do in its next turn
            assert await read(transport, host) == b"ok"
            assert len(host.received) == host.connections == 2

    async def test_so_many_at_most(self, transport: Http1Transport, monkeypatch: pytest.MonkeyPatch) -> None:
        """Beyond a bound idle connections are not kept."""
        monkeypatch.setattr(pool, "MAX_IDLE", 3)
        async with FaultyHost(OK) as host:
            await asyncio.gather(*(read(transport, host) for _ in range(8)))
            await settled(lambda: host.open_connections == 3)

    async def test_no_call_looks_through_the_pool(self, transport: Http1Transport) -> None:
        """With a hundred idle connections a call looks at one."""
        looked = itertools.count()

        class Counting(connection.Connection):
            @property
            def idle_until(self) -> float:
                next(looked)
                return self._until

            @idle_until.setter
            def idle_until(self, until: float) -> None:
                self._until = until

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("assay.providers.http1.dial.Connection", Counting)
            async with FaultyHost(OK) as host:
                await asyncio.gather(*(read(transport, host) for _ in range(100)))
                assert host.connections == 100
                before = next(looked)
                for _ in range(10):
                    await read(transport, host)
                assert next(looked) - before == 11


class TestNotTwice:
    """A request whose bytes may have been read is never sent again by the transport."""

    @pytest.mark.parametrize("how", ["reset", "close"])
    @pytest.mark.parametrize("stop", ["request", "status", "head", "end"])
    async def test_a_kept_connection_that_breaks(self, transport: Http1Transport, stop: Any, how: Any) -> None:
        """Whether the host had read it, nobody knows: the error goes up, where a try is a row in the ledger."""
        async with FaultyHost(OK, Answer(stop=stop, how=how), OK) as host:
            await read(transport, host)
            with pytest.raises(ConnectionFailed) as caught:
                await read(transport, host)
            assert caught.value.retryable
            assert len(host.received) == 2
            assert host.connections == 1

    async def test_the_whole_pool_is_dead(self, transport: Http1Transport) -> None:
        """After a host came back from a restart, its dead connections cost nothing."""
        async with FaultyHost(OK) as host:
            await asyncio.gather(*(read(transport, host) for _ in range(20)))
            for standing in tuple(host._open):
                standing._transport.abort()
            await settled(lambda: not host._open)
            assert await read(transport, host) == b"ok"
            assert len(host.received) == 21

    async def test_a_new_connection_that_ends_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One that was lost, or on which the host spoke first, is told before anything is written."""
        for end in (lambda made: made.connection_lost(None), lambda made: made.data_received(b"SSH-2.0\r\n")):
            made = connection.Connection(Origin("http", "h", 80), pool.Pool())
            made.connection_made(Silent())
            end(made)
            transport, sent = Http1Transport(), Meter()
            transport.move()

            async def connect(*_: Any, made: connection.Connection = made) -> connection.Connection:
                return made

            monkeypatch.setattr(transport.dialer, "connect", connect)
            with pytest.raises(ConnectionFailed, match="before the request was written"):
                async with transport.request("POST", "http://h/", headers={}, body=b"body", sent=sent):
                    pass
            assert sent.sent_bytes == 0


class TestCancel:
    """Leaving early is seen by the host at once."""

    @pytest.mark.parametrize("stop", ["request", "status", "head", 1])
    async def test_while_waiting(self, transport: Http1Transport, stop: Any) -> None:
        """A cancelled task hangs up, wherever it waited."""
        async with FaultyHost(Answer(stop=stop, how="hang", body=b"body")) as host:
            task = asyncio.create_task(read(transport, host))
            await host.arrived(1)
            await asyncio.sleep(0.02)
            task.cancel()
            started = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            await host.gone(0)
            assert time.monotonic() - started < 0.5
            assert await read_ok(transport, host) == 2

    async def test_leaving_the_block(self, transport: Http1Transport) -> None:
        """So does leaving the block in the middle of a stream."""
        async with FaultyHost(Answer(events=[event("a"), event("b")], stop=1, how="hang")) as host:
            async with asked(transport, host) as answer:
                async for _ in answer.chunks():
                    break
            await host.gone(0)

    async def test_an_error_of_the_reader(self, transport: Http1Transport) -> None:
        """So does an error inside the block, which passes as it is."""
        async with FaultyHost(Answer(events=[event("a"), event("b")], stop=1, how="hang")) as host:
            with pytest.raises(ZeroDivisionError):
                async with asked(transport, host):
                    raise ZeroDivisionError
            await host.gone(0)

    async def test_an_answer_that_had_ended(self, transport: Http1Transport) -> None:
        """Where all of the answer has come, there is nothing to hang up on: the connection is kept."""
        async with FaultyHost(OK) as host:
            async with asked(transport, host):
                pass
            assert await read(transport, host) == b"ok"
            assert host.connections == 1

    async def test_reading_after_the_end(self, transport: Http1Transport) -> None:
        """An answer gives nothing after its request is over: the connection may carry another one's answer then."""
        async with FaultyHost(OK) as host:
            async with asked(transport, host) as answer:
                pass
            async with asked(transport, host):
                with pytest.raises(ConnectionFailed, match="over"):
                    await answer.read(10)

    async def test_while_connecting(self, transport: Http1Transport) -> None:
        """Cancelling while the connection is made leaves nothing behind."""
        async with FaultyHost(connects="hangs") as host:
            task = asyncio.create_task(read(transport, host))
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def read_ok(transport: Http1Transport, host: FaultyHost) -> int:
    """Ask once more, well; how many connections the host has had."""
    host.answer(OK)
    assert await read(transport, host) == b"ok"
    return host.connections


class TestPressure:
    """Neither side of a slow pair fills the memory."""

    async def test_a_slow_reader(self, transport: Http1Transport) -> None:
        """Of 100 MB that come faster than they are read, a bounded part is held."""
        async with FaultyHost(Answer(padding_bytes=100_000_000, framing="chunked")) as host:
            tracemalloc.start()
            async with asked(transport, host) as answer:
                total = 0
                async for piece in answer.chunks():
                    total += len(piece)
                    assert len(piece) <= connection.HELD_BYTES * 3
                    if total < 3_000_000:
                        await asyncio.sleep(0.01)
                    elif total > 20_000_000:
                        break
                _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 8_000_000

    async def test_100_mb_arrive(self, transport: Http1Transport) -> None:
        """A reply of 100 MB streams through, to its last byte."""
        async with FaultyHost(Answer(padding_bytes=100_000_000)) as host, asked(transport, host) as answer:
            total = 0
            async for piece in answer.chunks():
                total += len(piece)
            assert total == 100_000_002

    async def test_the_limit_of_read(self, transport: Http1Transport) -> None:
        """A read with a limit does not take 100 MB to find that they are too much."""
        async with FaultyHost(Answer(padding_bytes=100_000_000)) as host:
            with pytest.raises(MalformedReply, match="larger than 1000000"):
                await read(transport, host)
            await host.gone(0)

    async def test_a_host_that_takes_nothing(self, transport: Http1Transport) -> None:
        """An upload into a host that does not read stops, is limited, and counts what was handed over."""
        sent = Meter()
        async with FaultyHost(Answer(stop="upload", how="hang")) as host:
            with pytest.raises(Timeout, match="takes nothing"):
                await read(transport, host, body=bytes(30_000_000), sent=sent, idle_timeout_s=0.2)
        assert 0 < sent.sent_bytes < 30_000_000

    async def test_an_answer_before_the_end_of_the_request(self, transport: Http1Transport) -> None:
        """A host that refuses a large request at its head is understood, and the rest is not sent."""
        sent = Meter()
        answered = asyncio.Event()

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
            await answered.wait()
            writer.transport.abort()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1000)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        body = bytes(30_000_000)
        async with transport.request("POST", url, headers={}, body=body, sent=sent) as answer:
            assert (answer.status, await answer.read(10)) == (413, b"big")
        answered.set()
        server.close()
        assert sent.sent_bytes < 30_000_000
        assert transport.pool._count == 0

    async def test_a_slow_reader_is_no_silent_host(self, transport: Http1Transport) -> None:
        """The limit on silence counts while something is waited for, not while nobody reads."""
        async with (
            FaultyHost(Answer(body=b"a" * 900_000, piece_bytes=100_000)) as host,
            asked(transport, host, idle_timeout_s=0.25) as answer,
        ):
            total = len(await answer.piece())
            await asyncio.sleep(0.6)
            while piece := await answer.piece():
                total += len(piece)
            assert total == 900_000

    async def test_a_slow_host_is_not_silent(self, transport: Http1Transport) -> None:
        """Bytes that make no piece of the body yet are a sign of life, too."""

        async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for digit in b"00000000002":
                writer.write(bytes([digit]))
                await asyncio.sleep(0.05)
            writer.write(b"\r\nok\r\n0\r\n\r\n")
            await reader.read(1)
            writer.close()

        server = await asyncio.start_server(slowly, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with transport.request("GET", url, headers={}, idle_timeout_s=0.3) as answer:
            assert await answer.read(10) == b"ok"
        await transport.close()
        server.close()


class TestLimits:
    """Waiting ends."""

    @pytest.mark.parametrize("stop", ["accept", "request", "status"])
    async def test_first_byte(self, transport: Http1Transport, stop: Any) -> None:
        """The head has a limit of its own, which bytes of it do not extend; then silence has the other one."""
        started = time.monotonic()
        async with FaultyHost(Answer(stop=stop, how="hang")) as host:
            with pytest.raises(Timeout, match=r"no answer begins for 0\.1 s"):
                await read(transport, host, first_byte_timeout_s=0.1, idle_timeout_s=5)
        assert 0.09 < time.monotonic() - started < 1.0

    async def test_a_short_limit_after_a_long_one(self, transport: Http1Transport) -> None:
        """After a head that may take long, silence in the body is limited as shortly as wanted."""
        started = time.monotonic()
        async with FaultyHost(Answer(stop=1, how="hang")) as host:
            with pytest.raises(Timeout, match=r"nothing came for 0\.1 s"):
                await read(transport, host, first_byte_timeout_s=30, idle_timeout_s=0.1)
        assert 0.09 < time.monotonic() - started < 1.0

    async def test_a_trickling_head(self, transport: Http1Transport) -> None:
        """A head that comes a byte at a time for ever is cut all the same."""
        async with FaultyHost(Answer(raw=b"HTTP/1.1 200 OK\r\n" * 50, piece_bytes=1, pause_s=0.01)) as host:
            with pytest.raises(ProviderError):
                await read(transport, host, idle_timeout_s=0.15)

    async def test_no_connection(self, transport: Http1Transport) -> None:
        """A host that takes no connection is given up after `connect_timeout_s`; one that refuses, at once."""
        async with FaultyHost(connects="hangs") as host:
            with pytest.raises(Timeout, match=rf"no connection to 127.0.0.1:{host.port} within 0\.1 s"):
                await read(transport, host, connect_timeout_s=0.1)
        async with FaultyHost(connects="refuses") as host:
            with pytest.raises(ConnectionFailed, match=rf"127\.0\.0\.1.*{host.port}"):
                await read(transport, host)

    @pytest.mark.parametrize("count", [1, answer.MAX_INTERIM, answer.MAX_INTERIM + 1])
    async def test_interim_answers(self, transport: Http1Transport, count: int) -> None:
        """Interim answers are skipped, up to a bound."""
        raw = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * count + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
        async with FaultyHost(Answer(raw=raw)) as host:
            if count <= answer.MAX_INTERIM:
                assert await read(transport, host) == b"ok"
            else:
                with pytest.raises(MalformedReply):
                    await read(transport, host)

    async def test_switching_protocols(self, transport: Http1Transport) -> None:
        """A host that switches protocols although nobody asked is not followed."""
        async with FaultyHost(Answer(raw=b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n")) as host:
            with pytest.raises(MalformedReply, match="101"):
                await read(transport, host)
            await host.gone(0)

    async def test_header_flood(self, transport: Http1Transport) -> None:
        """A head without end is cut at its limit, not when the memory is full."""
        raw = b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1_000_000
        async with FaultyHost(Answer(raw=raw, piece_bytes=60_000)) as host:
            with pytest.raises(MalformedReply, match="larger than"):
                await read(transport, host)
            await host.gone(0)


class TestLoops:
    """Event loops of both kinds, one after the other, with nothing left behind."""

    @pytest.mark.parametrize("loop", LOOPS)
    def test_one_transport_in_several(self, loop: str) -> None:
        """A transport works in a loop after it has worked in another; nothing warns of what was left open."""
        transport = Http1Transport()

        async def work() -> None:
            async with FaultyHost(OK, Answer(events=[event("a")]), Answer(stop="head"), OK) as host:
                assert await read(transport, host) == b"ok"
                assert await read(transport, host) == b"data: a\n\n"
                with pytest.raises(ConnectionFailed):
                    await read(transport, host)
                assert await read(transport, host) == b"ok"
                await transport.close()
            assert len(asyncio.all_tasks()) == 1

        for _ in range(2):
            run(LOOPS[loop], work())
        gc.collect()

    @pytest.mark.parametrize("loop", LOOPS)
    def test_hundreds_at_once(self, loop: str) -> None:
        """Hundreds of calls at once all get their own answer."""

        async def work() -> None:
            transport = Http1Transport()
            echo = [lambda received: Answer(body=received.body)]
            async with FaultyHost(*echo) as host:
                bodies = [str(number).encode() for number in range(300)]
                answers = await asyncio.gather(*(read(transport, host, body=body) for body in bodies))
                assert answers == bodies
                await transport.close()

        run(LOOPS[loop], work())

    @pytest.mark.parametrize("loop", LOOPS)
    def test_large_bodies_both_ways(self, loop: str) -> None:
        """A large body goes out and in, uncopied and in order, on both kinds of loop."""
        body = b"".join(b"%08d" % number for number in range(500_000))

        async def work() -> None:
            transport = Http1Transport()
            sent = Meter()
            async with FaultyHost(lambda received: Answer(body=received.body)) as host:
                async with asked(transport, host, body=body, sent=sent) as answer:
                    assert await answer.read(10_000_000) == body
                assert sent.sent_bytes == len(body)
                await transport.close()

        run(LOOPS[loop], work())

    async def test_closing_under_way(self, transport: Http1Transport) -> None:
        """Closing ends requests under way with an error of ours, and later ones open new connections."""
        async with FaultyHost(Answer(stop="request", how="hang"), OK) as host:
            task = asyncio.create_task(read(transport, host))
            await host.arrived(1)
            await transport.close()
            with pytest.raises(ConnectionFailed, match="assay closed"):
                await task
            assert await read(transport, host) == b"ok"


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    """On a loop of its own."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work)


class TestAnyAnswer:
    """Properties that hold whatever a host sends."""

    @settings(max_examples=40)
    @given(
        body=st.binary(max_size=300),
        framing=st.sampled_from(["length", "chunked", "close"]),
        encoding=st.sampled_from([None, "gzip", "deflate"]),
        piece_bytes=st.sampled_from([1, 2, 3, 7, 50, 1000]),
        interim=st.booleans(),
    )
    def test_the_same_however_it_comes(
        self, body: bytes, framing: Any, encoding: Any, piece_bytes: int, interim: bool
    ) -> None:
        """Any cutting of a valid answer gives the same status, headers and body."""
        answer = Answer(
            body=body, framing=framing, encoding=encoding, piece_bytes=piece_bytes, headers={"x-id": "a, b"}
        )
        raw = (b"HTTP/1.1 100 Continue\r\n\r\n" if interim else b"") + answer.head() + b"".join(answer.pieces())
        whole = Answer(raw=raw, piece_bytes=piece_bytes, keep=framing != "close")

        async def work() -> None:
            transport = Http1Transport()
            async with FaultyHost(whole) as host:
                async with asked(transport, host) as reply:
                    assert (reply.status, reply.headers["x-id"]) == (200, "a, b")
                    assert await reply.read(1000) == body
                await transport.close()

        run(uvloop.new_event_loop, work())

    @settings(max_examples=60)
    @given(
        data=st.one_of(
            st.binary(max_size=300),
            st.binary(max_size=100).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data),
            st.binary(max_size=100).map(lambda data: b"HTTP/1.1 200 OK\r\n\r\n" + data),
            st.binary(max_size=100).map(lambda data: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + data),
            st.binary(max_size=100).map(lambda data: b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + data),
        ),
        keep=st.booleans(),
    )
    def test_garbage(self, data: bytes, keep: bool) -> None:
        """Whatever comes is an answer or an error of our tree, in bounded time, and leaves nothing open."""

        async def work() -> None:
            transport = Http1Transport()
            async with FaultyHost(Answer(raw=data, keep=keep)) as host:
                with suppress(ProviderError):
                    await read(transport, host, idle_timeout_s=0.02)
                await transport.close()
            assert len(asyncio.all_tasks()) == 1

        run(uvloop.new_event_loop, work())


def test_who_leaves_just_when_a_connection_stands_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop closes it without telling it so (uvloop's does): closing the pool must not wait for it."""
    made = connection.Connection.connection_made

    async def leaves() -> bool:
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            gone.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        transport = Http1Transport()

        async def ask() -> None:
            port = server.sockets[0].getsockname()[1]
            async with transport.request("GET", f"http://127.0.0.1:{port}/", headers={}):
                pass

        def stands(self: connection.Connection, of: asyncio.BaseTransport) -> None:
            made(self, of)
            asking.cancel()

        monkeypatch.setattr(connection.Connection, "connection_made", stands)
        asking = asyncio.ensure_future(ask())
        with suppress(asyncio.CancelledError):
            await asking
        closing = asyncio.ensure_future(transport.close())
        done, _ = await asyncio.wait((closing,), timeout=2)
        closing.cancel()
        await asyncio.wait_for(gone.wait(), 5)
        server.close()
        return asking.cancelled() and closing in done

    assert uvloop.run(leaves())
