"""The other transport, on aiohttp: for a host that the strict default refuses (`transport = "aiohttp"`)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.errors import ConnectionFailed, MalformedReply, Timeout
from assay.providers.address import Address, read_address
from assay.providers.http1.tls import tls_context, tls_failed
from assay.providers.request_fields import request_fields
from assay.providers.transport import Ask, Reply, Sent, Transport

if TYPE_CHECKING:
    import aiohttp

_PIECE_BYTES = 256 * 1024


class AiohttpTransport(Transport):
    """As `Http1Transport`. Made lazily: aiohttp takes 0.17 s of CPU to import, which the first call pays.

    Args:
        ca_file: PEM file of the only authorities that may vouch for hosts; None = the system's.
    """

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            connector = aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=60, ssl=tls_context(self._ca_file) if self._ca_file else True
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=True,
                trust_env=False,  # a proxy that the environment names is not used
                cookie_jar=aiohttp.DummyCookieJar(),  # requests share nothing
            )
            self._loop = loop
        return self._session

    def prepare(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout_s: float = 10.0,
        idle_timeout_s: float = 120.0,
        first_byte_timeout_s: float | None = None,
    ) -> Ask:
        """See `Transport.prepare`."""
        import aiohttp

        address = read_address(url)
        fields = request_fields(headers, address)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=idle_timeout_s)
        return partial(self._ask, method, address, fields, limits, first_byte_timeout_s)

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        address: Address,
        fields: Mapping[str, str],
        limits: aiohttp.ClientTimeout,
        first_byte_timeout_s: float | None,
        body: bytes | None,
        sent: Sent | None,
    ) -> AsyncIterator[Reply]:
        from yarl import URL

        as_provider_errors = _as_provider_errors(address.authority, limits.sock_read)
        with as_provider_errors:
            session = self._open()
            head_limit = _HeadLimit(first_byte_timeout_s)
            data: bytes | _Body | None = body
            if body:
                fields = {**fields, "content-length": str(len(body))}
                data = _Body(body, sent, head_limit.start)
            async with head_limit:
                if not body:
                    head_limit.start()
                response = await session.request(
                    method,
                    URL(address.url, encoded=True),
                    headers=fields,
                    data=data,
                    timeout=limits,
                    allow_redirects=False,
                )
            async with response:
                lower = {name.lower(): value for name, value in response.headers.items()}
                yield _Answer(response, as_provider_errors, status=response.status, headers=lower)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class _Answer(Reply, eq=False):
    """An answer as aiohttp reads it."""

    response: aiohttp.ClientResponse
    as_provider_errors: _as_provider_errors

    async def piece(self) -> bytes:
        """See `Reply.piece`."""
        with self.as_provider_errors:
            return await self.response.content.readany()


class _Body:
    """A request's body in pieces; tells how much of it has been handed to the connection, and when all of it has."""

    def __init__(self, body: bytes, sent: Sent | None, on_end: Callable[[], None]) -> None:
        self._rest = memoryview(body)
        self._sent = sent
        self._on_end = on_end

    def __aiter__(self) -> AsyncIterator[memoryview]:
        return self

    async def __anext__(self) -> memoryview:
        if not self._rest:
            self._on_end()
            raise StopAsyncIteration
        piece, self._rest = self._rest[:_PIECE_BYTES], self._rest[_PIECE_BYTES:]
        if self._sent is not None:
            self._sent.sent_bytes += len(piece)
        return piece


class _HeadLimit:
    """The longest wait for a head, from the moment when the request is handed over."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._timeout = asyncio.timeout(None)

    def start(self) -> None:
        """The request is handed over."""
        if self._limit_s is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._limit_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as expired:
            raise Timeout(f"no answer begins for {self._limit_s:g} s") from expired


class _as_provider_errors:
    """Turns what aiohttp raises into our tree."""

    def __init__(self, authority: str, idle_timeout_s: float | None) -> None:
        self._authority = authority
        self._idle_timeout_s = idle_timeout_s

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        import aiohttp
        from aiohttp.http_exceptions import ContentEncodingError

        match error:
            case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLError() as cause):
                raise tls_failed(cause, self._authority) from error
            case aiohttp.ClientConnectorSSLError(os_error=ssl.SSLError() as cause):
                raise tls_failed(cause, self._authority) from error
            case aiohttp.ConnectionTimeoutError():
                raise Timeout(f"no connection in time ({error})") from error
            case aiohttp.ServerTimeoutError() | TimeoutError():
                raise Timeout(f"nothing came for {self._idle_timeout_s:g} s") from error
            case aiohttp.ClientPayloadError(__cause__=ContentEncodingError()):
                raise MalformedReply(f"the packed answer cannot be unpacked ({error.__cause__})") from error
            case aiohttp.ClientPayloadError():
                raise ConnectionFailed(f"the connection broke in the middle of the answer ({error})") from error
            case aiohttp.ClientResponseError():
                raise MalformedReply(f"the host does not answer in HTTP/1.1 ({error.message})") from error
            case aiohttp.ClientError() | OSError():
                raise ConnectionFailed(f"{type(error).__name__}: {error}") from error
