"""Heads that are known: whoever sends them is understood as by the parser, whatever the bytes and their borders."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, cast
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from assay.config.schema import Serve
from assay.gateway import heads
from assay.gateway.connection import Connection
from assay.gateway.crowd import Crowd
from assay.gateway.cycle import Cycle, Disconnected
from assay.gateway.heads import Head, Heads, Shape

Served = Any  # of this folder's conftest
FIELDS = (b"Host: x", b"User-Agent: OpenAI/Python 2.40.0", b"Authorization: Bearer sk-a", b"Content-Type: text/json")


def request(
    body: bytes = b"{}", *fields: bytes, length: bytes | None = None, line: bytes = b"POST /v1/x HTTP/1.1"
) -> bytes:
    """A request whose head can be known, unless it is told otherwise."""
    told = b"%d" % len(body) if length is None else length
    return b"\r\n".join([line, *FIELDS, b"Content-Length: " + told, *fields, b"", b""]) + body


class Unknown(Heads):
    """Knows none: all is parsed."""

    def look(self, data: bytes) -> tuple[Head | None, Shape, bytes, int]:
        """Nothing new."""
        return None, *super().look(data)[1:]


class Transport:
    """What a connection writes to, as far as it needs one."""

    def __init__(self) -> None:
        self.written, self.ended = b"", ""
        self.close = partial(self._end, "closed")
        self.abort = partial(self._end, "aborted")

    def write(self, data: bytes) -> None:
        """To the client."""
        self.written += data

    def is_closing(self) -> bool:
        """Whether nothing more comes from the client."""
        return bool(self.ended)

    def get_write_buffer_size(self) -> int:
        """It takes all at once."""
        return 0

    def _end(self, how: str) -> None:
        self.ended = self.ended or how

    def __getattr__(self, _: str) -> Any:
        return Mock()


class Server:
    """Connections whose requests are answered with what was understood of them."""

    def __init__(self, known: Heads) -> None:
        self.crowd = Crowd(Serve(), 10)
        self.crowd.heads = known
        self.crowd.server_lines = b""

    async def answer(self, cycle: Cycle) -> None:
        """One request; `/v1/early` is answered before its body has come, and `/v1/late` long after."""
        head, body = cycle.head, b""
        if head.resource.path == "/late":
            await asyncio.sleep(0)
        try:
            while head.resource.path != "/early":
                complete = cycle.has_body
                body += await cycle.take()
                if complete:
                    break
        except Disconnected:
            return
        said = (head.method, head.resource, sorted(head.headers.items()), cycle.length, body)
        cycle.answer(401 if head.resource.path == "/refused" else 200, b"", repr(said).encode())

    async def talk(self, pieces: Sequence[bytes], turns: int) -> tuple[Any, ...]:
        """What one connection does with pieces, each of which the loop has some turns after."""
        transport = Transport()
        connection = Connection(self.answer, self.crowd)
        connection.connection_made(cast(asyncio.Transport, transport))
        stages = []
        for piece in pieces:
            if transport.ended:
                break
            connection.data_received(piece)
            for _ in range(turns):
                await asyncio.sleep(0)
            stages.append((connection.stage, connection in self.crowd.idle, connection._deadline is None))
        for _ in range(20):
            await asyncio.sleep(0)
        stages.append((connection.stage, connection in self.crowd.idle, connection._deadline is None))
        connection.check(time.monotonic() + 1e6)  # every deadline is over: who owes something is told so
        told = transport.written, transport.ended, stages
        connection.connection_lost(None)
        for task in self.crowd.tasks:
            task.cancel()
        await asyncio.gather(*self.crowd.tasks, return_exceptions=True)
        return told


def cut(data: bytes, borders: Sequence[int]) -> list[bytes]:
    """Bytes in pieces."""
    at = sorted({0, len(data), *(border % (len(data) + 1) for border in borders)})
    return [data[start:stop] for start, stop in pairwise(at)]


async def understood(known: Heads, pieces: Sequence[bytes], turns: int = 3) -> tuple[Any, ...]:
    """What becomes of pieces where heads are known, once it has been compared with what the parser makes of them."""
    with_heads = await Server(known).talk(pieces, turns)
    assert with_heads == await Server(Unknown()).talk(pieces, turns)
    return with_heads


async def knowing(*data: bytes) -> Heads:
    """Heads of which some are known."""
    known = Heads()
    for one in data:
        before = len(known)
        await understood(known, [one, one])
        assert len(known) == before + 1
    return known


BODIES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"", b"{}", b"\r\n\r\n", b"\r\n", request(), b"0\r\n\r\n", b"x" * 70_000, b"Content-Length: 5\r\n\r\n"]
    ),
)
MORE = st.lists(
    st.sampled_from([
        b"x-length: 5", b"X-Strength: 5", b"content-length: 2", b"Content-Length: 7", b"transfer-encoding: chunked",
        b"Expect: 100-continue", b"connection: close", b"Connection: keep-alive", b"upgrade: h2c", b"x:y", b"x: y ",
        b"connection: upgrade", b"x-empty: ", b"x-empty:", b"x:  y", b"x : y", b"Cookie: a", b" folded",
        b"content-length : 2", b"content-length:2", b"x: a\nb: c", b"x: a\rb", b"x: \x80\xff", b"x: \x00",
    ]),
    max_size=2,
)  # fmt: skip
LENGTHS = st.sampled_from([
    None, None, None, None, b"0", b"2", b"02", b"00000000000000000002", b"2 ", b" 2", b"+2", b"-1", b"2_0", b"0x2",
    b"2\r\nContent-Length: 2", b"99999999", b"999999999999999", b"99999999999999999999999", b"", b"2,2", b"\xc2\xb2",
])  # fmt: skip
LINES = st.sampled_from([
    b"POST /v1/x HTTP/1.1", b"POST /v1/x HTTP/1.1", b"POST /v1/x HTTP/1.1", b"POST /v1/early HTTP/1.1",
    b"POST /v1/late HTTP/1.1", b"post /v1/x HTTP/1.1", b"POST /v1/x HTTP/1.0", b"GET / HTTP/1.1", b"HEAD / HTTP/1.1",
    b"POST  /v1/x HTTP/1.1", b"\r\nPOST /v1/x HTTP/1.1", b"CONNECT x:1 HTTP/1.1", b"POST /ength: 5 HTTP/1.1",
    b"POST /v1/x HTTP/1.1\r\nX-Length: 2", b"POST /v1/x HTTP/1.1\r\nX-Content-Length: 2",
])  # fmt: skip
REQUESTS = st.one_of(
    st.builds(
        lambda body, more, length, line: request(body, *more, length=length, line=line), BODIES, MORE, LENGTHS, LINES
    ),
    st.just(request()),
    st.sampled_from([b"\r\n", b"\r", b"\n", b"garbage\r\n\r\n", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"]),
    st.just(b"POST /v1/x HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n\r\n"),
)
KNOWN = [
    request(),
    request(line=b"POST /v1/early HTTP/1.1"),
    request(b"{}", b"Connection: keep-alive", b"X-Stainless-Lang: python"),
    b"POST /v1/late HTTP/1.1\r\ncontent-length: 2\r\nhost: y\r\n\r\n{}",
    b"POST /v1/x HTTP/1.1\r\nhost: y\r\ncontent-length: 2\r\n\r\n{}",
]


@given(
    st.lists(REQUESTS, min_size=1, max_size=5),
    st.lists(st.integers(0, 3000), max_size=6),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 255)), max_size=2),
    st.integers(0, 4),
)
@example([request(), request(b"abc"), request()], [], True, [], 5)
@example([request(b"x" * 20), request(), request()], [len(request()) + 5, len(request()) + 30], False, [], 0)
def test_known_heads_are_understood_as_the_parser_does(
    requests: list[bytes], borders: list[int], by_request: bool, flips: list[tuple[int, int]], turns: int
) -> None:
    """Right and wrong requests, one behind the other, cut anywhere, with bytes changed: the answers are the same."""

    async def check() -> None:
        known = await knowing(*KNOWN)
        pieces = [bytearray(piece) for one in requests for piece in cut(one, borders)] if by_request else []
        pieces = pieces or [bytearray(piece) for piece in cut(b"".join(requests), borders)]
        for place, value in flips:
            piece = pieces[place % len(pieces)]
            piece[place % len(piece)] = value
        sent = [bytes(piece) for piece in pieces]
        await understood(known, sent, turns)
        await understood(known, [*sent, *sent], turns)  # what is known by now was learnt from this

    asyncio.run(check())


@pytest.mark.parametrize(
    "fields",
    [
        (b"connection: close",),
        (b"expect: 100-continue",),
        (b"connection: upgrade", b"upgrade: h2c"),
        (b"x:y",),
        (b"x:  y",),
        (b"x: " + b"y" * 5000,),
    ],
)
async def test_what_says_more_than_a_length_is_never_known(fields: tuple[bytes, ...]) -> None:
    """What decides where a request ends, or can be written in two ways, is for the parser each time."""
    known = Heads()
    for _ in range(3):
        await understood(known, [request(b"{}", *fields)] * 2)
    assert len(known) == 0


async def test_only_the_length_of_the_body_may_differ() -> None:
    """Another field whose name ends alike is not taken for it."""
    for name in (b"X-Length", b"X-Content-Length", b"Strength"):
        known = Heads()
        lines = [b"POST /v1/x HTTP/1.1\r\n%b: %d" % (name, number) for number in (2, 2, 2, 1, 0, 9)]
        written, _, stages = await understood(known, [request(b"{}", line=line) for line in lines])
        assert (written.count(b"HTTP/1.1 200"), stages[-1][0], len(known)) == (6, "idle", 0)


async def test_a_head_is_known_when_it_has_come_before() -> None:
    """On whichever connection. Who sends another one each time, with an id of each request say, has none kept."""
    known = Heads()
    await understood(known, [request(b"{}", b"traceparent: %d" % number) for number in range(9)])
    assert len(known) == 0
    for number in range(3):
        await understood(known, [request(b"a" * number)])
        assert len(known) == min(number, 1)


async def test_the_head_of_a_request_that_was_refused_is_not_kept() -> None:
    """It may hold another service's key, or come from somebody who wants others to be forgotten."""
    known = Heads()
    await understood(known, [request(line=b"POST /v1/refused HTTP/1.1")] * 9)
    assert len(known) == 0


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most, all is forgotten, and learnt again."""
    monkeypatch.setattr(heads, "_MOST", 3)
    known = Heads()
    for number in range(20):
        await understood(known, [request(b"{}", b"x: %d" % number)] * 3)
        assert 1 <= len(known) <= 3


async def test_a_body_in_pieces_and_what_follows_it() -> None:
    """The digits say where the body ends; the parser, which saw none of it, reads what comes behind it."""
    known = await knowing(request())
    other = b"GET /y HTTP/1.1\r\nhost: z\r\n\r\n"
    data = request(b"0123456789") + other
    for at in range(len(request()) - 2, len(data)):
        written, ended, stages = await understood(known, [data[:at], data[at:]])
        assert (written.count(b"HTTP/1.1 200"), ended, stages[-1][0]) == (2, "closed", "idle")
        assert b"b'0123456789'" in written


async def test_a_body_that_is_announced_too_large_is_refused_unread(served: Served) -> None:
    """Also behind a head that is known; the rest of it comes all the same, and the connection is used again."""
    data = request(
        b'{"model": "small", "messages": [{"role": "user", "content": "hi"}]}',
        line=b"POST /v1/chat/completions HTTP/1.1",
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)

    async def status() -> bytes:
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
            return head[9:12]

    for _ in range(3):
        writer.write(data)
        assert await status() == b"200"
    assert len(served.gateway.crowd.heads) == 1
    large = served.gateway.serve.max_body_bytes + 1
    writer.write(request(b"", length=b"%d" % large, line=b"POST /v1/chat/completions HTTP/1.1"))
    assert await status() == b"413"
    for _ in range(large // 2**20):
        writer.write(b" " * 2**20)
        await writer.drain()
    writer.write(b" " * (large % 2**20) + data)
    assert await status() == b"200"
    writer.close()
