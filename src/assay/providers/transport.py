"""HTTP to upstreams, on aiohttp (why not httpx or an SDK: docs/decisions/003-transport.md).

One `Transport` per process keeps connections alive. Nothing here knows a dialect: bytes in, bytes out, and
failures of the network as `ProviderError`s.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from assay.errors import BadRequest, ConnectionFailed, MalformedReply, Timeout

if TYPE_CHECKING:
    import aiohttp

MAX_ERROR_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Reply(NamedTuple):
    """The head of an answer and its body as it comes. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: aiohttp.StreamReader
    idle_timeout_s: float

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces, as they arrive.

        Raises:
            Timeout: nothing came for `idle_timeout_s`.
            ConnectionFailed: the connection broke.
        """
        with _as_provider_errors(self.idle_timeout_s):
            async for chunk in self.body.iter_any():
                yield chunk

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body.

        Raises:
            MalformedReply: it is larger than `limit_bytes`; asking again would not make it smaller.
        """
        body = await self.start(limit_bytes + 1)
        if len(body) > limit_bytes:
            error = MalformedReply(f"the answer is larger than {limit_bytes} bytes")
            error.retryable = False
            raise error
        return body

    async def start(self, limit_bytes: int) -> bytes:
        """The first `limit_bytes` of the body, or all of it."""
        pieces: list[bytes] = []
        size = 0
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                pieces.append(chunk)
                size += len(chunk)
                if size >= limit_bytes:
                    break
        return b"".join(pieces)[:limit_bytes]


class _Body:
    """A request's body in pieces; tells how much of it has been handed to the connection."""

    def __init__(self, body: bytes, on_sent: Callable[[int], None]) -> None:
        self._rest = memoryview(body)
        self._on_sent = on_sent

    def __aiter__(self) -> AsyncIterator[memoryview]:
        return self

    async def __anext__(self) -> memoryview:
        if not self._rest:
            raise StopAsyncIteration
        piece, self._rest = self._rest[:_PIECE_BYTES], self._rest[_PIECE_BYTES:]
        self._on_sent(len(piece))
        return piece


class Transport:
    """A pool of kept-alive connections. Made lazily: aiohttp is imported on the first call."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        loop = asyncio.get_running_loop()
        if self._session is None or self._session.closed or self._loop is not loop:
            connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=True,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),  # requests share nothing
            )
            self._loop = loop
        return self._session

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        on_sent: Callable[[int], None] | None = None,
        connect_timeout_s: float = 10.0,
        idle_timeout_s: float = 120.0,
    ) -> AsyncIterator[Reply]:
        """Send a request and give its answer; leaving the block before the end cancels it.

        Args:
            method: HTTP method.
            url: absolute address.
            headers: sent as they are.
            body: sent as it is.
            on_sent: told the bytes of each piece of the body that is handed to the connection.
            connect_timeout_s: until the connection stands.
            idle_timeout_s: longest silence, before the head and between two pieces of the body.

        Raises:
            ConnectionFailed: no connection, or it broke.
            Timeout: a limit was reached.
            BadRequest: a header holds what no header may hold.
        """
        import aiohttp

        wrong = next((name for name, value in headers.items() if _CONTROL.search(name + value)), None)
        if wrong is not None:  # the value may be a key: it is not shown
            raise BadRequest(f"header {wrong!r} holds a control character")
        data: bytes | _Body | None = body
        if body and on_sent is not None:
            headers = {**headers, "content-length": str(len(body))}
            data = _Body(body, on_sent)
        limits = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=idle_timeout_s)
        with _as_provider_errors(idle_timeout_s):
            session = self._open()
            async with session.request(
                method, url, headers=dict(headers), data=data, timeout=limits, allow_redirects=False
            ) as response:
                lower = {name.lower(): value for name, value in response.headers.items()}
                yield Reply(response.status, lower, response.content, idle_timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class _as_provider_errors:
    """Turns what aiohttp raises into our tree."""

    def __init__(self, idle_timeout_s: float) -> None:
        self._idle_timeout_s = idle_timeout_s

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        import aiohttp

        match error:
            case aiohttp.ConnectionTimeoutError():
                raise Timeout(f"no connection in time ({error})") from error
            case aiohttp.ServerTimeoutError() | TimeoutError():
                raise Timeout(f"nothing came for {self._idle_timeout_s:g} s") from error
            case aiohttp.ClientPayloadError():
                raise ConnectionFailed(f"the connection broke in the middle of the answer ({error})") from error
            case aiohttp.InvalidURL():
                raise ConnectionFailed(f"not an address: {error}") from error
            case aiohttp.ClientError() | OSError():
                raise ConnectionFailed(f"{type(error).__name__}: {error}") from error
