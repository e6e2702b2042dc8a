"""One connection: it carries one exchange after the other, and knows whether it may carry another."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Protocol

from assay.errors import ConnectionFailed, MalformedReply
from assay.providers.address import Origin
from assay.providers.http1.body import Framing, framing_of
from assay.providers.http1.head import END, Head, check_beginning, read_head
from assay.providers.http1.silence import Silence
from assay.providers.transport import Later, Take

TOGETHER_BYTES = 64 * 1024  # a body up to here leaves in one piece with its head
PIECE_BYTES = 128 * 1024
HELD_BYTES = 256 * 1024
"""So much of an answer waits for its reader; then the host has to wait as well."""
MAX_INTERIM = 16
_END_BYTES = len(END)


class Owner(Protocol):
    """Who is told of a connection's beginning and end."""

    def made(self, connection: Connection) -> None:
        """It stands."""
        ...

    def lost(self, connection: Connection) -> None:
        """It is gone, in whatever way."""
        ...


class Connection(asyncio.Protocol):
    """A connection that stands, or is being made.

    Args:
        origin: what it leads to.
        owner: told when it stands and when it is gone.

    Attributes:
        idle_until: time of the loop until which it may lie idle.
    """

    def __init__(self, origin: Origin, owner: Owner) -> None:
        self.origin = origin
        self.idle_until = 0.0
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost = False
        self._unread: select.poll | None = None
        self._write_blocked = False
        self._read_paused = False
        self._silence = Silence(self.fail)
        self._forget()

    def _forget(self) -> None:
        """Nothing of the last exchange stays."""
        self._method: str | None = None
        self._raw_head = b""  # what has come of a head that has not come whole
        self._interim = 0
        self._head: Head | None = None
        self._framing: Framing | None = None
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._all_sent = False
        self._failure: Exception | None = None
        self._taker: Take | None = None  # of who pours
        self._late: Later | None = None  # what he must do first

    # ---------------------------------------------------------------------------------- what the pool asks

    @property
    def is_usable(self) -> bool:
        """Whether an idle connection can take a request: nothing of it is gone, and the host has said nothing unasked.

        An end that the event loop has not seen yet is seen here, so that no request is written into it.
        """
        return not self._lost and self._loop.time() < self.idle_until and not (self._unread and self._unread.poll(0))

    def rest(self) -> float:
        """The exchange is over. Gives how long the host keeps the connection for another, as `Head.keep_s` does.

        It is 0 as well where the exchange did not end so that both sides agree on where it ended.
        """
        head, framing, all_sent = self._head, self._framing, self._all_sent
        self._forget()  # of one that failed, too: the failure refers to where it was raised, and that to this
        if head is None or framing is None or not framing.done or framing.surplus or not all_sent or self._lost:
            return 0.0
        if self._read_paused:
            self._resume()
        return head.keep_s

    def abort(self) -> None:
        """Hang up at once; what is not sent yet is not sent."""
        self._silence.stop()
        self._lost = True
        if self._transport is not None:
            self._transport.abort()

    def fail(self, error: Exception) -> None:
        """End the exchange; what came before is still to be had."""
        if self._failure is None:
            self._failure = error
        self.abort()
        self._silence.wake()

    # -------------------------------------------------------------------------------------- one exchange

    async def ask(
        self,
        method: str,
        head: bytes,
        body: bytes,
        *,
        told: Callable[[int], None] | None,
        head_timeout_s: float,
        idle_timeout_s: float,
    ) -> tuple[Head, bytes | None]:
        """Write a request, and wait for the head of its answer; 1xx are skipped.

        Gives the body as well where all of it has come by then; `piece` gives it still.

        Args:
            method: HTTP method.
            head: as it goes over the wire.
            body: likewise; a large one is not copied.
            told: told the bytes of each piece of the body that is handed over.
            head_timeout_s: longest wait for all of the answer's head.
            idle_timeout_s: longest time in which the host takes nothing.

        Raises:
            ConnectionFailed, Timeout, MalformedReply: the head does not come, or is none.
        """
        transport = self._transport
        if transport is None or self._lost:  # nobody was told of an end that came before there was a request
            raise ConnectionFailed("the host ended the connection before the request was written")
        self._method = method
        if len(body) > TOGETHER_BYTES:
            transport.write(head)
            await self._send(transport, body, told, idle_timeout_s)
        else:
            transport.write(head + body)  # one piece is one system call, and over TLS one record
            self._all_sent = True
            if body and told is not None:
                told(len(body))
        while self._head is None or self._framing is None:
            if self._failure is not None:
                raise self._failure
            await self._silence.news("no answer begins", head_timeout_s)
        whole = self._framing.done and self._failure is None
        return self._head, b"".join(self._pieces) if whole else None

    async def _send(
        self,
        transport: asyncio.Transport,
        body: bytes,
        told: Callable[[int], None] | None,
        idle_timeout_s: float,
    ) -> None:
        """Write a large body. Where the host answers before it has all of it, the rest is not written."""
        rest = memoryview(body)
        while rest and await self._may_write(idle_timeout_s):
            piece, rest = rest[:PIECE_BYTES], rest[PIECE_BYTES:]
            transport.write(piece)
            if told is not None:
                told(len(piece))
        self._all_sent = not rest

    async def _may_write(self, idle_timeout_s: float) -> bool:
        """Wait until the host takes more; False = it has answered already."""
        while self._write_blocked and self._failure is None and self._head is None:
            await self._silence.news("the host takes nothing of the request", idle_timeout_s)
        if self._failure is not None and self._head is None:
            raise self._failure
        return self._head is None

    async def piece(self, idle_timeout_s: float) -> bytes:
        """What has come of the body since the last piece, or comes next; empty at its end.

        Args:
            idle_timeout_s: longest wait.

        Raises:
            ConnectionFailed, Timeout, MalformedReply: it goes no further.
        """
        while not self._pieces:
            if self._ended():
                return b""
            await self._silence.news("nothing came", idle_timeout_s)
        return self._held()

    async def pour(self, take: Take, idle_timeout_s: float) -> None:
        """Give the body to `take` until its end: what comes while this waits, in that very turn of the event loop.

        Args:
            take: what it returns is done before it is given more.
            idle_timeout_s: longest wait.

        Raises:
            ConnectionFailed, Timeout, MalformedReply: it goes no further.
        """
        self._taker = take
        try:
            while self._pieces or not self._ended():
                if self._pieces:
                    late = take(self._held())
                else:
                    await self._silence.news("nothing came", idle_timeout_s)
                    late, self._late = self._late, None
                if late is not None:
                    await late()
        finally:
            self._taker = self._late = None

    def _ended(self) -> bool:
        """Whether all of the body has come; raises why no more will."""
        if self._failure is not None:
            raise self._failure
        return self._framing is not None and self._framing.done

    def _held(self) -> bytes:
        """What has come and nobody has taken."""
        pieces, self._pieces, self._held_bytes = self._pieces, [], 0
        if self._read_paused:
            self._resume()
        return b"".join(pieces)  # of one piece, that piece itself

    def _resume(self) -> None:
        self._read_paused = False
        if not self._lost and self._transport is not None:
            self._transport.resume_reading()

    # ---------------------------------------------------------------------------- what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = transport  # type: ignore[assignment]
        self._owner.made(self)
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self._unread = select.poll()
            self._unread.register(socket.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            if self._framing is None:
                if self._method is None:
                    self.abort()  # an answer that nobody asked for
                    return
                data = self._take_head(self._method, data)
                if self._framing is None:
                    return
            piece = self._framing.feed(data) if data else b""
        except MalformedReply as error:
            self.fail(error)
            return
        if piece and self._taker is not None and self._silence.is_awaited:
            if self._is_taken(piece, self._taker) and not self._framing.done:
                self._silence.broken()
                return
        elif piece:
            self._pieces.append(piece)
            self._held_bytes += len(piece)
            if self._held_bytes > HELD_BYTES and not self._read_paused and self._transport is not None:
                self._read_paused = True
                self._transport.pause_reading()
        self._silence.wake()  # also where nothing came of the body itself: the host is not silent

    def _take_head(self, method: str, data: bytes) -> bytes:
        """Read what has come of the answer's head. Where that is all of it, the body begins: gives what came of that.

        Raises:
            MalformedReply: it is none, or nobody asked for it.
        """
        raw = self._raw_head + data
        while (end := raw.find(END)) >= 0:
            end += _END_BYTES
            head, raw = read_head(raw[:end]), raw[end:]
            if head.status >= 200:
                self._framing = framing_of(method, head)
                self._head = head
                return raw
            self._interim += 1
            if head.status == 101 or self._interim > MAX_INTERIM:
                raise MalformedReply(f"the host answers with {head.status}, which nobody asked for")
        check_beginning(raw)
        self._raw_head = raw
        return b""

    def _is_taken(self, piece: bytes, taker: Take) -> bool:
        """Give a piece to who waits for it; False = he must be woken, and gets nothing more until he waits again."""
        try:
            self._late = taker(piece)
        except Exception as error:  # noqa: BLE001 - it is for who waits
            self.fail(error)
        return self._late is None and self._failure is None

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._end(exc)
        self._silence.end()
        self._transport = None
        self._owner.lost(self)

    def _end(self, error: Exception | None) -> None:
        """The host ended the connection, or it broke."""
        self._lost = True
        framing = self._framing
        if framing is not None and not framing.done and self._failure is None:
            try:
                if error is not None:
                    raise ConnectionFailed(f"the connection broke in the middle of the answer ({error})")
                framing.end()
            except ConnectionFailed as failed:
                self._failure = failed
        elif framing is None and self._method is not None and self._failure is None:
            self._failure = self._unanswered(error)
        self._silence.wake()

    def _unanswered(self, error: Exception | None) -> ConnectionFailed:
        where = "in the middle of the answer's head" if self._raw_head else "without an answer"
        return ConnectionFailed(f"the host ended the connection {where}{f' ({error})' if error is not None else ''}")

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._write_blocked = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._write_blocked = False
        self._silence.wake()
