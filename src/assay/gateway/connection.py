"""One client's connection: uvicorn's, with limits on what it may send and on how slowly it may send and take.

uvicorn bounds neither the head of a request nor the time in which it must come, and waits for ever for a reader that
takes nothing. `Crowd` is all connections of a server: it looks at their deadlines once in a while, so that none of
them needs timers of its own, and makes room when there are too many.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Literal

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from assay.config.schema import Serve
from assay.dialects import openai_errors
from assay.errors import RequestError

MAX_HEAD_BYTES = 64 * 1024
MAX_HEAD_FIELDS = 128
MAX_UNREAD_BYTES = 1024 * 1024
"""What may wait for a slow reader before its upstream is slowed down, too. Nearly every answer is shorter, so that a
reader who takes its time does not hold a place among the requests of a deployment."""
_TAKEN_BYTES = 128 * 1024  # a reader that is behind must take so much within `serve.write_timeout_s`

Stage = Literal["idle", "head", "served", "waste"]

log = logging.getLogger("assay.gateway")


class Crowd:
    """All connections of one server.

    Args:
        serve: the limits.
        most: connections at the same time; more are told 503, unless an idle one can be closed instead.
    """

    def __init__(self, serve: Serve, most: int) -> None:
        self.serve = serve
        self.idle: dict[Connection, None] = {}  # the longest idle first
        self._most = most
        self._all: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Connection) -> bool:
        """Take a connection in; False: there is no room."""
        room = len(self._all) < self._most
        if not room and self.idle:
            next(iter(self.idle)).leave()
            room = True
        self._all.add(connection)
        return room

    def left(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._all.discard(connection)
        self.idle.pop(connection, None)

    async def watch(self) -> None:
        """Look at all deadlines, again and again."""
        limits = (self.serve.header_timeout_s, self.serve.body_timeout_s, self.serve.idle_timeout_s)
        pause_s = min(1.0, min(*limits, self.serve.write_timeout_s) / 4)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause_s)
            now = loop.time()
            for connection in tuple(self._all):
                connection.check(now)


class Connection(HttpToolsProtocol):
    """One connection. The methods are asyncio's and httptools'; `stage` says what the client is expected to do.

    `idle`: nothing; `head`: to send the rest of it; `served`: to send its body, or to wait for its answer; `waste`: to
    send the rest of a body that is not wanted any more. The time that a wanted body may take is watched by whoever
    reads it, who can say so in the client's own format.
    """

    def __init__(self, crowd: Crowd, **given: Any) -> None:
        super().__init__(**given)
        self.stage: Stage = "idle"
        self._crowd = crowd
        self._serve = crowd.serve
        self._deadline: float | None = None
        self._writable_by: float | None = None
        self._head_bytes = 0  # of the fields that are complete
        self._fed_bytes = 0  # all that came without completing the head
        self._begun = 0  # requests whose first byte has come
        self._refusal: RequestError | None = None
        self._full = False
        self._upgrading = False

    # ---------------------------------------------------------------------------------- connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(MAX_UNREAD_BYTES, MAX_UNREAD_BYTES - _TAKEN_BYTES)
        self._full = not self._crowd.enter(self)
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, or was sent away."""
        self._crowd.left(self)
        super().connection_lost(exc)

    def leave(self) -> None:
        """Close an idle connection to make room."""
        self._crowd.idle.pop(self, None)
        self.transport.close()

    def check(self, now: float) -> None:
        """End the connection if its client took too long."""
        if self._writable_by is not None and now > self._writable_by:
            log.info("a client takes nothing of its answer: cut after %g s", self._serve.write_timeout_s)
            self.transport.abort()
        elif self._deadline is not None and now > self._deadline:
            if self.stage == "head":
                self._refuse(RequestError("the head of the request took too long (serve.header_timeout_s)", status=408))
            self.transport.close()

    def pause_writing(self) -> None:
        """The client is behind."""
        super().pause_writing()
        self._writable_by = self.loop.time() + self._serve.write_timeout_s

    def resume_writing(self) -> None:
        """The client has taken enough to be sent more."""
        super().resume_writing()
        self._writable_by = None

    # --------------------------------------------------------------------------------------- input

    def data_received(self, data: bytes) -> None:
        """Parse what came; what is no HTTP, or too much of it, ends the connection."""
        self._unset_keepalive_if_required()
        begun = self._begun + (self.stage == "idle")
        try:
            self.parser.feed_data(data)
            if self.stage == "head" and self._begun <= begun:  # else it began somewhere within what came
                self._fed_bytes += len(data)
                self._bound_head(self._fed_bytes)
        except httptools.HttpParserUpgrade as stop:
            self._go_on_without_upgrade(data[int(stop.args[0]) :])
        except httptools.HttpParserCallbackError:
            self._refuse(self._refusal or RequestError("the target of the request cannot be read"))
        except (httptools.HttpParserError, RequestError) as error:
            self._refuse(self._refusal or RequestError(f"this is not HTTP/1.1: {error}"))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._crowd.idle.pop(self, None)
        self._expect("head", self._serve.header_timeout_s)
        self._head_bytes = self._fed_bytes = 0
        self._begun += 1
        self._upgrading = False

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._bound_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or one of the trailer, which says nothing that anybody may rely on."""
        self._bound_head(len(name) + len(value) + 4)
        if self.stage == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: the application is called."""
        if self._full:
            raise self._refused("too many connections (serve.max_connections); try again", 503)
        if self.parser.get_http_version() != "1.1" and any(name == b"transfer-encoding" for name, _ in self.headers):
            raise self._refused("HTTP/1.0 has no transfer-encoding", 400)
        self._expect("served", None)
        self._upgrading = self.parser.should_upgrade()
        if not self._upgrading:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._upgrading:
            return
        super().on_message_complete()
        if self.stage == "waste":
            self._rest()

    def on_response_complete(self) -> None:
        """The answer is complete."""
        more = self.cycle.more_body
        super().on_response_complete()
        if more and self.cycle.response_complete:
            self._expect("waste", self._serve.body_timeout_s)
        elif self.stage == "served" and self.cycle.response_complete:
            self._rest()

    def _rest(self) -> None:
        """Nothing is under way."""
        self._expect("idle", self._serve.header_timeout_s if self._full else self._serve.idle_timeout_s)
        self._crowd.idle[self] = None

    def _expect(self, stage: Stage, within_s: float | None) -> None:
        self.stage = stage
        self._deadline = None if within_s is None else self.loop.time() + within_s

    def _bound_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise self._refused(f"the head of the request is larger than {MAX_HEAD_BYTES} bytes", 431)
        if len(self.headers) >= MAX_HEAD_FIELDS:
            raise self._refused(f"the request has more than {MAX_HEAD_FIELDS} header fields", 431)

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read a request that would rather speak another protocol as what it is.

        The parser stops at its head; clients that ask for HTTP/2 in this way (Java's) send their body all the same.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(RequestError("CONNECT: this is no proxy", status=405))
            return
        dropped = (b"connection", b"upgrade", b"http2-settings")
        fields = b"".join(b"%s: %s\r\n" % field for field in self.headers if field[0] not in dropped)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, self.url, fields, rest))

    # -------------------------------------------------------------------------------------- refusal

    def _refused(self, message: str, status: int) -> RequestError:
        """The error that stops the parser; httptools hides it from whoever called that."""
        self._refusal = RequestError(message, status=status)
        return self._refusal

    @property
    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and cycle.response_started and not cycle.response_complete

    def _refuse(self, error: RequestError) -> None:
        """Say what is wrong and close. Within an answer nothing can be said."""
        if self._answering:
            self.transport.abort()
            return
        wire = openai_errors.write_error(error)
        fields = {**wire.headers, "content-length": str(len(wire.body)), "connection": "close"}
        head = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields.items())
        status = f"HTTP/1.1 {wire.status} {HTTPStatus(wire.status).phrase}\r\n".encode()
        self.transport.write(b"%s%s\r\n%s" % (status, head, wire.body))
        self.transport.close()
