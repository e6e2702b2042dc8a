"""The default transport: a small HTTP/1.1 client (why an own one: docs/decisions/021-connection-pool.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import msgspec

from assay.errors import ConnectionFailed
from assay.providers.address import Origin, read_address
from assay.providers.http1.answer import Answer
from assay.providers.http1.coding import Unpacking, unpacking
from assay.providers.http1.connection import Connection
from assay.providers.http1.dial import Dialer
from assay.providers.http1.head import begin_head
from assay.providers.http1.pool import Pool
from assay.providers.request_fields import request_fields
from assay.providers.transport import Ask, Reply, Sent, Take, Transport

TOGETHER_BYTES = 64 * 1024  # a body up to here leaves in one piece with its head
PIECE_BYTES = 128 * 1024


class Http1Transport(Transport):
    """Connections that are kept and used again, of one event loop at a time.

    There is no limit on how many stand at once: a deployment's `concurrency` is one.

    Args:
        ca_file: PEM file of the only authorities that may vouch for hosts; None = the system's.

    Attributes:
        loop: whose pool and dialer these are; None = there are none yet.
        pool: the connections.
        dialer: makes them.
    """

    pool: Pool
    dialer: Dialer

    def __init__(self, *, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self.loop: asyncio.AbstractEventLoop | None = None

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
        address = read_address(url)
        fields = request_fields(headers, address)
        way = _Way(
            client=self,
            origin=address.origin,
            head=begin_head(method, address, fields),
            keeps="connection" not in fields,  # it can only say close
            connect_timeout_s=connect_timeout_s,
            head_timeout_s=idle_timeout_s if first_byte_timeout_s is None else first_byte_timeout_s,
            idle_timeout_s=idle_timeout_s,
        )
        return partial(_Exchange, way, method=method)

    def move(self) -> None:
        """Work in the running event loop: another one's connections are forgotten, for they work no more."""
        self.loop = asyncio.get_running_loop()
        self.pool = Pool()
        self.dialer = Dialer(self._ca_file, self.pool)

    async def close(self) -> None:
        """Close all connections; requests under way end with an error."""
        if self.loop is asyncio.get_running_loop():
            await self.pool.close()


class _Way(msgspec.Struct, frozen=True, eq=False):
    """What requests to one place, with the same header fields and limits, have in common.

    Attributes:
        client: has the connections.
        origin: where to connect to.
        head: all of a request's head but the length of its body.
        keeps: the connection may carry another request after this one.
        connect_timeout_s: see `Transport.request`, as the other two.
    """

    client: Http1Transport
    origin: Origin
    head: bytes
    keeps: bool
    connect_timeout_s: float
    head_timeout_s: float
    idle_timeout_s: float
    __repr__ = object.__repr__  # the head holds keys


