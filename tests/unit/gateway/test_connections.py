"""Connections of clients: what is no HTTP, too much of it, too slow, too many."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from assay.config.schema import Serve
from assay.gateway import server
from assay.gateway.asgi import Gateway
from assay.gateway.connection import MAX_HEAD_BYTES, MAX_HEAD_FIELDS, Connection
from assay.gateway.crowd import ALL_UNREAD_BYTES, MAX_UNREAD_BYTES, Crowd
from assay.gateway.cycle import Cycle
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from assay.types import Begin, Finish, Finished, TextDelta

Served = Any  # of this folder's conftest
BODY = json.dumps({"model": "small", "messages": [{"role": "user", "content": "hi"}]}).encode()


def request(body: bytes = BODY, *fields: str, path: str = "/v1/chat/completions") -> bytes:
    """A POST as bytes."""
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


class Wire:
    """A connection of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Write and wait until it is taken."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer that has a length."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
            return int(head[9:12]), await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """All that comes until the gateway closes."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Wire]:
    """A connection to the gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


def told(answer: bytes) -> str:
    """The message of a raw answer whose body is an error in OpenAI's form."""
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"])


# ------------------------------------------------------------------------------------------- framing


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a port without
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\nhost: x\n\n",
        b"GET / HTTP/1.1\r\nhost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nfolded: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nnul: a\0b\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n0\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"POST /v1/completions HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_or_can_be_read_in_two_ways_is_400(served: Served, data: bytes) -> None:
    """Invalid HTTP and the shapes of request smuggling are refused, and the connection is closed."""
    async with connected(served) as wire:
        await wire.send(data)
        answer = await wire.rest()
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"connection: close\r\n" in answer
        assert told(answer)
        assert answer.count(b"HTTP/1.1 400") == 1


@pytest.mark.parametrize("between", [b"", request()], ids=["at once", "behind another request"])
async def test_garbage_behind_a_request_ends_the_connection_within_its_answer(served: Served, between: bytes) -> None:
    """Nothing is written into an answer that has begun: it just stops."""
    body = json.dumps({"model": "small", "stream": True, "messages": [{"role": "user", "content": "slow"}]}).encode()
    async with connected(served) as wire:
        await wire.send(request(body))
        await wire.reader.readuntil(b"one")
        await wire.send(between + b"garbage\r\n\r\n")
        assert b"HTTP/1.1" not in await wire.rest()


async def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    """Several requests sent at once get their answers one after the other."""
    texts = [f"number {n}" for n in range(5)]
    bodies = [json.dumps({"model": "small", "messages": [{"role": "user", "content": t}]}).encode() for t in texts]
    async with connected(served) as wire:
        await wire.send(b"".join(map(request, bodies)))
        for text in texts:
            status, data = await wire.answer()
            assert status == 200
            assert f"small says {text}".encode() in data


async def test_a_client_may_ask_before_it_sends_its_body(served: Served) -> None:
    """`expect: 100-continue`: the body is asked for; a body that is too large is refused without it."""
    async with connected(served) as wire:
        head, _, _ = request(BODY, "expect: 100-continue").partition(BODY)
        await wire.send(head)
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await wire.send(BODY)
        assert (await wire.answer())[0] == 200
    async with connected(served) as wire:
        await wire.send(b"POST /v1/completions HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n")
        assert (await wire.answer())[0] == 413


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_wish_for_http_2_does_not_lose_the_body(served: Served, chunked: bool) -> None:
    """Java's client asks to upgrade to h2c on its first request and sends its body with it: it is answered in 1.1."""
    wish = ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQBAAAAAAIAAAAA")
    data = request(BODY, *wish)
    if chunked:
        head = "\r\n".join(["POST /v1/chat/completions HTTP/1.1", "transfer-encoding: chunked", *wish, "", ""])
        data = head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    async with connected(served) as wire:
        for _ in range(2):
            await wire.send(data)
            status, answer = await wire.answer()
            assert (status, b"small says hi" in answer) == (200, True)


