"""A body that is poured into whoever takes it: each piece once, in order, and none before the last one is done with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from assay.errors import ConnectionFailed, MalformedReply
from assay.providers.aiohttp_transport import AiohttpTransport
from assay.providers.http1.client import Http1Transport
from assay.providers.transport import Later, Take, Transport
from faults import Answer, FaultyHost

BODY = bytes(range(256)) * 40


@pytest.fixture(params=[Http1Transport, AiohttpTransport])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Each of the transports, closed at the end."""
    made = request.param()
    yield made
    await made.close()


async def pour(transport: Transport, host: FaultyHost, take: Take) -> None:
    """Pour the answer to a request."""
    url = host.url + "/chat"
    async with transport.request("POST", url, headers={}, body=b"x", idle_timeout_s=2.0) as answer:
        await answer.pour(take)


async def poured(transport: Transport, host: FaultyHost) -> bytes:
    """The same, for who takes all of it."""
    came = bytearray()
    await pour(transport, host, lambda data: came.extend(data))
    return bytes(came)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=BODY),
        Answer(body=BODY, piece_bytes=700, pause_s=0.001),
        Answer(body=BODY, piece_bytes=700, pause_s=0.001, framing="chunked"),
        Answer(body=BODY, piece_bytes=700, framing="close"),
        Answer(body=BODY, piece_bytes=700, encoding="gzip"),
        Answer(status=204, body=b""),
    ],
)
async def test_all_of_it_comes_once(transport: Transport, answer: Answer) -> None:
    """Whatever its form; and the connection is good for another request where it would be."""
    async with FaultyHost(answer) as host:
        for _ in range(2):
            assert await poured(transport, host) == answer.body


async def test_who_is_busy_gets_nothing_more(transport: Transport) -> None:
    """What a piece takes to be dealt with is waited for; what comes meanwhile is kept."""
    came, busy = bytearray(), 0

    def take(data: bytes) -> Later | None:
        assert not busy
        came.extend(data)
        return deal if len(came) % 3 else None

    async def deal() -> None:
        nonlocal busy
        busy += 1
        await asyncio.sleep(0.003)
        busy -= 1

    async with FaultyHost(Answer(body=BODY, piece_bytes=500, pause_s=0.001)) as host:
        await pour(transport, host, take)
    assert bytes(came) == BODY


async def test_what_it_says_is_heard(transport: Transport) -> None:
    """An error of who takes is raised where he waits, and nothing more is given to him."""
    came: list[bytes] = []

    def take(data: bytes) -> None:
        came.append(data)
        raise MalformedReply("no such thing")

    async with FaultyHost(Answer(body=BODY, piece_bytes=500, pause_s=0.002)) as host:
        with pytest.raises(MalformedReply, match="no such thing"):
            await pour(transport, host, take)
        assert len(came) == 1
        assert len(await poured(transport, host)) == len(BODY)


async def test_a_host_that_falls(transport: Transport) -> None:
    """What came before is given, then it is told."""
    came = bytearray()
    async with FaultyHost(Answer(body=BODY, piece_bytes=500, pause_s=0.001, stop=2000, how="close")) as host:
        with pytest.raises(ConnectionFailed):
            await pour(transport, host, lambda data: came.extend(data))
    assert bytes(came) == BODY[:2000]


@pytest.mark.parametrize("busy", [False, True])
async def test_who_is_cancelled_gets_nothing_more(transport: Transport, busy: bool) -> None:
    """Also what he should have awaited is dropped without a word."""
    came: list[bytes] = []

    def take(data: bytes) -> Later | None:
        came.append(data)
        task.cancel()
        return (lambda: asyncio.sleep(5)) if busy else None

    async with FaultyHost(Answer(body=BODY, piece_bytes=500, pause_s=0.002)) as host:
        task = asyncio.create_task(pour(transport, host, take))
        with pytest.raises(asyncio.CancelledError):
            await task
        had = len(came)
        await asyncio.sleep(0.02)
        assert len(came) == had
