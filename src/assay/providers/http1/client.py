"""The default transport: a small HTTP/1.1 client (why an own one: docs/decisions/021-connection-pool.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import lru_cache
from types import TracebackType
from typing import NamedTuple

from assay.errors import ConnectionFailed
from assay.providers.address import Origin, read_address
from assay.providers.http1.coding import Unpacking, unpacking
from assay.providers.http1.connection import Connection
from assay.providers.http1.dial import Dialer
from assay.providers.http1.head import begin_head, end_head
from assay.providers.http1.pool import Pool
from assay.providers.request_fields import request_fields
from assay.providers.transport import Reply, Take


class Http1Transport:
    """Connections that are kept and used again, of one event loop at a time.

    There is no limit on how many stand at once: a deployment's `concurrency` is one.

    Args:
        ca_file: PEM file of the only authorities that may vouch for hosts; None = the system's.
    """

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None
        self._dialer: Dialer | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        on_sent: Callable[[int], None] | None = None,
        connect_timeout_s: float = 10.0,
        idle_timeout_s: float = 120.0,
        first_byte_timeout_s: float | None = None,
    ) -> _RoundTrip:
        """See `Transport.request`."""
        head_timeout_s = idle_timeout_s if first_byte_timeout_s is None else first_byte_timeout_s
        limits = (connect_timeout_s, head_timeout_s, idle_timeout_s)
        return _RoundTrip(self, method, url, headers, body, on_sent, *limits)

    def here(self) -> tuple[Pool, Dialer]:
        """Those of the running event loop; another loop's are forgotten, for they work no more."""
        loop = asyncio.get_running_loop()
        if self._pool is None or self._dialer is None or self._loop is not loop:
            self._loop = loop
            self._pool = Pool()
            self._dialer = Dialer(self._ca_file, self._pool)
        return self._pool, self._dialer

    async def close(self) -> None:
        """Close all connections; requests under way end with an error."""
        if self._pool is not None and self._loop is asyncio.get_running_loop():
            await self._pool.close()


class _Prepared(NamedTuple):
    """What requests to one place, with the same header fields, have in common."""

    origin: Origin
    head: bytes
    keeps: bool


@lru_cache(maxsize=256)  # a deployment has one, as long as its key is the same
def _prepared(method: str, url: str, headers: tuple[tuple[str, str], ...]) -> _Prepared:
    """Check and write what does not differ from request to request.

    Raises:
        BadRequest, ConnectionFailed, AuthFailed: see `request_fields` and `read_address`.
    """
    address = read_address(url)
    fields = request_fields(dict(headers), address)
    keeps = "connection" not in fields  # it can only say close
    return _Prepared(address.origin, begin_head(method, address, fields), keeps)


class _RoundTrip:
    """One request and its answer, for the time of an `async with`."""

    __slots__ = (
        "_body", "_connect_s", "_connection", "_head_s", "_headers", "_idle_s", "_keeps", "_method", "_on_sent",
        "_packed", "_parts", "_pool", "_transport", "_url",
    )  # fmt: skip

    def __init__(
        self,
        transport: Http1Transport,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        on_sent: Callable[[int], None] | None,
        connect_s: float,
        head_s: float,
        idle_s: float,
    ) -> None:
        self._transport = transport
        self._method = method
        self._url = url
        self._headers = headers
        self._body = body
        self._on_sent = on_sent
        self._connect_s = connect_s
        self._head_s = head_s
        self._idle_s = idle_s
        self._keeps = True
        self._pool: Pool | None = None
        self._connection: Connection | None = None
        self._packed: Unpacking | None = None
        self._parts: Iterator[bytes] = iter(())

    async def __aenter__(self) -> Reply:
        origin, begun, self._keeps = _prepared(self._method, self._url, tuple(self._headers.items()))
        body, told = self._body or b"", self._on_sent
        head = end_head(begun, None if self._body is None else len(body))
        self._pool, dialer = self._transport.here()
        connection = self._pool.take(origin) or await dialer.connect(origin, self._connect_s)
        self._connection = connection
        try:
            if not connection.send_at_once(self._method, head, body):
                await connection.send(self._method, head, body, told=told, idle_timeout_s=self._idle_s)
            elif body and told is not None:
                told(len(body))
            answer = await connection.head(self._head_s)
            coding = answer.headers.get("content-encoding")
            self._packed = unpacking(coding) if coding is not None else None
        except BaseException:  # a cancelled call, too, lets go of its connection
            self._let_go()
            raise
        if self._packed is not None:
            return Reply(answer.status, answer.headers, self._piece)
        return Reply(answer.status, answer.headers, self._piece, connection.whole, self._pour)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        """The request is over: what is read of its answer from now on could be another one's."""
        connection, self._connection = self._connection, None
        if connection is None or self._pool is None:
            return
        if self._keeps:
            self._pool.put(connection)
        else:
            connection.abort()

    @property
    def _here(self) -> Connection:
        if self._connection is None:
            raise ConnectionFailed("the answer is read after its request is over")
        return self._connection

    def _piece(self) -> Awaitable[bytes]:
        """See `Reply.piece`."""
        return self._here.piece(self._idle_s) if self._packed is None else self._unpacked(self._packed)

    def _pour(self, take: Take) -> Awaitable[None]:
        """See `Reply.straight`."""
        return self._here.pour(take, self._idle_s)

    async def _unpacked(self, packed: Unpacking) -> bytes:
        while not (part := next(self._parts, b"")):
            came = await self._here.piece(self._idle_s)
            if not came:
                packed.end()
                return b""
            self._parts = packed.feed(came)
        return part