class _Exchange(Answer, eq=False):
    """One request and its answer, for the time of an `async with`.

    Attributes:
        way: where it goes.
        body: of the request.
        sent: counts what is handed over of it.
        connection: what carries it; None = it has not begun, or is over.
        all_sent: the request has been written whole.
    """

    way: _Way
    body: bytes | None
    sent: Sent | None
    connection: Connection | None = None
    all_sent: bool = False

    # ------------------------------------------------------------------------------- its begin and its end

    async def __aenter__(self) -> Reply:
        """Write the request, and wait for the head of its answer.

        The host must send all of the head within its limit. Where the body has come by then, it is `at_once`.
        """
        way, client = self.way, self.way.client
        if client.loop is not asyncio.get_running_loop():
            client.move()
        connection = client.pool.take(way.origin) or await client.dialer.connect(way.origin, way.connect_timeout_s)
        self.connection, connection.answer = connection, self
        try:
            transport = connection.transport
            if transport is None or connection.lost:  # nobody was told of an end that came before there was a request
                raise ConnectionFailed("the host ended the connection before the request was written")
            body = self.body or b""
            size = len(body)
            head = way.head + b"\r\n" if self.body is None else b"%bcontent-length: %d\r\n\r\n" % (way.head, size)
            if size > TOGETHER_BYTES:
                transport.write(head)
                await self._write(connection, transport, body)
            else:
                transport.write(head + body)  # one piece is one system call, and over TLS one record
                self.all_sent = True
                if self.sent is not None:
                    self.sent.sent_bytes += size
            while (framing := self.framing) is None:
                if self.failure is not None:
                    raise self.failure
                await connection.silence.news("no answer begins", way.head_timeout_s)
            coding = self.headers.get("content-encoding")
            packed = unpacking(coding) if coding is not None else None
            if packed is not None:
                return _Unpacked(self, packed, status=self.status, headers=self.headers)
            if framing.done and self.failure is None:
                self.at_once = b"".join(self.pieces)
        except BaseException:  # a cancelled call, too, lets go of its connection
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """The request is over: what is read of its answer from now on could be another one's."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        connection.answer = None
        self.failure = None  # it refers to where it was raised, and that to this
        framing = self.framing
        if (
            framing is not None
            and framing.done
            and not framing.surplus
            and self.all_sent
            and self.way.keeps
            and not (connection.lost or connection.read_paused)
        ):  # both sides agree on where it ended
            connection.owner.put(connection, self.keep_s)
        else:
            connection.abort()

    # ------------------------------------------------------------------------------------- the request

    async def _write(self, connection: Connection, transport: asyncio.Transport, body: bytes) -> None:
        """Write a large body, uncopied. Where the host answers before it has all of it, the rest is not written."""
        rest = memoryview(body)
        while rest and await self._may_write(connection):
            piece, rest = rest[:PIECE_BYTES], rest[PIECE_BYTES:]
            transport.write(piece)
            if self.sent is not None:
                self.sent.sent_bytes += len(piece)
        self.all_sent = not rest

    async def _may_write(self, connection: Connection) -> bool:
        """Wait until the host takes more; False = it has answered already."""
        while connection.write_blocked and self.failure is None and self.framing is None:
            await connection.silence.news("the host takes nothing of the request", self.way.idle_timeout_s)
        if self.failure is not None and self.framing is None:
            raise self.failure
        return self.framing is None

    async def piece(self) -> bytes:
        """See `Reply.piece`: what has come since the last piece, or comes next."""
        connection = self._carried()
        while not self.pieces:
            if self._ended():
                return b""
            await connection.silence.news("nothing came", self.way.idle_timeout_s)
        return self._held(connection)

    async def pour(self, take: Take) -> None:
        """See `Reply.pour`: what comes while this waits is given in that very turn of the event loop."""
        connection = self._carried()
        self.taker = take
        try:
            while self.pieces or not self._ended():
                if self.pieces:
                    late = take(self._held(connection))
                else:
                    await connection.silence.news("nothing came", self.way.idle_timeout_s)
                    late, self.late = self.late, None
                if late is not None:
                    await late()
        finally:
            self.taker = self.late = None

    def _carried(self) -> Connection:
        """What carries it.

        Raises:
            ConnectionFailed: it is over.
        """
        if self.connection is None:
            raise ConnectionFailed("the answer is read after its request is over")
        return self.connection

    def _ended(self) -> bool:
        """Whether all of the body has come; raises why no more will."""
        if self.failure is not None:
            raise self.failure
        return self.framing is not None and self.framing.done

    def _held(self, connection: Connection) -> bytes:
        """What has come and nobody has taken."""
        pieces, self.pieces, self.held_bytes = self.pieces, [], 0
        if connection.read_paused:
            connection.resume()
        return b"".join(pieces)  # of one piece, that piece itself


class _Unpacked(Reply, eq=False):
    """An answer whose body its host has packed."""

    exchange: _Exchange
    packed: Unpacking

    async def piece(self) -> bytes:
        """See `Reply.piece`."""
        return await self.packed.piece(self.exchange.piece)
