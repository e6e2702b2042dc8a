"""A host that speaks a dialect over HTTP."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from urllib.parse import urlsplit

import msgspec

from assay.config.schema import Deployment
from assay.dialects.dialect import Outbound, WireRequest
from assay.dialects.event_borders import Borders, apart
from assay.errors import ConnectionFailed, MalformedReply, ProviderError, Timeout
from assay.providers.api_key import api_key
from assay.providers.provider import Attempted, Meter, Wire
from assay.providers.transport import MAX_ERROR_BYTES, Reply, Transport
from assay.types import Event, Failed, Raw

MAX_REPLY_BYTES = 64 * 1024 * 1024
_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)
_SHORTEST_SECRET = 8  # a shorter one would be found in innocent words
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "cf-ray")


class HttpProvider:
    """One deployment at a host.

    Args:
        deployment: its configuration.
        dialect: what the host speaks.
        transport: shared pool of connections.
        base_url: without a trailing slash; the dialect's path is appended.
        upstream_model: what the host calls the model.
    """

    def __init__(
        self, deployment: Deployment, dialect: Outbound, transport: Transport, base_url: str, upstream_model: str
    ) -> None:
        self._deployment = deployment
        self._dialect = dialect
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._upstream_model = upstream_model
        self._secret_headers = tuple(
            value.encode()
            for name, value in deployment.headers.items()
            if _is_secret(value) and _SECRET_NAME.search(name)
        )

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`."""
        wire = self.write(attempt)
        if meter.exchange is not None:
            meter.exchange.sent = self._shown(wire)
        meter.emulated = wire.emulated
        headers = {"content-type": "application/json", **wire.headers, **self._deployment.headers, **self._key()}
        secrets = self._secrets()

        def sent(size: int) -> None:
            meter.sent_bytes += size

        async with self._transport.request(
            "POST",
            self._base_url + wire.path,
            headers=headers,
            body=wire.body,
            on_sent=sent,
            connect_timeout_s=self._deployment.connect_timeout_s,
            idle_timeout_s=self._deployment.idle_timeout_s,
        ) as reply:
            meter.request_id = next(
                (reply.headers[name] for name in _REQUEST_ID_HEADERS if name in reply.headers), None
            )
            if reply.status >= 300:
                raise await self._refusal(reply, secrets)
            streams = _is_stream(reply)
            tap = attempt.raw is not None and streams == attempt.stream
            if not streams:
                for event in await self._whole(reply, meter, secrets, tap=tap):
                    yield event
                return
            async with aclosing(self._streamed(reply, meter, secrets, tap=tap)) as events:
                async for event in events:
                    yield event

    async def _refusal(self, reply: Reply, secrets: tuple[bytes, ...]) -> ProviderError:
        """What an answer with a status of 300 or more means."""
        if reply.status >= 400:
            return self._dialect.read_error(reply.status, reply.headers, _without(secrets, await _error_body(reply)))
        error = MalformedReply(
            f"the host answered with a redirect ({reply.status}); correct base_url", status=reply.status
        )
        error.retryable = False  # it would answer so again
        return error

    @asynccontextmanager
    async def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[Reply, None]:
        """Another endpoint of the host than that of answers, with the deployment's key, headers and limits.

        Raises:
            ProviderError: there is no answer, or one with a status of 300 or more.
        """
        async with self._transport.request(
            method,
            self._base_url + path,
            headers={**headers, **self._deployment.headers, **self._key()},
            body=body,
            connect_timeout_s=self._deployment.connect_timeout_s,
            idle_timeout_s=self._deployment.idle_timeout_s,
        ) as reply:
            if reply.status >= 300:
                raise await self._refusal(reply, self._secrets())
            yield reply

    def told(self, said: bytes) -> bytes:
        """What the host said, without our secrets, which some repeat."""
        return _without(self._secrets(), said)

    def preview(self, attempt: Attempted) -> Wire:
        """See `Provider.preview`."""
        return self._shown(self.write(attempt))

    def _shown(self, wire: WireRequest) -> Wire:
        """The request without a user and password that the address may hold."""
        url = urlsplit(self._base_url + wire.path)
        return Wire(url._replace(netloc=url.netloc.rpartition("@")[2]).geturl(), wire.body)

    def write(self, attempt: Attempted) -> WireRequest:
        """A request as it is sent.

        Raises:
            RequestError: this upstream cannot be told what it says.
        """
        quirks = self._deployment.quirks
        if attempt.raw is not None:
            return self._dialect.pass_request(attempt.raw, model=self._upstream_model, quirks=quirks)
        return self._dialect.write_request(
            attempt.request, model=self._upstream_model, stream=attempt.stream, quirks=quirks
        )

    def _key(self) -> dict[str, str]:
        key = api_key(self._deployment)
        if key is None:
            return {}
        how = self._deployment.quirks.get("auth")
        if how is None:
            return self._dialect.auth(key)
        return {"authorization": f"Bearer {key}"} if how == "bearer" else {str(how): key}

    def _secrets(self) -> tuple[bytes, ...]:
        """The key, and the configured headers that may hold one."""
        name = self._deployment.api_key_env
        key = os.environ.get(name, "").strip() if name is not None else ""
        return (key.encode(), *self._secret_headers) if _is_secret(key) else self._secret_headers

    async def _whole(self, reply: Reply, meter: Meter, secrets: tuple[bytes, ...], *, tap: bool) -> list[Event]:
        body = _without(secrets, await reply.read(MAX_REPLY_BYTES))
        meter.receive(body)
        events = self._dialect.read_response(body)
        return [Raw(data=body), *events] if tap else events

    async def _streamed(
        self, reply: Reply, meter: Meter, secrets: tuple[bytes, ...], *, tap: bool
    ) -> AsyncGenerator[Event, None]:
        decoder = self._dialect.decoder()
        async with aclosing(self._pieces(reply, meter, whole=tap)) as pieces:
            async for piece in pieces:
                said = _without(secrets, piece) if tap else piece
                events = decoder.feed(said)  # first: what cannot be read is not for the client
                if tap:
                    yield Raw(data=said)
                for event in events:
                    yield _told(secrets, event) if isinstance(event, Failed) else event
        for event in decoder.close():
            yield event

    async def _pieces(self, reply: Reply, meter: Meter, *, whole: bool) -> AsyncGenerator[bytes, None]:
        """The body as it comes, up to a bound; `whole`: event by event.

        A client that is given raw bytes must not be left in the middle of an event when its stream is cut, and must
        not have an error, or what cannot be read, with the text before it, for that text may yet be continued.
        """
        borders = Borders()
        async with aclosing(reply.chunks()) as chunks:
            async for chunk in chunks:
                meter.receive(chunk)
                if meter.received_bytes > MAX_REPLY_BYTES:
                    raise _too_large(MAX_REPLY_BYTES)
                if not whole:
                    yield chunk
                    continue
                for piece in apart(borders.feed(chunk)):
                    yield piece
        if rest := borders.rest():
            yield rest

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """A host proves nothing about its weights."""
        return {}

    async def close(self) -> None:
        """Close the shared connections; the next call opens new ones."""
        await self._transport.close()


def _is_secret(value: str) -> bool:
    return len(value) >= _SHORTEST_SECRET


def _without(secrets: tuple[bytes, ...], said: bytes) -> bytes:
    """What a host said without our secrets, which some repeat: its words go to clients and into the ledger."""
    for secret in secrets:
        if secret in said:
            said = said.replace(secret, b"[secret]")
    return said


def _told(secrets: tuple[bytes, ...], event: Failed) -> Failed:
    return msgspec.json.decode(_without(secrets, msgspec.json.encode(event)), type=Failed)


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
    return reply.headers.get("content-type", "").split(";")[0].strip().lower() == "text/event-stream"
