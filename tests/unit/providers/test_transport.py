"""HTTP bytes in and out: limits, typed failures, and what was handed over."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from assay.errors import ConnectionFailed, MalformedReply, ProviderError, Timeout, WeightsError
from assay.providers.aiohttp_transport import AiohttpTransport
from assay.providers.http1.client import Http1Transport
from assay.providers.provider import Attempted, Meter
from assay.providers.transport import Transport
from assay.providers.unavailable import Unavailable
from assay.types import Request

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """A server on loopback for the time of the block; gives its address."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    made = await asyncio.start_server(guarded, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}"
    finally:
        made.close()


@pytest.fixture(params=[Http1Transport, AiohttpTransport])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Each of the transports, closed at the end."""
    made = request.param()
    yield made
    await made.close()


def answering(data: bytes, *, close: bool = True) -> Serve:
    """Reads one request and sends these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)
        writer.write(data)
        await writer.drain()
        if not close:
            await reader.read(1)

    return serve


def reply(body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    return "\r\n".join(["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers, "", ""]).encode() + body


class TestBytes:
    """What goes out and what comes in."""

    @pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
    async def test_body_arrives_as_it_is(self, transport: Transport, size: int) -> None:
        """Every byte of the body, with its length and never chunked; each of them counts as sent once."""
        got: dict[str, bytes] = {}
        body = bytes(n % 251 for n in range(size))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got["head"] = (await reader.readuntil(b"\r\n\r\n")).lower()
            got["body"] = await reader.readexactly(size)
            writer.write(reply(b"ok"))

        sent = Meter()
        async with (
            server(serve) as url,
            transport.request("POST", url, headers={"x-own": "1"}, body=body, sent=sent) as answer,
        ):
            assert await answer.read(100) == b"ok"
        assert got["body"] == body
        assert b"content-length: %d\r\n" % size in got["head"]
        assert b"chunked" not in got["head"]
        assert b"x-own: 1\r\n" in got["head"]
        assert sent.sent_bytes == size

    async def test_headers_are_lower_case(self, transport: Transport) -> None:
        """Header names of the answer can be looked up without thinking of case."""
        async with (
            server(answering(reply(b"", "X-Request-ID: Abc"))) as url,
            transport.request("POST", url, headers={}, body=b"x") as answer,
        ):
            assert answer.headers["x-request-id"] == "Abc"

    async def test_compressed_answers_are_unpacked(self, transport: Transport) -> None:
        """A host that compresses is read like any other."""
        packed = reply(gzip.compress(b"hello" * 100), "content-encoding: gzip")
        async with (
            server(answering(packed)) as url,
            transport.request("POST", url, headers={}, body=b"x") as answer,
        ):
            assert await answer.read(1000) == b"hello" * 100

    async def test_pieces_come_as_they_arrive(self, transport: Transport) -> None:
        """A piece is given before the next one was sent."""
        go = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await asyncio.wait_for(go.wait(), 2)
            writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

        pieces = []
        async with server(serve) as url, transport.request("POST", url, headers={}, body=b"") as answer:
            async for piece in answer.chunks():
                pieces.append(piece)
                go.set()
        assert pieces == [b"one", b"two"]

    async def test_connections_are_kept(self, transport: Transport) -> None:
        """Two requests after each other use one connection."""
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            for _ in range(2):
                await answering(reply(b"ok"))(reader, writer)

        async with server(serve) as url:
            for _ in range(2):
                async with transport.request("POST", url, headers={}, body=b"xy", sent=Meter()) as answer:
                    await answer.read(10)
        assert connections == 1


class TestLimits:
    """Nothing grows or waits without end."""

    async def test_read_refuses_what_is_too_large(self, transport: Transport) -> None:
        """A body above the limit is an error that is not worth a retry; exactly the limit is fine."""
        for size, fine in ((1000, True), (1001, False)):
            async with (
                server(answering(reply(b"x" * size))) as url,
                transport.request("POST", url, headers={}, body=b"") as answer,
            ):
                if fine:
                    assert len(await answer.read(1000)) == size
                    continue
                with pytest.raises(MalformedReply, match="larger than 1000") as caught:
                    await answer.read(1000)
                assert not caught.value.retryable
        assert MalformedReply.retryable

    async def test_start_cuts_instead(self, transport: Transport) -> None:
        """The beginning of a body can be had, however long it is, and the rest is not waited for."""
        endless = b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n" + b"5\r\nerror\r\n" * 50
        async with (
            server(answering(endless, close=False)) as url,
            transport.request("POST", url, headers={}, body=b"") as answer,
        ):
            assert await answer.start(8) == b"errorerr"

    async def test_silence_before_and_within(self, transport: Transport) -> None:
        """No head, or no more body, within `idle_timeout_s` is a Timeout; a slow but steady body is not."""
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab"
        for data in (b"", head):
            started = time.monotonic()
            with pytest.raises(Timeout, match=r"0\.15 s"):
                async with (
                    server(answering(data, close=False)) as url,
                    transport.request("POST", url, headers={}, body=b"", idle_timeout_s=0.15) as answer,
                ):
                    await answer.read(100)
            assert time.monotonic() - started < 0.9

        async def steady(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head[:-2])
            for _ in range(10):
                await asyncio.sleep(0.04)
                writer.write(b"x")

        async with (
            server(steady) as url,
            transport.request("POST", url, headers={}, body=b"", idle_timeout_s=0.15) as answer,
        ):
            assert await answer.read(100) == b"x" * 10


class TestFailures:
    """Whatever the network does has a type of ours."""

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"", ConnectionFailed),
            (b"HTTP/1.1 200", ConnectionFailed),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", ConnectionFailed),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", ConnectionFailed),
            (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", MalformedReply),
            (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope", MalformedReply),
            (b"SSH-2.0-OpenSSH_9.2\r\n", MalformedReply),
            (b"HTTP/1.1 abc\r\n\r\n", MalformedReply),
            (b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"y" * 100_000 + b"\r\n\r\n", MalformedReply),
        ],
        ids=lambda value: repr(value)[:70] if isinstance(value, bytes) else value.__name__,
    )
    async def test_broken_answers(self, transport: Transport, data: bytes, kind: type[ProviderError]) -> None:
        """An answer that ends early is a failed connection, what is no HTTP a malformed reply; either may heal."""
        with pytest.raises(ProviderError) as caught:
            async with server(answering(data)) as url, transport.request("POST", url, headers={}, body=b"x") as answer:
                await answer.read(1000)
        assert type(caught.value) is kind
        assert caught.value.retryable

    async def test_refused_sends_nothing(self, transport: Transport) -> None:
        """Where nobody listens, not one byte counts as handed over."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        sent = Meter()
        with pytest.raises(ConnectionFailed):
            async with transport.request("POST", url, headers={}, body=b"x", sent=sent):
                pass
        assert sent.sent_bytes == 0

    @pytest.mark.parametrize("url", ["not an address", "http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"])
    async def test_no_address(self, transport: Transport, url: str) -> None:
        """What is no address is a failed connection that says so."""
        with pytest.raises(ConnectionFailed):
            async with transport.request("POST", url, headers={}, body=b"x"):
                pass

    @pytest.mark.parametrize("value", ["two\r\nx-more: 1", "zero\0byte"])
    async def test_header_that_would_break_out(self, transport: Transport, value: str) -> None:
        """A header value with a line break is not sent."""
        async with server(answering(reply(b"ok"))) as url:
            with pytest.raises(ProviderError):
                async with transport.request("POST", url, headers={"x-key": value}, body=b"x"):
                    pass

    async def test_proxies_of_the_environment(self, transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
        """A proxy that the environment names is not used: data goes where the configuration says."""
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with server(answering(reply(b"ok"))) as url, transport.request("GET", url, headers={}) as answer:
            assert await answer.read(10) == b"ok"

    async def test_redirects_are_not_followed(self, transport: Transport) -> None:
        """A redirect is given as it is: a body goes nowhere else."""
        moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
        async with server(answering(moved)) as url, transport.request("POST", url, headers={}, body=b"x") as answer:
            assert answer.status == 307

    async def test_errors_of_the_caller_pass(self, transport: Transport) -> None:
        """What is raised inside the block and is not the network's is left alone."""
        async with server(answering(reply(b"ok"))) as url:
            with pytest.raises(ZeroDivisionError):
                async with transport.request("POST", url, headers={}, body=b"x"):
                    raise ZeroDivisionError

    async def test_leaving_early_hangs_up(self, transport: Transport) -> None:
        """Leaving the block before the end closes the connection at once."""
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            await reader.read(1)
            gone.set()

        async with server(serve) as url:
            async with transport.request("POST", url, headers={}, body=b""):
                pass
            await asyncio.wait_for(gone.wait(), 0.5)


class TestPool:
    """What is kept between requests, and what is not."""

    async def test_closed_and_used_again(self, transport: Transport) -> None:
        """After `close` the next request opens new connections; closing twice is fine."""
        async with server(answering(reply(b"ok"))) as url:
            for _ in range(2):
                async with transport.request("POST", url, headers={}, body=b"x") as answer:
                    assert await answer.read(10) == b"ok"
                await transport.close()
                await transport.close()

    async def test_cookies_are_not_kept(self, transport: Transport) -> None:
        """What a host sets for one request is not sent with the next."""
        heads: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(reply(b"ok", "set-cookie: a=b; path=/", "connection: close"))

        async with server(serve) as url:
            for _ in range(2):
                async with transport.request("GET", url.replace("127.0.0.1", "localhost"), headers={}) as answer:
                    await answer.read(10)
        assert len(heads) == 2
        assert b"cookie" not in heads[1].lower()


class TestUnavailable:
    """A deployment that says why it cannot be called."""

    async def test_each_use_raises_its_own_copy(self) -> None:
        """Notes and traces of one request do not gather on the next one's error."""
        reason = WeightsError("no file")
        provider = Unavailable(reason)
        for _ in range(2):
            with pytest.raises(WeightsError, match="no file") as caught:
                async for _ in provider.stream(Attempted(request=Request()), Meter()):
                    pass
            assert caught.value is not reason
            assert not hasattr(caught.value, "__notes__")
            caught.value.add_note("of this request")
        with pytest.raises(WeightsError):
            await provider.identity()
        assert reason.__traceback__ is None
