"""One request on a connection and its answer, written straight to the connection."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import cache, partial
from http import HTTPStatus

import msgspec

from assay.gateway.flow import Flow
from assay.gateway.heads import Field, Head, Shape

__all__ = ["Cycle", "Disconnected", "status_line", "written"]

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CHUNKED = b"transfer-encoding: chunked\r\n"
_CLOSE = b"connection: close\r\n"
_MOST_UNREAD_BYTES = 64 * 1024
"""Of a body, before its client has to wait for whoever reads it."""


class Disconnected(Exception):
    """The client has gone."""


def written(fields: Iterable[Field]) -> bytes:
    """Header fields as lines of the head of an answer.

    Raises:
        RuntimeError: a value holds what would end its line.
    """
    told = list(fields)
    if _CONTROL.search(b"".join([value for _, value in told])):
        raise RuntimeError("a header of the answer holds a control character")
    return b"".join([b"%b: %b\r\n" % field for field in told])


@cache
def status_line(status: int) -> bytes:
    """The first line of an answer."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:  # a host may have made it up
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


class Cycle(msgspec.Struct, eq=False):
    """A request whose head has come, and its answer. A client's leaving ends the work for it at once.

    The methods write nothing where the client has gone.

    Attributes:
        head: of the request.
        length: of its body as the head tells it, in digits; empty = it does not.
        flow: of the connection, in both directions; who has much to say waits for it before each piece.
        server_lines: header fields that every answer has.
        keep_alive: the connection stays open afterwards.
        on_answered: called when the answer is complete.
        shape: of the head, where it is worth knowing and not known yet.
        old: the client speaks HTTP/1.0: its answers have no chunks, and nothing comes before them.
        task: that serves it, once it is its turn.
        disconnected: the client has gone.
        has_body: the whole body has come.
        overdue: its time is over.
        pieces: of the body, which nobody has taken yet.
        continued: the client was told to send its body, where it waits for that (`expect: 100-continue`).
        told: further header fields of its answer, as lines.
        status, begun_at: of an answer that has begun, and when that was; None = none has.
        complete: the answer is.
        ends_with_client: the task is cancelled when the client leaves, for it does nothing else any more.
    """

    head: Head
    length: bytes
    flow: Flow
    server_lines: bytes
    keep_alive: bool
    on_answered: Callable[[], None]
    shape: Shape | None = None
    old: bool = False
    task: asyncio.Task[None] | None = None
    disconnected: bool = False
    has_body: bool = False
    overdue: bool = False
    pieces: list[bytes] = []
    continued: bool = False
    told: bytes = b""
    status: int | None = None
    begun_at: float | None = None
    complete: bool = False
    ends_with_client: bool = False
    _head: bytes = b""  # of a streamed answer, which leaves together with its first piece
    _unread_bytes: int = 0
    _news: asyncio.Future[None] | None = None  # somebody waits for more of the body

    # ---------------------------------------------------------------------------------------- body

    def feed(self, data: bytes) -> None:
        """A piece of the body has come."""
        self.pieces.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _MOST_UNREAD_BYTES:
            self.flow.pause_reading()
        if self._news is not None:
            self._tell()

    def fed(self) -> None:
        """The body is complete."""
        self.has_body = True
        if self._news is not None:
            self._tell()

    def late(self) -> None:
        """The body has not come in time."""
        self.overdue = True
        if self._news is not None:
            self._tell()

    def gone(self) -> None:
        """The client has left."""
        self.disconnected = True
        if self._news is not None:
            self._tell()
        if self.ends_with_client and self.task is not None:
            self.task.cancel()

    def taken(self) -> bytes:
        """What has come of the body since this was last asked.

        Raises:
            Disconnected: the client left.
        """
        if self.disconnected:
            raise Disconnected
        if self.flow.read_paused:
            self.flow.resume_reading()  # also where all has come: what is read next may be that the client has left
        pieces, self.pieces, self._unread_bytes = self.pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def take(self) -> bytes:
        """As `taken`, but waits for something, unless the body is complete or overdue.

        Raises:
            Disconnected: the client left.
        """
        flow, headers = self.flow, self.head.headers
        waits = b"expect" in headers and not self.continued and headers[b"expect"].lower() == b"100-continue"
        if waits and not self.old and not flow.transport.is_closing():
            flow.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.continued = True
        if not (self.pieces or self.has_body or self.overdue or self.disconnected):
            if flow.read_paused:
                flow.resume_reading()
            news = self._news = asyncio.get_running_loop().create_future()
            await news
        return self.taken()

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None and not news.done():
            news.set_result(None)

    # -------------------------------------------------------------------------------------- answer

    def begin(self, status: int, lines: bytes) -> None:
        """Begin an answer, with `lines` as fields of its head; its body follows by `put` and `end`."""
        self._head = self._head_of(status, lines, b"" if self.old else _CHUNKED)

    def put(self, data: bytes) -> Callable[[], Awaitable[None]] | None:
        """Write a piece of the body; without any, the head at least.

        Where the client has to take what is before it first, what this gives is still to be done.
        """
        flow = self.flow
        if flow.write_paused:
            return partial(self._put_later, data)
        if not self.disconnected and (data or self._head):
            chunked = data and not self.old
            flow.write(b"%b%x\r\n%b\r\n" % (self._head, len(data), data) if chunked else self._head + data)
            self._head = b""
        return None

    async def _put_later(self, data: bytes) -> None:
        await self.flow.drain()
        self.put(data)

    def end(self, data: bytes) -> None:
        """Write the last piece of the body, where there is one more."""
        if not self.disconnected:
            if not self.old:
                data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"
            self.flow.write(self._head + data)
            self.complete = True
            self.on_answered()

    def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Write a whole answer. Whoever does waits first until the client has taken enough of what is before it."""
        head = self._head_of(status, lines, b"content-length: %d\r\n" % len(body))
        if not self.disconnected:
            self.flow.write(head if self.head.method == "HEAD" else head + body)
            self.complete = True
            self.on_answered()

    def fail(self) -> None:
        """Nobody will answer any more: that is said, or ends the connection within the answer."""
        if self.disconnected:
            return
        if self.status is None:
            self.keep_alive = False
            head = self._head_of(500, b"content-type: text/plain; charset=utf-8\r\n", b"content-length: 21\r\n")
            self.flow.write(head + b"Internal Server Error")
        self.flow.transport.close()

    def _head_of(self, status: int, lines: bytes, framing: bytes) -> bytes:
        self.status, self.begun_at = status, time.monotonic()
        closing = b"" if self.keep_alive else _CLOSE
        return b"".join((status_line(status), self.server_lines, lines, self.told, framing, closing, b"\r\n"))
