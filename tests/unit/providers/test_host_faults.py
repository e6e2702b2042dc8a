"""Every fault of a host, at each stage: which error it is, whether to try again, what was sent and how long to wait."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from assay.config.schema import Deployment
from assay.dialects.anthropic import Anthropic
from assay.dialects.openai_chat import OpenAIChat
from assay.errors import (
    AuthFailed,
    BadRequest,
    ConnectionFailed,
    MalformedReply,
    Overloaded,
    ProviderError,
    ProviderFault,
    RateLimited,
    Timeout,
)
from assay.providers.aiohttp_transport import AiohttpTransport
from assay.providers.http import HttpProvider
from assay.providers.http1.client import Http1Transport
from assay.providers.http_call import MAX_REPLY_BYTES
from assay.providers.provider import Attempted, Meter
from assay.providers.transport import Transport
from assay.types import Event, Failed, Finished, Message, Native, Request, TextDelta
from faults import Answer, FaultyHost, busy, event

IDLE_S = 0.1


def chunk(**more: Any) -> bytes:
    """One event of a streamed chat completion."""
    body = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", **more}
    return event(json.dumps(body))


def choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """The choices of such an event."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


EVENTS = [
    chunk(**choice({"role": "assistant", "content": "one"})),
    chunk(**choice({"content": " two"})),
    chunk(**choice({}, "stop")),
    event("[DONE]"),
]
WHOLE = (
    b'{"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, '
    b'"message": {"role": "assistant", "content": "one two"}, "finish_reason": "stop"}]}'
)
JSON, STREAM = Answer(body=WHOLE), Answer(events=EVENTS)


class Outcome(NamedTuple):
    """What became of one attempt."""

    events: list[Event]
    error: ProviderError | None
    meter: Meter
    took_s: float

    @property
    def text(self) -> str:
        """The text that came."""
        return "".join(one.text for one in self.events if isinstance(one, TextDelta))


@pytest.fixture(params=[Http1Transport, AiohttpTransport])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Each of the transports, closed at the end."""
    made = request.param()
    yield made
    await made.close()


async def attempt(transport: Transport, url: str, *, stream: bool = True, text: str = "hi", **keys: Any) -> Outcome:
    """One attempt of a provider at a host."""
    keys = {"idle_timeout_s": IDLE_S, "connect_timeout_s": 0.5, **keys}
    deployment = Deployment(model="acme/big", dialect="openai", **keys)
    provider = HttpProvider(deployment, OpenAIChat(), transport, url, "big")
    meter, events, error = Meter(), [], None
    started = time.monotonic()
    try:
        request = Request(messages=(Message.of("user", text),), stream=stream)
        async for one in provider.stream(Attempted(request=request, stream=stream), meter):
            events.append(one)
    except ProviderError as raised:
        error = raised
    return Outcome(events, error, meter, time.monotonic() - started)


def answers(streamed: bool) -> dict[str, Any]:
    """The parts of a good answer, to be spoilt."""
    return {"events": EVENTS} if streamed else {"body": WHOLE}


@pytest.mark.parametrize("answer", [JSON, STREAM], ids=["json", "stream"])
@pytest.mark.parametrize("piece_bytes", [None, 1, 3])
@pytest.mark.parametrize("encoding", [None, "gzip"])
async def test_good_answers(transport: Transport, answer: Answer, piece_bytes: int | None, encoding: Any) -> None:
    """Whole or in single bytes, packed or not: the same answer."""
    async with FaultyHost(replace(answer, piece_bytes=piece_bytes, encoding=encoding)) as host:
        outcome = await attempt(transport, host.url, stream=answer is STREAM)
        assert outcome.error is None
        assert outcome.text == "one two"
        assert outcome.meter.sent_bytes == len(host.received[0].body)
        assert any(isinstance(one, Finished) for one in outcome.events)


async def test_crlf_and_lf(transport: Transport) -> None:
    """Events end with a line feed or with both, within one stream."""
    mixed = [one.replace(b"\n", b"\r\n") if number % 2 else one for number, one in enumerate(EVENTS)]
    async with FaultyHost(Answer(events=mixed, piece_bytes=1)) as host:
        outcome = await attempt(transport, host.url)
        assert (outcome.text, outcome.error) == ("one two", None)


async def test_refused(transport: Transport) -> None:
    """Where nobody listens nothing was sent, and a try may help."""
    async with FaultyHost(connects="refuses") as host:
        outcome = await attempt(transport, host.url)
        assert type(outcome.error) is ConnectionFailed
        assert outcome.error.retryable
        assert (outcome.meter.sent_bytes, outcome.meter.received_bytes) == (0, 0)


async def test_a_connection_that_does_not_come(transport: Transport) -> None:
    """A host that takes no connection is given up in time, with nothing sent."""
    async with FaultyHost(connects="hangs") as host:
        outcome = await attempt(transport, host.url, connect_timeout_s=0.1)
        assert type(outcome.error) is Timeout
        assert outcome.meter.sent_bytes == 0
        assert outcome.took_s < 1.0


@pytest.mark.parametrize("streamed", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("how", ["reset", "close", "hang"])
@pytest.mark.parametrize("stop", ["accept", "request", "status", "head", 1, 2, "end"])
async def test_each_stage(transport: Transport, stop: Any, how: Any, streamed: bool) -> None:
    """Reset, end or silence at each stage is a failed connection or a timeout: never a shorter answer."""
    async with FaultyHost(Answer(stop=stop, how=how, **answers(streamed))) as host:
        outcome = await attempt(transport, host.url, stream=streamed)
        error = outcome.error
        assert type(error) is (Timeout if how == "hang" else ConnectionFailed)
        assert error.retryable is (how != "hang")
        assert error.retry_after_s is None
        if how == "hang":
            assert IDLE_S * 0.9 < outcome.took_s < IDLE_S + 1.0
        if stop != "accept":
            assert outcome.meter.sent_bytes == len(host.received[0].body)
            await host.gone(0)
        # of a stream whose last event came, the answer is whole; its end is still missed
        came = {1: "one", 2: "one two", "end": "one two"} if streamed else {}
        assert outcome.text == came.get(stop, "")


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_truncated_stream(transport: Transport, count: int, framing: Any) -> None:
    """A stream that ends in order, but before its end marker, is told as cut, however it is framed."""
    async with FaultyHost(Answer(events=EVENTS[:count], framing=framing)) as host:
        outcome = await attempt(transport, host.url)
        assert type(outcome.error) is MalformedReply
        assert not any(isinstance(one, Finished) for one in outcome.events)


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, BadRequest, False),
        (401, AuthFailed, False),
        (404, BadRequest, False),
        (408, Timeout, False),
        (422, BadRequest, False),
        (429, RateLimited, True),
        (500, ProviderFault, True),
        (503, Overloaded, True),
        (529, Overloaded, True),
        (302, MalformedReply, False),
    ],
)
async def test_statuses(transport: Transport, status: int, kind: type[ProviderError], retryable: bool) -> None:
    """A status has its error, with the host's words."""
    answer = Answer(status=status, body=b'{"error": {"message": "because"}}', headers={"x-request-id": "r-1"})
    async with FaultyHost(answer) as host:
        outcome = await attempt(transport, host.url)
        assert type(outcome.error) is kind
        assert (outcome.error.status, outcome.error.retryable) == (status, retryable)
        assert status < 400 or "because" in str(outcome.error)
        assert outcome.meter.request_id == "r-1"


