"""One attempt over HTTP: its answer as bytes, or as the events that they say."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from functools import lru_cache

import msgspec

from assay.dialects.dialect import Outbound
from assay.dialects.event_borders import Borders, apart
from assay.errors import ConnectionFailed, MalformedReply, ProviderError, Timeout
from assay.providers.provider import Attempted, Meter
from assay.providers.transport import MAX_ERROR_BYTES, Later, Reply, Take
from assay.types import Event, Failed, Raw

__all__ = ["MAX_REPLY_BYTES", "HttpCall", "refusal", "without"]

MAX_REPLY_BYTES = 64 * 1024 * 1024
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


class HttpCall:
    """One request that is sent, and its answer. `begin` first; whatever comes of it, `end` last.

    Args:
        asked: the round trip.
        dialect: what the host speaks.
        attempt: what is asked.
        meter: what is measured on the way.
        secrets: our own, which some hosts repeat; they are taken out of what the host says.

    Attributes:
        streams: whether the answer is a stream; known when it has begun.
    """

    def __init__(
        self,
        asked: AbstractAsyncContextManager[Reply],
        dialect: Outbound,
        attempt: Attempted,
        meter: Meter,
        secrets: tuple[bytes, ...],
    ) -> None:
        self.streams = False
        self._asked = asked
        self._dialect = dialect
        self._attempt = attempt
        self._meter = meter
        self._secrets = secrets
        self._reply: Reply | None = None
        self._borders = Borders()

    async def begin(self) -> None:
        """Send the request, and wait for the head of its answer.

        Raises:
            ProviderError: there is none, or one with a status of 300 or more.
        """
        reply = self._reply = await self._asked.__aenter__()
        headers = reply.headers
        for name in _REQUEST_ID_HEADERS:
            if name in headers:
                self._meter.request_id = headers[name]
                break
        if reply.status >= 300:
            raise await refusal(self._dialect, reply, self._secrets)
        self.streams = _is_stream(reply)

    async def end(self) -> None:
        """Let go of the connection; an answer that has not ended is cancelled."""
        if self._reply is not None:
            await self._asked.__aexit__(None, None, None)

    @property
    def passes(self) -> bool:
        """Whether the answer has the form that the client asked for, so that its bytes may pass."""
        return self._attempt.raw is not None and self.streams == self._attempt.stream

    async def whole(self) -> bytes:
        """The body of an answer that is no stream.

        Raises:
            ProviderError: it does not come whole, or is too large.
        """
        reply = self._begun
        body = reply.at_once if reply.at_once is not None else await reply.read(MAX_REPLY_BYTES)
        if self._secrets:
            body = without(self._secrets, body)
        self._meter.receive(body)
        return body

    async def piece(self) -> bytes:
        """The whole events of a stream that came next; empty at its end. What the end cuts off comes last.

        Raises:
            ProviderError: the stream broke, or is too large.
        """
        reply = self._begun
        while chunk := await reply.piece():
            if events := self._completed(chunk):
                return events
        return self._rest()

    async def pour(self, take: Take) -> None:
        """Give the whole events of a stream to `take`, as soon as they come. What the end cuts off comes last.

        Raises:
            ProviderError: the stream broke, or is too large.
        """

        def taken(chunk: bytes) -> Later | None:
            events = self._completed(chunk)
            return take(events) if events else None

        await self._begun.pour(taken)
        if (rest := self._rest()) and (late := take(rest)) is not None:
            await late()

    def _completed(self, chunk: bytes) -> bytes:
        """The whole events that a chunk completes, perhaps none."""
        self._receive(chunk)
        events = self._borders.feed(chunk)
        return without(self._secrets, events) if events and self._secrets else events

    def _rest(self) -> bytes:
        """What the end of the stream has cut off."""
        rest, self._borders = self._borders.rest(), Borders()
        return without(self._secrets, rest)

    def _receive(self, chunk: bytes) -> None:
        self._meter.receive(chunk)
        if self._meter.received_bytes > MAX_REPLY_BYTES:
            raise _too_large(MAX_REPLY_BYTES)

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as events, each after the bytes that said it where these may pass.

        Raises:
            ProviderError: it broke off, or cannot be read.
        """
        if not self.streams:
            body = await self.whole()
            events = self._dialect.read_response(body)
            for event in [Raw(data=body), *events] if self.passes else events:
                yield event
            return
        async with aclosing(self._passing() if self.passes else self._decoded()) as streamed:
            async for event in streamed:
                yield event

    async def _passing(self) -> AsyncGenerator[Event, None]:
        """Event by event.

        A client that is given raw bytes must not be left in the middle of an event when its stream is cut, and must
        not have an error, or what cannot be read, with the text before it, for that text may yet be continued.
        """
        decoder = self._dialect.decoder()
        while piece := await self.piece():
            for said in apart(piece):
                events = decoder.feed(said)  # first: what cannot be read is not for the client
                yield Raw(data=said)
                for event in events:
                    yield self._told(event)
        for event in decoder.close():
            yield event

    async def _decoded(self) -> AsyncGenerator[Event, None]:
        decoder = self._dialect.decoder()
        while chunk := await self._chunk():
            for event in decoder.feed(chunk):
                yield self._told(event)
        for event in decoder.close():
            yield event

    def _told(self, event: Event) -> Event:
        if not isinstance(event, Failed):
            return event
        return msgspec.json.decode(without(self._secrets, msgspec.json.encode(event)), type=Failed)

    async def _chunk(self) -> bytes:
        """What came next of the body, up to a bound; empty at its end."""
        chunk = await self._begun.piece()
        self._receive(chunk)
        return chunk

    @property
    def _begun(self) -> Reply:
        if self._reply is None:
            raise ConnectionFailed("the answer is read before its request was sent")
        return self._reply


async def refusal(dialect: Outbound, reply: Reply, secrets: tuple[bytes, ...]) -> ProviderError:
    """What an answer with a status of 300 or more means."""
    if reply.status >= 400:
        return dialect.read_error(reply.status, reply.headers, without(secrets, await _error_body(reply)))
    error = MalformedReply(f"the host answered with a redirect ({reply.status}); correct base_url", status=reply.status)
    error.retryable = False  # it would answer so again
    return error


def without(secrets: tuple[bytes, ...], said: bytes) -> bytes:
    """What a host said without our secrets, which some repeat: its words go to clients and into the ledger."""
    for secret in secrets:
        if secret in said:
            said = said.replace(secret, b"[secret]")
    return said


def _too_large(limit_bytes: int) -> MalformedReply:
    error = MalformedReply(f"the answer is larger than {limit_bytes} bytes")
    error.retryable = False  # asking again would not make it smaller
    return error


async def _error_body(reply: Reply) -> bytes:
    """What comes of an error's body. Where it breaks off, the status has said what matters: it is no other error."""
    body = bytearray()
    with suppress(ConnectionFailed, Timeout, MalformedReply):
        async with aclosing(reply.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= MAX_ERROR_BYTES:
                    break
    return bytes(body[:MAX_ERROR_BYTES])


def _is_stream(reply: Reply) -> bool:
    return _names_stream(reply.headers.get("content-type", ""))


@lru_cache(maxsize=128)  # hosts have few
def _names_stream(content_type: str) -> bool:
    return content_type.split(";")[0].strip().lower() == "text/event-stream"
