"""One request on a connection and its answer, written straight to the connection."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

__all__ = ["EXTENSION", "Cycle"]

EXTENSION = "assay.cycle"
"""Where the scope of a request names its cycle."""
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CHUNKED = b"transfer-encoding: chunked\r\n"
_CLOSE = b"connection: close\r\n"


class Cycle(RequestResponseCycle):
    """uvicorn's, with an answer that needs no messages, and a client whose leaving ends the work for it at once.

    The methods write nothing where the client has gone.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._work: asyncio.Task[Any] | None = None  # that nobody needs when the client has gone

    async def needed(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that is cancelled when the client leaves; `disconnected` then says so."""
        self._work = asyncio.current_task()
        if self.disconnected and self._work is not None:
            self._work.cancel()
        try:
            await work
        finally:
            self._work = None

    @property
    def has_body(self) -> bool:
        """Whether the whole body has come already."""
        return not self.more_body

    def gone(self) -> None:
        """The client has left."""
        self.disconnected = True
        self.message_event.set()
        if self._work is not None:
            self._work.cancel()

    def begin(self, status: int, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """Write the head of an answer whose body follows by `say` and `end`."""
        self._start(self._head(status, fields, _CHUNKED))

    async def say(self, data: bytes) -> None:
        """Write a piece of the body, once the client has taken enough of what is before it."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if data and not self.disconnected:
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """The body is complete."""
        if not self.disconnected:
            self.transport.write(b"0\r\n\r\n")
            self._complete()

    async def answer(self, status: int, fields: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Write a whole answer."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        head = self._head(status, fields, b"content-length: %d\r\n" % len(body))
        self._start(head if self.scope["method"] == "HEAD" else head + body)
        if not self.disconnected:
            self._complete()

    def _head(self, status: int, fields: Sequence[tuple[bytes, bytes]], framing: bytes) -> bytes:
        lines = [b"%b: %b\r\n" % field for field in (*self.default_headers, *fields)]
        if _CONTROL.search(b"".join([value for _, value in fields])):
            raise RuntimeError("a header of the answer holds a control character")
        if not self.keep_alive:
            framing += _CLOSE
        return b"".join((STATUS_LINE[status], *lines, framing, b"\r\n"))

    def _start(self, data: bytes) -> None:
        if self.disconnected:
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(data)

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
