"""The default transport: a small HTTP/1.1 client (why an own one: docs/decisions/021-connection-pool.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import NamedTuple

import msgspec

from assay.errors import ConnectionFailed
from assay.providers.address import Origin, read_address
from assay.providers.http1.coding import unpacking
from assay.providers.http1.connection import Connection
from assay.providers.http1.dial import Dialer
from assay.providers.http1.head import begin_head, end_head
from assay.providers.http1.pool import Pool
from assay.providers.request_fields import request_fields
from assay.providers.transport import Reply


class Http1Transport:
    """Connections that are kept and used again, of one event loop at a time.

    There is no limit on how many stand at once: a deployment's `concurrency` is one.

    Args:
        ca_file: PEM file of the only authorities that may vouch for hosts; None = the system's.
    """

    _pool: Pool
    _dialer: Dialer

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._loop: asyncio.AbstractEventLoop | None = None  # whose pool and dialer these are

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
        prepared = _prepared(method, url, tuple(headers.items()))
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # another loop's connections are forgotten, for they work no more
            self._loop = loop
            self._pool = Pool()
            self._dialer = Dialer(self._ca_file, self._pool)
        limits = (connect_timeout_s, head_timeout_s, idle_timeout_s)
        return _RoundTrip(self._pool, self._dialer, prepared, body, on_sent, *limits)

    async def close(self) -> None:
        """Close all connections; requests under way end with an error."""
        if self._loop is asyncio.get_running_loop():
            await self._pool.close()


class _Prepared(NamedTuple):
    """What requests to one place, with the same header fields, have in common."""

    method: str
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
    return _Prepared(method, address.origin, begin_head(method, address, fields), keeps)


class _RoundTrip(msgspec.Struct, eq=False):
    """One request and its answer, for the time of an `async with`."""

    pool: Pool
    dialer: Dialer
    prepared: _Prepared
    body: bytes | None
    on_sent: Callable[[int], None] | None
    connect_timeout_s: float
    head_timeout_s: float
    idle_timeout_s: float
    connection: Connection | None = None
    reply: Reply | None = None
    __repr__ = object.__repr__  # the fields hold keys

    async def __aenter__(self) -> Reply:
        prepared, body = self.prepared, self.body or b""
        head = end_head(prepared.head, None if self.body is None else len(body))
        origin = prepared.origin
        connection = self.pool.take(origin) or await self.dialer.connect(origin, self.connect_timeout_s)
        self.connection = connection
        try:
            answer, whole = await connection.ask(
                prepared.method,
                head,
                body,
                told=self.on_sent,
                head_timeout_s=self.head_timeout_s,
                idle_timeout_s=self.idle_timeout_s,
            )
            coding = answer.headers.get("content-encoding")
            packed = unpacking(coding) if coding is not None else None
        except BaseException:  # a cancelled call, too, lets go of its connection
            await self.__aexit__()
            raise
        piece = partial(connection.piece, self.idle_timeout_s)
        if packed is None:
            straight = partial(connection.pour, idle_timeout_s=self.idle_timeout_s)
            reply = Reply(answer.status, answer.headers, piece, whole, straight)
        else:
            reply = Reply(answer.status, answer.headers, partial(packed.piece, piece))
        self.reply = reply
        return reply

    async def __aexit__(self, *_: object) -> None:
        """The request is over: what is read of its answer from now on could be another one's."""
        connection, self.connection = self.connection, None
        if self.reply is not None:
            self.reply.piece, self.reply.straight = _over, None
        if connection is None:
            return
        if self.prepared.keeps:
            self.pool.put(connection)
        else:
            connection.abort()


async def _over() -> bytes:
    raise ConnectionFailed("the answer is read after its request is over")