async def test_what_follows_a_request_that_closes_is_no_mistake_after_a_wish_for_http_2_either(served: Served) -> None:
    """One connection is read in one way from its beginning to its end."""
    async with connected(served) as wire:
        await wire.send(request(BODY, "connection: Upgrade", "upgrade: h2c"))
        assert (await wire.answer())[0] == 200
        await wire.send(request(BODY, "connection: close") + b"more\r\n\r\n")
        assert (await wire.answer())[0] == 200


@pytest.mark.parametrize(("version", "connection"), [("1.1", "close, Upgrade"), ("1.0", "Upgrade")])
async def test_a_wish_for_http_2_changes_nothing_else(served: Served, version: str, connection: str) -> None:
    """Who wants the connection closed, or speaks HTTP/1.0, is still understood so."""
    data = request(BODY[:-1] + b', "stream": true}', f"connection: {connection}", "upgrade: h2c")
    async with connected(served) as wire:
        await wire.send(data.replace(b"/1.1", b"/" + version.encode()))
        head, _, _ = (await wire.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" in head
    assert (b"transfer-encoding" in head) == (version == "1.1")


async def test_connect_is_refused(served: Served) -> None:
    """The gateway is no proxy."""
    async with connected(served) as wire:
        await wire.send(b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org\r\n\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_of_http_1_0_gets_what_it_can_read(served: Served, stream: bool) -> None:
    """No chunks, whose borders would be text to it, and no word before the answer: it ends with the connection."""
    body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "a b"}], "stream": stream}).encode()
    async with connected(served) as wire:
        await wire.send(request(body, "expect: 100-continue", "connection: keep-alive").replace(b"/1.1", b"/1.0"))
        head, _, got = (await wire.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"transfer-encoding" not in head
    assert b"\r\nconnection: close" in head
    if stream:
        lines = got.split(b"\n\n")
        assert all(line.startswith(b"data: ") for line in lines[:-1])
        assert lines[-2:] == [b"data: [DONE]", b""]
    else:
        assert json.loads(got)["choices"][0]["message"]["content"] == "small says a b"


async def test_trailers_do_not_become_headers(served: Served) -> None:
    """What follows a chunked body cannot set a label or a kind, or show a key, behind the back of what was checked."""
    async with connected(served) as wire:
        await wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        await wire.send(b"%x\r\n%s\r\n0\r\nx-assay-label: nonsense\r\n\r\n" % (len(BODY), BODY))
        assert (await wire.answer())[0] == 200


# ---------------------------------------------------------------------------------------------- size


@pytest.mark.parametrize(
    "head",
    [
        b"".join(b"x-%d: y\r\n" % n for n in range(MAX_HEAD_FIELDS + 1)) + b"\r\n",
        b"x: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"x: " + b"y" * MAX_HEAD_BYTES,  # and it goes on
        b"y" * MAX_HEAD_BYTES,
        b"".join(b"x: %s\r\n" % (b"y" * 1000) for _ in range(100)) + b"\r\n",
    ],
    ids=["many", "long", "long without end", "long name", "many and long"],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_flood_of_headers_is_431(served: Served, head: bytes, at_once: bool) -> None:
    """A head is bounded in bytes and fields, also while it is still coming; others are served on."""
    async with connected(served) as wire:
        data = b"GET /healthz HTTP/1.1\r\nhost: x\r\n" + head
        pieces = [data] if at_once else [data[at : at + 9000] for at in range(0, len(data), 9000)]
        try:
            for piece in pieces:
                await wire.send(piece)
                await asyncio.sleep(0)
        except ConnectionError:
            pass  # refused before all was sent
        else:
            answer = await wire.rest()
            assert not answer or answer.startswith(b"HTTP/1.1 431 ")
    assert (await served.ask("x"))[0] == 200


async def test_a_long_address_is_431(served: Served) -> None:
    """The target counts as part of the head."""
    async with connected(served) as wire:
        await wire.send(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.1 431 ")


async def test_a_long_head_behind_another_request_is_431(served: Served) -> None:
    """What came together with the request before it counts, too."""
    fields = b"".join(b"x-%d: %b\r\n" % (n, b"y" * 1000) for n in range(MAX_HEAD_BYTES // 1000 + 1))
    async with connected(served) as wire:
        await wire.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n" + fields)
        assert (await wire.answer())[0] == 200
        await wire.send(b"\r\n")
        assert (await wire.rest()).startswith(b"HTTP/1.1 431 ")


async def test_a_head_behind_a_large_body_is_not_too_large(served: Served) -> None:
    """Only bytes of the head count: what comes in one piece with the end of a body is its own."""
    big = json.dumps({"model": "small", "messages": [{"role": "user", "content": "x" * 200_000}]}).encode()
    data = request(big) + request(BODY)
    async with connected(served) as wire:
        await wire.send(data[:-100])
        await asyncio.sleep(0.05)
        await wire.send(data[-100:])
        assert [(await wire.answer())[0], (await wire.answer())[0]] == [200, 200]


async def test_a_body_that_is_announced_too_large_is_refused_unread(serving: Callable[..., Any]) -> None:
    """413 comes at once; the client may send its body all the same, and the connection is used again."""
    async with serving(max_body_bytes=1000) as served, connected(served) as wire:
        await wire.send(request(b"x" * 3_000_000)[:200])
        status, body = await wire.answer()
        assert (status, b"serve.max_body_bytes" in body) == (413, True)
        await wire.send(b"x" * (3_000_000 - 200 + len(request(b"x" * 3_000_000)) - 3_000_000))
        await wire.send(request())
        assert (await wire.answer())[0] == 200


# -------------------------------------------------------------------------------------------- packed


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("identity", bytes), ("GZIP", gzip.compress)])
async def test_a_packed_body_is_unpacked(served: Served, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    """Clients may compress what they send."""
    status, _, _ = await served.post("/chat/completions", pack(BODY), {"content-encoding": encoding})
    assert status == 200


@pytest.mark.parametrize(
    ("encoding", "body", "status", "words"),
    [
        ("br", BODY, 415, "content-encoding"),
        ("gzip, gzip", BODY, 415, "content-encoding"),
        ("gzip", BODY, 400, "unpacked"),
        ("gzip", gzip.compress(BODY, mtime=0)[:-9], 400, "cut off"),
        ("gzip", gzip.compress(BODY, mtime=0) + b"more", 400, "follows"),
        ("gzip", gzip.compress(b" " * 50_000_000, mtime=0), 413, "serve.max_body_bytes"),
    ],
)
async def test_a_badly_packed_body_is_told(
    serving: Callable[..., Any], encoding: str, body: bytes, status: int, words: str
) -> None:
    """An unknown encoding, a broken one, and a bomb, of which no more is unpacked than the limit."""
    async with serving(max_body_bytes=1_000_000) as served:
        got, _, data = await served.post("/chat/completions", body, {"content-encoding": encoding})
        assert (got, words in json.loads(data)["error"]["message"]) == (status, True)


# ---------------------------------------------------------------------------------------------- time


async def test_a_head_that_drips_is_408(serving: Callable[..., Any]) -> None:
    """Each byte in time and the whole too late: the head has one limit, whatever comes."""
    async with serving(header_timeout_s=0.3) as served, connected(served) as wire:
        started = time.monotonic()

        async def drip() -> None:
            for byte in b"GET /healthz HTTP/1.1\r\nx-slow: " + b"y" * 1000:
                await wire.send(bytes([byte]))
                await asyncio.sleep(0.02)

        with pytest.raises(ConnectionError):
            await drip()
        assert 0.2 < time.monotonic() - started < 2


async def test_a_head_that_stops_is_told_so(serving: Callable[..., Any]) -> None:
    """A client that reads learns why it is sent away."""
    async with serving(header_timeout_s=0.2) as served, connected(served) as wire:
        await wire.send(b"GET /healthz HTT")
        answer = await wire.rest()
        assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert "serve.header_timeout_s" in told(answer)


@pytest.mark.parametrize("begun", [True, False])
async def test_a_body_that_stops_is_408_in_the_clients_format(serving: Callable[..., Any], begun: bool) -> None:
    """The time of a body is limited, too, also of one of which nothing comes."""
    async with serving(body_timeout_s=0.2) as served, connected(served) as wire:
        head, rest = request().split(b"\r\n\r\n", 1)
        await wire.send(head + b"\r\n\r\n" + (rest[:-5] if begun else b""))
        async with asyncio.timeout(5):
            status, body = await wire.answer()
        assert (status, b"serve.body_timeout_s" in body) == (408, True)


async def test_a_body_that_nobody_wants_is_not_waited_for(serving: Callable[..., Any]) -> None:
    """After an early error the rest of the body may come for a while, not for ever."""
    async with serving(max_body_bytes=1000, body_timeout_s=0.2) as served, connected(served) as wire:
        await wire.send(request(b"x" * 5000)[:300])
        assert (await wire.answer())[0] == 413
        assert await wire.rest() == b""


@pytest.mark.parametrize("known", [False, True])
async def test_a_body_that_nobody_wanted_is_not_kept(served: Served, known: bool) -> None:
    """An answer that did not need it lets go of it: a client that shows no key may stay as long as an idle one may."""
    async with connected(served) as wire:
        for _ in range(3 if known else 1):
            await wire.send(request(b"x" * 60_000, path="/v1/models").replace(b"POST", b"GET"))
            assert (await wire.answer())[0] == 200
        assert len(served.gateway.crowd.heads) == known
        (connection,) = served.gateway.crowd.idle
        assert not connection._last.pieces


@pytest.mark.parametrize("used", [False, True])
async def test_an_idle_connection_is_closed_after_a_while(serving: Callable[..., Any], used: bool) -> None:
    """Whether it was ever used or not; line ends that are no request keep nothing open."""
    async with serving(idle_timeout_s=0.3) as served, connected(served) as wire:
        if used:
            await wire.send(request())
            await wire.answer()
        await wire.send(b"\r\n")
        started = time.monotonic()
        assert await wire.rest() == b""
        assert time.monotonic() - started < 2


# -------------------------------------------------------------------------------------------- readers


class Flood:
    """Makes the deployment `small` say far more than buffers hold; counts what was made."""

    def __init__(self, spine: Spine) -> None:
        self.made = 0
        self.stopped = asyncio.Event()
        spine.targets["small"].provider.stream = self.stream  # type: ignore[union-attr]

    async def stream(self, *_: Any) -> AsyncIterator[Any]:
        """The answer."""
        try:
            yield Begin(id="x", model="m")
            for _ in range(3000):
                self.made += 1
                await asyncio.sleep(0)
                yield TextDelta(text="x" * 10_000)
            yield Finished(finish=Finish(kind="stop"))
        finally:
            self.stopped.set()

    async def stalled(self) -> int:
        """Bytes made when no more is made."""
        before = -1
        while before != self.made:
            before = self.made
            await asyncio.sleep(0.3)
        return self.made * 10_000


def slow_reader(port: int) -> socket.socket:
    """A client with a small window that has asked for a stream and reads nothing."""
    body = json.dumps({"model": "small", "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(request(body))
    client.setblocking(False)
    return client


async def test_a_slow_reader_slows_its_upstream(served: Served) -> None:
    """What waits for a client is bounded: the upstream is not read on meanwhile; all of it arrives in the end."""
    flood = Flood(served.spine)
    client = slow_reader(served.port)
    assert 0 < await flood.stalled() < MAX_UNREAD_BYTES + 8_000_000  # the system's buffers come on top
    loop = asyncio.get_running_loop()
    last = b""
    while not last.endswith(b"0\r\n\r\n"):
        last = (last + await loop.sock_recv(client, 1 << 20))[-20:]
    assert flood.made == 3000
    client.close()


async def test_a_reader_that_takes_nothing_is_dropped(
    serving: Callable[..., Any], ledger: SqliteLedger, caplog: pytest.LogCaptureFixture
) -> None:
    """After `serve.write_timeout_s` the connection is cut and the upstream cancelled."""
    async with serving(write_timeout_s=0.3) as served:
        flood = Flood(served.spine)
        with caplog.at_level(logging.INFO, "assay.gateway"):
            client = slow_reader(served.port)
            await asyncio.wait_for(flood.stopped.wait(), 5)
        client.close()
    assert flood.made < 3000
    await ledger.touch()  # what was written before is there now
    assert (await ledger.attempts(limit=1))[0]["outcome"] == "cancelled"
    assert "took nothing" in caplog.text


def test_readers_share_what_may_wait_for_all() -> None:
    """Where many are behind, less may wait for each; when they have caught up, as much as before."""

    class Reader:
        limited = 0

        def limit_unread(self) -> None:
            self.limited += 1

    crowd, reader = Crowd(Serve(), 100), Reader()
    crowd.enter(cast(Any, reader))
    for unread, limit in (
        ([ALL_UNREAD_BYTES // 100] * 90, MAX_UNREAD_BYTES),
        ([ALL_UNREAD_BYTES // 100] * 200, ALL_UNREAD_BYTES // 200),
        ([ALL_UNREAD_BYTES // 100] * 200, ALL_UNREAD_BYTES // 200),
        ([ALL_UNREAD_BYTES * 2], MAX_UNREAD_BYTES),
        ([MAX_UNREAD_BYTES] * 100_000, 64 * 1024),
        ([], MAX_UNREAD_BYTES),
    ):
        crowd.share(unread)
        assert crowd.unread_limit_bytes == limit
    assert reader.limited == 4


# ---------------------------------------------------------------------------------------------- many


async def test_idle_connections_make_room(serving: Callable[..., Any]) -> None:
    """At the limit the longest idle connection is closed for the next client."""
    async with serving(max_connections=20) as served:
        crowd = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(60)]
        assert (await served.ask("x"))[0] == 200
        assert await asyncio.wait_for(crowd[0][0].read(), 2) == b""
        for _, writer in crowd:
            writer.close()


async def test_too_many_busy_connections_are_503(serving: Callable[..., Any]) -> None:
    """Where none is idle, a further client is told so; when one is done there is room again."""
    body = json.dumps({"model": "small", "messages": [{"role": "user", "content": "wait"}]}).encode()
    async with serving(max_connections=16) as served:
        busy = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(16)]
        for _, writer in busy:
            writer.write(request(body))
        await asyncio.sleep(0.1)
        async with connected(served) as wire:
            await wire.send(request())
            answer = await wire.rest()
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert "serve.max_connections" in told(answer)
        for _, writer in busy:
            writer.close()
        await asyncio.sleep(0.1)
        assert (await served.ask("x"))[0] == 200


async def test_many_idle_and_slow_clients_harm_nobody(served: Served) -> None:
    """300 idle connections, 30 slow senders, 30 slow readers: everybody else is answered, and right."""
    crowd = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(330)]
    for _, writer in crowd[300:]:
        writer.write(request()[:40])
    slow = [slow_reader(served.port) for _ in range(30)]
    answers = await asyncio.gather(*(served.ask(f"number {n}") for n in range(40)))
    for n, (status, _, body) in enumerate(answers):
        assert (status, body["choices"][0]["message"]["content"]) == (200, f"small says number {n}")
    for _, writer in crowd:
        writer.close()
    for client in slow:
        client.close()


def test_the_limit_on_open_files_bounds_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is raised as far as it may be; half of it is for clients."""
    import resource

    limits = [(256, 4256)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.append(wanted))
    assert server._most_connections(1000) == 1000
    assert limits[-1] == (2256, 4256)
    assert server._most_connections(10_000) == 2000
    assert limits[-1] == (4256, 4256)


# ---------------------------------------------------------------------------------------------- stop


async def test_a_gateway_that_drains_is_not_ready_and_serves_on(make_spine: Callable[..., Spine]) -> None:
    """From the signal on `/readyz` says 503, so that no new clients are sent here; those that come are served."""
    import os
    import signal

    spine = make_spine('[deployments.m]\nmodel = "x/m"\ndialect = "scripted"\nscript = "m.json"\n', {"m.json": {}})
    serve = Serve(port=0, drain_s=0.5)
    listener = server.listen(serve)
    port = listener.getsockname()[1]
    gateway = Gateway(spine, serve)
    work = asyncio.create_task(server.run(gateway, listener))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    wire = Wire(reader, writer)
    await wire.send(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await wire.answer())[0] == 200
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    await wire.send(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
    status, body = await wire.answer()
    assert (status, json.loads(body)["reasons"]) == (503, ["it is stopping"])
    await wire.send(b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (await wire.answer())[0] == 200
    await asyncio.wait_for(work, 5)
    writer.close()
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "slow"}]}),
        ("/v1/messages", {"max_tokens": 9, "messages": [{"role": "user", "content": "slow"}]}),
        ("/v1/responses", {"input": "slow"}),
        ("/v1/completions", {"prompt": "slow"}),
    ],
)
async def test_a_stream_that_outlasts_the_stop_ends_with_an_error(
    serving: Callable[..., Any], ledger: SqliteLedger, path: str, more: dict[str, Any]
) -> None:
    """The last event says that the gateway stops, in the client's format, and the attempt is settled."""
    async with serving(grace_s=0.05) as served:
        _, writer = pair = await asyncio.open_connection("127.0.0.1", served.port)
        wire = Wire(*pair)
        await wire.send(request(json.dumps({"model": "small", "stream": True, **more}).encode(), path=path))
        await wire.reader.readuntil(b"one")
    rest = await wire.rest()
    writer.close()
    assert rest.endswith(b"0\r\n\r\n")
    last = rest.rpartition(b"data: ")[2].partition(b"\n")[0]
    assert "the gateway is stopping" in json.dumps(json.loads(last))
    await ledger.touch()  # what was written before is there now
    assert (await ledger.attempts(limit=1))[0]["outcome"] == "cancelled"


async def test_idle_connections_do_not_delay_a_stop(serving: Callable[..., Any]) -> None:
    """Only requests in flight are waited for."""
    async with serving(grace_s=5) as served:
        pairs = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(20)]
        assert (await served.ask("x"))[0] == 200
        started = time.monotonic()
    assert time.monotonic() - started < 2
    for _, writer in pairs:
        writer.close()


async def test_a_connection_that_is_gone_leaves_nothing_behind(served: Served) -> None:
    """All of it is free as soon as its client and its requests are gone: cycles are looked for rarely."""
    gc.collect()
    gc.disable()
    try:
        for data in (request(), request() * 3, b"GET / HTTP/1.1\r\nhost: x\r\n", b"no http\r\n\r\n"):
            async with connected(served) as wire:
                await wire.send(data)
                await asyncio.sleep(0)
        crowd = served.gateway.crowd
        await served.ask("x")  # who comes last is let in last
        async with asyncio.timeout(5):
            await crowd.gone.wait()
            await asyncio.gather(*crowd.tasks)
            await asyncio.sleep(0)
        assert not [one for one in gc.get_objects() if isinstance(one, Connection | Cycle)]
    finally:
        gc.enable()