@pytest.mark.parametrize(
    ("answer", "least_s", "most_s"),
    [
        (lambda: busy(2.5), 2.5, 2.5),
        (lambda: busy(ms=50), 0.05, 0.05),
        (lambda: busy(date_in_s=3), 1.5, 3.0),
        (lambda: busy(date_in_s=-10), 0, 0),
        (lambda: busy(), None, None),
    ],
    ids=["seconds", "ms", "date", "past", "none"],
)
async def test_retry_after(transport: Transport, answer: Any, least_s: float | None, most_s: float) -> None:
    """A host that is busy says how long to wait: in seconds, in milliseconds or as a date."""
    async with FaultyHost(answer()) as host:
        error = (await attempt(transport, host.url)).error
        assert type(error) is RateLimited
        if least_s is None:
            assert error.retry_after_s is None
        else:
            assert error.retry_after_s is not None
            assert least_s <= error.retry_after_s <= most_s


@pytest.mark.parametrize("how", ["reset", "hang"])
async def test_an_error_whose_body_breaks(transport: Transport, how: Any) -> None:
    """A status that came is that error, with its pause, though the body broke off."""
    broken = Answer(status=429, headers={"retry-after": "7"}, body=b'{"error": ' + b" " * 100, stop=20, how=how)
    async with FaultyHost(broken) as host:
        error = (await attempt(transport, host.url)).error
        assert type(error) is RateLimited
        assert error.retry_after_s == 7


@pytest.mark.parametrize("body", [b"", b'{"choices": [', b"<html>busy</html>", b"\xff\xfe", b"[]"])
async def test_malformed_json(transport: Transport, body: bytes) -> None:
    """A body that is no answer is a malformed reply."""
    async with FaultyHost(Answer(body=body)) as host:
        error = (await attempt(transport, host.url, stream=False)).error
        assert type(error) is MalformedReply
        assert error.retryable


