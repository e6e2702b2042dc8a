"""The default transport: a small HTTP/1.1 client (why an own one: docs/decisions/021-connection-pool.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from assay.errors import ConnectionFailed
from assay.providers.address import read_address
from assay.providers.http1.coding import Unpacking, unpacking
from assay.providers.http1.connection import Connection
from assay.providers.http1.dial import Dialer
from assay.providers.http1.head import write_head
from assay.providers.http1.pool import Pool
from assay.providers.request_fields import request_fields
from assay.providers.transport import Reply


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

    def _here(self) -> tuple[Pool, Dialer]:
        """Those of the running event loop; another loop's are forgotten, for they work no more."""
        loop = asyncio.get_running_loop()
        if self._pool is None or self._dialer is None or self._loop is not loop:
            self._loop = loop
            self._pool = Pool()
            self._dialer = Dialer(self._ca_file, self._pool)
        return self._pool, self._dialer

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
        first_byte_timeout_s: float | None = None,
    ) -> AsyncIterator[Reply]:
        """See `Transport.request`."""
        address = read_address(url)
        fields = request_fields(headers, address)
        head = write_head(method, address, fields, None if body is None else len(body))
        pool, dialer = self._here()
        connection = pool.take(address.origin) or await dialer.connect(address.origin, connect_timeout_s)
        pieces: _Pieces | None = None
        try:
            await connection.send(method, head, body or b"", told=on_sent, idle_timeout_s=idle_timeout_s)
            answer = await connection.head(idle_timeout_s if first_byte_timeout_s is None else first_byte_timeout_s)
            pieces = _Pieces(connection, unpacking(answer.headers.get("content-encoding")), idle_timeout_s)
            yield Reply(answer.status, answer.headers, pieces.give)
        finally:
            if pieces is not None:
                pieces.connection = None
            if "connection" in fields:  # it can only say close
                connection.abort()
            else:
                pool.put(connection)

    async def close(self) -> None:
        """Close all connections; requests under way end with an error."""
        if self._pool is not None and self._loop is asyncio.get_running_loop():
            await self._pool.close()


class _Pieces:
    """The body of one answer. After its request is over it gives nothing: the connection carries another one then."""

    def __init__(self, connection: Connection, packed: Unpacking | None, idle_timeout_s: float) -> None:
        self.connection: Connection | None = connection
        self._packed = packed
        self._idle_timeout_s = idle_timeout_s

    async def give(self) -> AsyncGenerator[bytes, None]:
        """See `Reply.chunks`."""
        while piece := await self._standing().piece(self._idle_timeout_s):
            if self._packed is None:
                yield piece
                continue
            for part in self._packed.feed(piece):
                yield part
        if self._packed is not None:
            self._packed.end()

    def _standing(self) -> Connection:
        if self.connection is None:
            raise ConnectionFailed("the answer is read after its request is over")
        return self.connection
