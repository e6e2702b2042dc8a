"""One attempt over HTTP: its answer as bytes, or as the events that they say."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from functools import lru_cache, partial
from operator import methodcaller

import msgspec

from assay.dialects.dialect import Outbound
from assay.dialects.event_borders import Borders, apart
from assay.errors import ConnectionFailed, MalformedReply, ProviderError, Timeout
from assay.providers.provider import Attempted, Meter
from assay.providers.transport import MAX_ERROR_BYTES, Later, Reply, Take
from assay.types import Event, Failed, Raw

__all__ = ["MAX_REPLY_BYTES", "Hide", "HttpCall", "hiding", "refusal"]

MAX_REPLY_BYTES = 64 * 1024 * 1024
Hide = Callable[[bytes], bytes]
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


class HttpCall(msgspec.Struct, eq=False):
    """One request that is sent, and its answer. `begin` first; whatever comes of it, `end` last.

    Attributes:
        asked: the round trip.
        dialect: what the host speaks.
        attempt: what is asked.
        meter: what is measured on the way.
        hide: takes our secrets out of what the host says.
        streams: whether the answer is a stream; known when it has begun.
        passes: whether the answer has the form that the client asked for, so that its bytes may pass; likewise.
        reply: None = it has not begun.
        borders: of a stream whose pieces are asked for.
    """

    asked: AbstractAsyncContextManager[Reply]
    dialect: Outbound
    attempt: Attempted
    meter: Meter
    hide: Hide
    streams: bool = False
    passes: bool = False
    reply: Reply | None = None
    borders: Borders | None = None
    __repr__ = object.__repr__  # the fields hold keys

    async def begin(self) -> None:
        """Send the request, and wait for the head of its answer.

        Raises:
            ProviderError: there is none, or one with a status of 300 or more.
        """
        reply = self.reply = await self.asked.__aenter__()
        headers = reply.headers
        for name in _REQUEST_ID_HEADERS:
            if name in headers:
                self.meter.request_id = headers[name]
                break
        if reply.status >= 300:
            raise await refusal(self.dialect, reply, self.hide)
        self.streams = _names_stream(headers.get("content-type", ""))
        self.passes = self.attempt.raw is not None and self.streams == self.attempt.stream

    async def end(self) -> None:
        """Let go of the connection; an answer that has not ended is cancelled."""
        if self.reply is not None:
            await self.asked.__aexit__(None, None, None)

    async def whole(self) -> bytes:
        """The body of an answer that is no stream.

        Raises:
            ProviderError: it does not come whole, or is too large.
        """
        reply = self.reply
        if reply is None:
            raise _not_begun()
        body = reply.at_once if reply.at_once is not None else await reply.read(MAX_REPLY_BYTES)
        body = self.hide(body)
        self.meter.receive(body)
        return body

    async def piece(self) -> bytes:
        """The whole events of a stream that came next; empty at its end. What the end cuts off comes last.

        Raises:
            ProviderError: the stream broke, or is too large.
        """
        reply = self.reply
        if reply is None:
            raise _not_begun()
        came: list[bytes] = []
        while not came and (chunk := await reply.piece()):
            self._take(came.append, chunk)
        return came[0] if came else self._rest()

    async def pour(self, take: Take) -> None:
        """Give the whole events of a stream to `take`, as soon as they come. What the end cuts off comes last.

        Raises:
            ProviderError: the stream broke, or is too large.
        """
        if self.reply is None:
            raise _not_begun()
        await self.reply.pour(partial(self._take, take))
        if (rest := self._rest()) and (late := take(rest)) is not None:
            await late()

    def _take(self, take: Take, chunk: bytes) -> Later | None:
        """Give to `take` the whole events that a chunk completes, where it completes any."""
        if self.meter.receive(chunk) > MAX_REPLY_BYTES:
            raise _too_large(MAX_REPLY_BYTES)
        borders = self.borders
        if borders is None:
            borders = self.borders = Borders()
        events = borders.feed(chunk)
        return take(self.hide(events)) if events else None

    def _rest(self) -> bytes:
        """What the end of the stream has cut off."""
        borders, self.borders = self.borders, None
        return self.hide(borders.rest()) if borders is not None else b""

    async def events(self) -> AsyncGenerator[Event, None]:
        """The answer as events, each after the bytes that said it where these may pass.

        Raises:
            ProviderError: it broke off, or cannot be read.
        """
        if not self.streams:
            body = await self.whole()
            events = self.dialect.read_response(body)
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
        decoder = self.dialect.decoder()
        while piece := await self.piece():
            for said in apart(piece):
                events = decoder.feed(said)  # first: what cannot be read is not for the client
                yield Raw(data=said)
                for event in events:
                    yield self._told(event)
        for event in decoder.close():
            yield event

    async def _decoded(self) -> AsyncGenerator[Event, None]:
        decoder = self.dialect.decoder()
        while chunk := await self._chunk():
            for event in decoder.feed(chunk):
                yield self._told(event)
        for event in decoder.close():
            yield event

    def _told(self, event: Event) -> Event:
        if not isinstance(event, Failed):
            return event
        return msgspec.json.decode(self.hide(msgspec.json.encode(event)), type=Failed)

    async def _chunk(self) -> bytes:
        """What came next of the body, up to a bound; empty at its end."""
        if self.reply is None:
            raise _not_begun()
        chunk = await self.reply.piece()
        if self.meter.receive(chunk) > MAX_REPLY_BYTES:
            raise _too_large(MAX_REPLY_BYTES)
        return chunk


async def refusal(dialect: Outbound, reply: Reply, hide: Hide) -> ProviderError:
    """What an answer with a status of 300 or more means."""
    if reply.status >= 400:
        return dialect.read_error(reply.status, reply.headers, hide(await _error_body(reply)))
    error = MalformedReply(f"the host answered with a redirect ({reply.status}); correct base_url", status=reply.status)
    error.retryable = False  # it would answer so again
    return error


def hiding(secrets: tuple[bytes, ...]) -> Hide:
    """What takes secrets out of what a host says, for some repeat them: its words go to clients and into the ledger."""
    hides = [methodcaller("replace", secret, b"[secret]") for secret in secrets]
    if len(hides) < 2:
        return hides[0] if hides else bytes  # which gives bytes as they are

    def hide(said: bytes) -> bytes:
        for one in hides:
            said = one(said)
        return said

    return hide


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


def _not_begun() -> ConnectionFailed:
    return ConnectionFailed("the answer is read before its request was sent")


@lru_cache(maxsize=128)  # hosts have few
def _names_stream(content_type: str) -> bool:
    return content_type.split(";")[0].strip().lower() == "text/event-stream"