async def test_an_error_inside_a_stream(transport: Transport) -> None:
    """An error event inside a 200 stream ends it as failed, with the host's words."""
    bad = event('{"error": {"message": "lost a worker", "type": "server_error", "code": 500}}')
    async with FaultyHost(Answer(events=[EVENTS[0], bad])) as host:
        outcome = await attempt(transport, host.url)
        [failed] = [one for one in outcome.events if isinstance(one, Failed)]
        assert "lost a worker" in failed.message
        assert outcome.text == "one"
        assert not any(isinstance(one, Finished) for one in outcome.events)


async def test_100_mb(transport: Transport) -> None:
    """A whole answer of 100 MB is given up at the limit and not asked for again."""
    async with FaultyHost(Answer(body=WHOLE, padding_bytes=100_000_000)) as host:
        outcome = await attempt(transport, host.url, stream=False, idle_timeout_s=5.0)
        assert type(outcome.error) is MalformedReply
        assert str(MAX_REPLY_BYTES) in str(outcome.error)
        assert not outcome.error.retryable


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx : y\r\n\r\n",
        b"HTTP/1.1 200 OK\nx: y\n\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000 + b"\r\n",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    ],
    ids=["both", "two lengths", "sign", "coding", "blank", "line feeds", "flood", "HTTP/2"],
)
async def test_wrong_framing(raw: bytes) -> None:
    """What two readers could read in two ways is refused by the default transport, and its connection is not kept."""
    transport = Http1Transport()
    async with FaultyHost(Answer(raw=raw)) as host:
        outcome = await attempt(transport, host.url, stream=False)
        assert type(outcome.error) is MalformedReply
        await host.gone(0)
    await transport.close()


async def test_a_packed_answer_that_ends_early() -> None:
    """A packed body that is framed well but lacks its end is told, whatever came of it."""
    transport = Http1Transport()
    cut = Answer(body=gzip.compress(WHOLE)[:-4], headers={"content-encoding": "gzip"})
    async with FaultyHost(cut) as host:
        outcome = await attempt(transport, host.url, stream=False)
        assert type(outcome.error) is MalformedReply
        assert "middle" in str(outcome.error)
    await transport.close()


async def test_a_packing_that_nobody_asked_for() -> None:
    """One that cannot be read is named, and the same call would fail again."""
    transport = Http1Transport()
    async with FaultyHost(Answer(body=b"x", headers={"content-encoding": "br"})) as host:
        outcome = await attempt(transport, host.url, stream=False)
        assert type(outcome.error) is MalformedReply
        assert "'br'" in str(outcome.error)
        assert not outcome.error.retryable
    await transport.close()


async def test_user_and_password(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of base_url are sent; beside a key they are an error that shows neither, and nothing is sent."""
    monkeypatch.setenv("UP_KEY", "k-1")
    async with FaultyHost(STREAM) as host:
        url = host.url.replace("http://", "http://me:secret@")
        assert (await attempt(transport, url)).error is None
        assert host.received[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
        outcome = await attempt(transport, url, api_key_env="UP_KEY")
        assert type(outcome.error) is AuthFailed
        assert "secret" not in str(outcome.error)
        assert "k-1" not in str(outcome.error)
        assert (len(host.received), outcome.meter.sent_bytes) == (1, 0)


async def test_fields_of_clients(transport: Transport) -> None:
    """Each request has the header fields of its own client, however many clients there were before."""
    raw = b'{"model": "big", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}'
    deployment = Deployment(model="acme/big", dialect="anthropic", idle_timeout_s=IDLE_S)
    request = Request(messages=(Message.of("user", "hi"),))
    wanted = [*(f"beta-{number % 80}" for number in range(100)), None]
    async with FaultyHost(JSON) as host:
        provider = HttpProvider(deployment, Anthropic(), transport, host.url, "big")
        for beta in wanted:
            headers = {"anthropic-beta": beta} if beta is not None else {}
            meter, native = Meter(), Native(dialect="anthropic", raw=raw, headers=headers)
            call = provider.call_of(Attempted(request=request, raw=native, stream=False), meter)
            try:
                await call.begin()
                assert await call.whole() == JSON.body
            finally:
                await call.end()
            assert meter.sent_bytes == len(raw)
        assert [one.headers.get("anthropic-beta") for one in host.received] == wanted
        assert host.connections == 1


async def test_nothing_is_left(transport: Transport) -> None:
    """After faults of all kinds no task is left, and the next answer is a good one."""
    before = asyncio.all_tasks()
    stops = ["accept", "request", "status", "head", 1, "end"]
    script = [Answer(stop=stop, how="reset", events=EVENTS) for stop in stops]  # type: ignore[arg-type]
    async with FaultyHost(*script, STREAM) as host:
        for _ in script:
            assert (await attempt(transport, host.url)).error is not None
        assert (await attempt(transport, host.url)).text == "one two"
        await transport.close()
    assert asyncio.all_tasks() == before
