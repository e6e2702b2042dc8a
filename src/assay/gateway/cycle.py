"""One request on a connection and its answer, written straight to the connection."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import cache, partial
from http import HTTPStatus

from assay.gateway.flow import Flow
from assay.gateway.resource import Resource

__all__ = ["Cycle", "Disconnected", "Field", "status_line", "written"]

Field = tuple[bytes, bytes]
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CHUNKED = b"transfer-encoding: chunked\r\n"
_CLOSE = b"connection: close\r\n"
_MOST_UNREAD_BYTES = 64 * 1024
"""Of a body, before its client has to wait for whoever reads it."""

log = logging.getLogger("assay.gateway")


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


class Cycle:
    """A request whose head has come, and its answer. A client's leaving ends the work for it at once.

    The methods write nothing where the client has gone.

    Args:
        method: in upper case.
        resource: that is asked for.
        headers: by name in lower case; of several with one name, the last.
        transport: of the connection.
        flow: of the connection, in both directions.
        server_lines: header fields that every answer has.
        keep_alive: the connection stays open afterwards.
        on_answered: called when the answer is complete.

    Attributes:
        task: that serves it, once it is its turn.
        disconnected: the client has gone.
        has_body: the whole body has come.
        begun, complete: so far is the answer.
        ends_with_client: the task is cancelled when the client leaves, for it does nothing else any more.
    """

    __slots__ = (
        "_continue_wanted",
        "_flow",
        "_news",
        "_on_answered",
        "_pieces",
        "_server_lines",
        "_transport",
        "_unread_bytes",
        "begun",
        "complete",
        "disconnected",
        "ends_with_client",
        "has_body",
        "headers",
        "keep_alive",
        "method",
        "resource",
        "task",
    )

    def __init__(
        self,
        method: str,
        resource: Resource,
        headers: dict[bytes, bytes],
        transport: asyncio.Transport,
        flow: Flow,
        server_lines: bytes,
        keep_alive: bool,
        on_answered: Callable[[], None],
    ) -> None:
        self.method = method
        self.resource = resource
        self.headers = headers
        self.keep_alive = keep_alive
        self.task: asyncio.Task[None] | None = None
        self.disconnected = self.has_body = self.begun = self.complete = self.ends_with_client = False
        self._transport = transport
        self._flow = flow
        self._server_lines = server_lines
        self._on_answered = on_answered
        self._continue_wanted = b"expect" in headers and headers[b"expect"].lower() == b"100-continue"
        self._pieces: list[bytes] = []
        self._unread_bytes = 0
        self._news: asyncio.Future[None] | None = None  # somebody waits for more of the body

    async def run(self, serve: Callable[[Cycle], Awaitable[None]]) -> None:
        """Have it served. Whatever goes wrong ends the answer, or the connection within it."""
        try:
            await serve(self)
        except BaseException:  # the outer door: the server cancels what takes too long, and nobody reads this result
            log.exception("a request was ended without an answer")
        if self.complete or self.disconnected:
            return
        if self.begun:
            self._transport.close()
            return
        self.keep_alive = False
        await self.answer(500, b"content-type: text/plain; charset=utf-8\r\n", b"Internal Server Error")

    # ---------------------------------------------------------------------------------------- body

    def feed(self, data: bytes) -> None:
        """A piece of the body has come."""
        self._pieces.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _MOST_UNREAD_BYTES:
            self._flow.pause_reading()
        if self._news is not None:
            self._tell(self._news)

    def fed(self) -> None:
        """The body is complete."""
        self.has_body = True
        if self._news is not None:
            self._tell(self._news)

    def gone(self) -> None:
        """The client has left."""
        self.disconnected = True
        if self._news is not None:
            self._tell(self._news)
        if self.ends_with_client and self.task is not None:
            self.task.cancel()

    async def take(self) -> bytes:
        """What has come of the body since this was last asked; waits for something, unless the body is complete.

        Raises:
            Disconnected: the client left.
        """
        if self._continue_wanted and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._continue_wanted = False
        if not self.disconnected:
            self._flow.resume_reading()  # also where all has come: what is read next may be that the client has left
        if not (self._pieces or self.has_body or self.disconnected):
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        if self.disconnected:
            raise Disconnected
        pieces, self._pieces, self._unread_bytes = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _tell(self, news: asyncio.Future[None]) -> None:
        if not news.done():
            news.set_result(None)

    # -------------------------------------------------------------------------------------- answer

    def begin(self, status: int, lines: bytes) -> None:
        """Write the head of an answer, with `lines` as its fields; its body follows by `say` and `end`."""
        if not self.disconnected:
            self.begun = True
            self._transport.write(self._head(status, lines, _CHUNKED))

    async def say(self, data: bytes) -> None:
        """Write a piece of the body, once the client has taken enough of what is before it."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        self.put(data)

    def put(self, data: bytes) -> Callable[[], Awaitable[None]] | None:
        """As `say`, at once where nothing is to be waited for; else it has yet to be done by what is returned."""
        if self.disconnected:
            return None
        if self._flow.write_paused:
            return partial(self.say, data)
        if data:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return None

    def end(self) -> None:
        """The body is complete."""
        if not self.disconnected:
            self._transport.write(b"0\r\n\r\n")
            self._end()

    async def answer(self, status: int, lines: bytes, body: bytes) -> None:
        """Write a whole answer."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        self.begun = True
        head = self._head(status, lines, b"content-length: %d\r\n" % len(body))
        self._transport.write(head if self.method == "HEAD" else head + body)
        self._end()

    def _head(self, status: int, lines: bytes, framing: bytes) -> bytes:
        closing = b"" if self.keep_alive else _CLOSE
        return b"".join((status_line(status), self._server_lines, lines, framing, closing, b"\r\n"))

    def _end(self) -> None:
        self.complete = True
        if not self.keep_alive:
            self._transport.close()
        self._on_answered()
