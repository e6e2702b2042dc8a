"""A host that speaks a dialect over HTTP."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from urllib.parse import urlsplit

import msgspec

from assay.config.schema import Deployment
from assay.dialects.dialect import Outbound, WireRequest
from assay.providers.api_key import api_key
from assay.providers.http_call import Hide, HttpCall, hiding, refusal
from assay.providers.provider import Attempted, Meter, Wire
from assay.providers.transport import Ask, Reply, Transport
from assay.types import Event

_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie", re.IGNORECASE)
_SHORTEST_SECRET = 8  # a shorter one would be found in innocent words
_MAX_ASKS = 64  # a dialect has few paths; header fields come from clients as well


class _Keyed(msgspec.Struct, frozen=True):
    """What hangs on the key.

    Attributes:
        said: what the environment says of it; None = nothing, and none is wanted.
        fields: the deployment's own header fields, with the key.
        hide: takes our secrets out of what the host says.
        asks: what sends requests, by their path and header fields.
    """

    said: str | None
    fields: dict[str, str]
    hide: Hide
    asks: dict[tuple[str | tuple[str, str], ...], Ask] = {}
    __repr__ = object.__repr__  # the fields hold keys


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
        self._known: _Keyed | None = None

    async def stream(self, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        """See `Provider.stream`."""
        call = self.call_of(attempt, meter)
        try:
            await call.begin()
            async with aclosing(call.events()) as events:
                async for event in events:
                    yield event
        finally:
            await call.end()

    def call_of(self, attempt: Attempted, meter: Meter) -> HttpCall:
        """One attempt over the wire, for whoever wants more of it than its events.

        Raises:
            RequestError: this upstream cannot be told what the request says.
        """
        wire = self.write(attempt)
        if meter.exchange is not None:
            meter.exchange.sent = self._shown(wire)
        meter.emulated = wire.emulated
        keyed = self._keyed()
        place: tuple[str | tuple[str, str], ...] = (wire.path, *wire.headers.items())
        ask = keyed.asks.get(place)
        if ask is None:
            if len(keyed.asks) >= _MAX_ASKS:
                keyed.asks.clear()
            ask = keyed.asks[place] = self._transport.prepare(
                "POST",
                self._base_url + wire.path,
                headers={"content-type": "application/json", **wire.headers, **keyed.fields},
                connect_timeout_s=self._deployment.connect_timeout_s,
                idle_timeout_s=self._deployment.idle_timeout_s,
            )
        return HttpCall(ask(wire.body, meter), self._dialect, attempt, meter, keyed.hide)

    @asynccontextmanager
    async def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> AsyncGenerator[Reply, None]:
        """Another endpoint of the host than that of answers, with the deployment's key, headers and limits.

        Raises:
            ProviderError: there is no answer, or one with a status of 300 or more.
        """
        keyed = self._keyed()
        async with self._transport.request(
            method,
            self._base_url + path,
            headers={**headers, **keyed.fields},
            body=body,
            connect_timeout_s=self._deployment.connect_timeout_s,
            idle_timeout_s=self._deployment.idle_timeout_s,
        ) as reply:
            if reply.status >= 300:
                raise await refusal(self._dialect, reply, keyed.hide)
            yield reply

    def told(self, said: bytes) -> bytes:
        """What the host said, without our secrets, which some repeat."""
        name = self._deployment.api_key_env
        key = os.environ.get(name, "").strip() if name is not None else None
        return hiding(self._secrets(key))(said)

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

    def _keyed(self) -> _Keyed:
        """What hangs on the key as it is now; made anew when that has changed.

        Raises:
            AuthFailed: there is none.
        """
        name, known = self._deployment.api_key_env, self._known
        said = os.environ.get(name) if name is not None else None
        if known is None or known.said != said:
            key = api_key(self._deployment)
            fields = self._deployment.headers | (self._auth(key) if key is not None else {})
            known = self._known = _Keyed(said, fields, hiding(self._secrets(key)))
        return known

    def _auth(self, key: str) -> dict[str, str]:
        how = self._deployment.quirks.get("auth")
        if how is None:
            return self._dialect.auth(key)
        return {"authorization": f"Bearer {key}"} if how == "bearer" else {str(how): key}

    def _secrets(self, key: str | None) -> tuple[bytes, ...]:
        """The key, and the configured headers that may hold one."""
        return (key.encode(), *self._secret_headers) if key is not None and _is_secret(key) else self._secret_headers

    async def identity(self, *, fresh: bool = False) -> dict[str, str]:
        """A host proves nothing about its weights."""
        return {}

    async def close(self) -> None:
        """Close the shared connections; the next call opens new ones."""
        await self._transport.close()


def _is_secret(value: str) -> bool:
    return len(value) >= _SHORTEST_SECRET
