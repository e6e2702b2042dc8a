"""One client's connection, with limits on what it may send and on how slowly it may send and take."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Literal, cast

import httptools

from assay.dialects import openai_errors
from assay.errors import RequestError
from assay.gateway.crowd import Crowd
from assay.gateway.cycle import Cycle, status_line
from assay.gateway.flow import Flow
from assay.gateway.heads import Field, Head, Shape
from assay.gateway.resource import Resource

MAX_HEAD_BYTES = 64 * 1024
MAX_HEAD_FIELDS = 128
_SYSTEM_BYTES = 256 * 1024
"""What the system buffers for one reader: by itself it would take megabytes, and then nothing for minutes, so that a
slow reader could not be told from one that is gone."""

Stage = Literal["idle", "head", "served", "waste"]

log = logging.getLogger("assay.gateway")


class Connection(asyncio.Protocol):
    """One connection. The methods are asyncio's and httptools'; `stage` says what the client is expected to do.

    `idle`: nothing; `head`: to send the rest of it; `served`: to send its body, or to wait for its answer; `waste`: to
    send the rest of a body that is not wanted any more. Of a wanted body that is overdue whoever reads it is told, who
    can say so in the client's own format.
    """

    def __init__(self, answer: Callable[[Cycle], Coroutine[Any, Any, None]], crowd: Crowd) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._parser = self._new_parser()
        self._url = b""
        self._headers: list[Field] = []
        self.stage: Stage = "idle"
        self._crowd = crowd
        self._heads = crowd.heads
        self._serve = crowd.serve
        self._deadline: float | None = None
        self._taken_bytes = -1  # of answers, when that was last looked at
        self._taken_at = 0.0
        self._head_bytes = 0  # as far as they are counted: of the target and the trailer, else only of long heads
        self._piece_bytes = 0  # of what is parsed now
        self._coming_bytes = 0  # all since the request began, and at most a piece more
        self._fed_bytes = 0  # all that came without completing the head
        self._begun = 0  # requests whose first byte the parser was given
        self._missing_bytes = 0  # of a body whose head was known: the parser gets none of it
        self._refusal: RequestError | None = None
        self._full = False
        self._upgrading = False
        self._served: Cycle | None = None  # what is answered now
        self._last: Cycle | None = None  # whose head came last
        self._queue: deque[Cycle] = deque()  # those that wait behind the one that is answered

    # ---------------------------------------------------------------------------------- connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)
        self._flow = Flow(self._transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SYSTEM_BYTES)
        self.limit_unread()
        self._full = not self._crowd.enter(self)
        self._idle_s = self._serve.header_timeout_s if self._full else self._serve.idle_timeout_s
        self._expect("idle", self._idle_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, or was sent away."""
        self._crowd.left(self)
        self._flow.resume_writing()
        if self._served is not None and not self._served.complete:
            self._served.gone()
        # They refer to this connection: let go of, all of it is free at once.
        self._served = self._last = None
        self._queue.clear()
        del self._parser

    def pause_writing(self) -> None:
        """More than enough waits for the client."""
        self._flow.pause_writing()

    def resume_writing(self) -> None:
        """The client has taken enough."""
        self._flow.resume_writing()

    def wind_down(self) -> None:
        """Close as soon as the answer is complete."""
        if self._last is None or self._last.complete:
            self._transport.close()
        else:
            self._last.keep_alive = False

    def leave(self) -> None:
        """Close an idle connection to make room."""
        self._crowd.idle.pop(self, None)
        self._transport.close()

    def cut(self) -> None:
        """End the connection, whatever it is at."""
        self._transport.abort()

    def limit_unread(self) -> None:
        """Bound what may wait: above it, whoever sends more waits until three quarters are left."""
        most = self._crowd.unread_limit_bytes
        self._transport.set_write_buffer_limits(most, most * 3 // 4)

    def check(self, now: float) -> int:
        """End the connection if its client took too long; returns how many bytes wait for it."""
        unread = self._transport.get_write_buffer_size()
        if unread and self._takes_nothing(unread, now):
            log.info("a client took nothing of its answer for %g s: cut", self._serve.write_timeout_s)
            self._transport.abort()
        elif self._deadline is not None and now > self._deadline:
            if self.stage == "served" and self._last is not None:
                self._deadline = None
                self._last.late()
                return unread
            if self.stage == "head":
                self._refuse(RequestError("the head of the request took too long (serve.header_timeout_s)", status=408))
            self._transport.close()
        return unread

    def _takes_nothing(self, unread_bytes: int, now: float) -> bool:
        """Whether a client took none of what waits for it in all the time that it has for that."""
        taken = self._flow.written_bytes - unread_bytes
        if taken != self._taken_bytes:
            self._taken_bytes, self._taken_at = taken, now
        return now - self._taken_at > self._serve.write_timeout_s

    # --------------------------------------------------------------------------------------- input

    def data_received(self, data: bytes) -> None:
        """Take what came: a request whose head is known, or whatever else, which the parser has to read.

        Where nothing is under way, the parser is at the beginning of a request, too: who needs it later finds it there.
        """
        if self._missing_bytes:
            self._feed_known(data)
            return
        if self.stage != "idle":
            self._parse(data)
            return
        head, shape, length, end = self._heads.look(data)
        if head is None:
            self._read_unknown(data, shape, length)
            return
        missing_bytes = int(length) - (len(data) - end)
        if missing_bytes < 0 or self._full:  # another request follows, or there is no room
            self._parse(data)
            return
        self._crowd.idle.pop(self, None)
        self.stage, self._deadline = "served", None
        self._missing_bytes = missing_bytes
        cycle = self._last = Cycle(head, length, self._flow, self._crowd.server_lines, True, self.on_response_complete)
        if not missing_bytes:
            cycle.pieces, cycle.has_body = [data[end:]], True
        elif len(data) > end:
            cycle.feed(data[end:])
        self._begin_answer(cycle)

    def _feed_known(self, data: bytes) -> None:
        """More of the body of a request whose head was known, and what may follow it."""
        body = data[: self._missing_bytes]
        self._missing_bytes -= len(body)
        self.on_body(body)
        if not self._missing_bytes:
            self.on_message_complete()
        if len(body) < len(data):
            self.data_received(data[len(body) :])

    def _read_unknown(self, data: bytes, shape: Shape, length: bytes) -> None:
        """Parse a request, whose head may be known from then on."""
        begun, before = self._begun + 1, self._last
        self._parse(data)
        cycle = self._last
        if (
            cycle is not None
            and cycle is not before
            and self._begun == begun
            and cycle.keep_alive
            and self._heads.worth_knowing(shape, length, cycle.head, self._url, self._headers)
        ):
            cycle.shape = shape

    def _parse(self, data: bytes) -> None:
        """Parse what came; what is no HTTP, or too much of it, ends the connection."""
        begun = self._begun + (self.stage == "idle")
        try:
            self._piece_bytes = len(data)
            self._coming_bytes += self._piece_bytes
            self._parser.feed_data(data)
            if self.stage == "head":
                self._await_head(len(data) if self._begun <= begun else 0)  # it may have begun within what came
        except httptools.HttpParserUpgrade as stop:
            self._go_on_without_upgrade(data[int(stop.args[0]) :])
        except httptools.HttpParserCallbackError:
            self._refuse(self._refusal or RequestError("the target of the request cannot be read"))
        except (httptools.HttpParserError, RequestError) as error:
            self._refuse(self._refusal or RequestError(f"this is not HTTP/1.1: {error}"))

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that closes the connection is no mistake that its answer should be withheld for.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _await_head(self, fed_bytes: int) -> None:
        """A head goes on: for as long, and as far, as it may."""
        if self._deadline is None:
            self._expect("head", self._serve.header_timeout_s)
        if fed_bytes:
            self._fed_bytes += fed_bytes
            self._bound_head(self._fed_bytes)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers = []
        self._crowd.idle.pop(self, None)
        self.stage, self._deadline = "head", None
        self._head_bytes = self._fed_bytes = 0
        self._coming_bytes = self._piece_bytes
        self._begun += 1
        self._upgrading = False

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._head_bytes += len(url)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._bound_head(0)
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field, or one of the trailer, which says nothing that anybody may rely on."""
        if self.stage == "head":
            self._headers.append((name.lower(), value))
        else:
            self._bound_head(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        """The head is complete: the application is called."""
        if self._full:
            raise self._refused("too many connections (serve.max_connections); try again", 503)
        if self._coming_bytes > MAX_HEAD_BYTES or len(self._headers) > MAX_HEAD_FIELDS:  # else it cannot be too large
            self._bound_head(sum(len(name) + len(value) + 4 for name, value in self._headers))
        version = self._parser.get_http_version()
        if version != "1.1" and any(name == b"transfer-encoding" for name, _ in self._headers):
            raise self._refused("HTTP/1.0 has no transfer-encoding", 400)
        self.stage, self._deadline = "served", None
        self._upgrading = self._parser.should_upgrade()
        if self._upgrading:
            return
        before, old = self._last, version < "1.1"
        headers = dict(self._headers)
        length = headers.pop(b"content-length", b"")
        cycle = self._last = Cycle(
            Head(self._parser.get_method().decode("ascii"), Resource.of(self._url), headers),
            length,
            self._flow,
            self._crowd.server_lines,
            not old and self._parser.should_keep_alive(),
            self.on_response_complete,
            old=old,
        )
        if before is None or before.complete:
            self._begin_answer(cycle)
        else:
            self._flow.pause_reading()
            self._queue.append(cycle)

    def _begin_answer(self, cycle: Cycle) -> None:
        self._served = cycle
        if not cycle.has_body:
            self._deadline = self._loop.time() + self._serve.body_timeout_s
        task = cycle.task = self._loop.create_task(self._answer(cycle))
        self._crowd.tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """A request is not worked for any more. Whatever went wrong ends its answer, or the connection within it."""
        self._crowd.tasks.discard(task)
        if task.cancelled():  # the server does that to what takes too long
            log.error("a request was ended without an answer")
        elif (error := task.exception()) is not None:
            log.error("a request was ended without an answer", exc_info=error)
        cycle = self._served
        if cycle is not None and cycle.task is task and not cycle.complete:
            cycle.task = None  # what went wrong refers to all of this
            cycle.fail()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._last is not None and not self._upgrading and not self._last.complete:
            self._last.feed(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._upgrading:
            return
        if self._last is not None and not self._last.complete:
            self._last.fed()
        if self.stage == "waste":
            self._expect("idle", self._idle_s)
        elif self.stage == "served":
            self._deadline = None

    def on_response_complete(self) -> None:
        """The answer is complete."""
        served = self._served
        if served is None:
            return
        if served.shape is not None and served.status is not None and served.status < 400:
            self._heads.know(served.shape, served.head)
        if served.pieces:  # of a body that nobody wanted: who stays idle would keep them here
            served.pieces.clear()
        if not served.keep_alive:
            self._transport.close()
        elif not self._transport.is_closing():
            if self._flow.read_paused:
                self._flow.resume_reading()
            if self._queue:
                self._begin_answer(self._queue.popleft())
        last = self._last
        if last is None or not last.complete:
            return
        if not last.has_body:
            self._expect("waste", self._serve.body_timeout_s)
        elif self.stage == "served":
            self._expect("idle", self._idle_s)

    def _expect(self, stage: Stage, within_s: float) -> None:
        """Something from the client within a time; an idle one owes nothing, and may be closed to make room."""
        self.stage, self._deadline = stage, self._loop.time() + within_s
        if stage == "idle":
            self._crowd.idle[self] = None

    def _bound_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise self._refused(f"the head of the request is larger than {MAX_HEAD_BYTES} bytes", 431)
        if len(self._headers) > MAX_HEAD_FIELDS:
            raise self._refused(f"the request has more than {MAX_HEAD_FIELDS} header fields", 431)

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """Read a request that would rather speak another protocol as what it is.

        The parser stops at its head; clients that ask for HTTP/2 in this way (Java's) send their body all the same.
        """
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        if method == b"CONNECT":
            self._refuse(RequestError("CONNECT: this is no proxy", status=405))
            return
        dropped = (b"connection", b"upgrade", b"http2-settings")
        fields = b"".join(b"%s: %s\r\n" % field for field in self._headers if field[0] not in dropped)
        closing = b"" if self._parser.should_keep_alive() else b"connection: close\r\n"
        self._parser = self._new_parser()
        self._parse(b"%s %s HTTP/%s\r\n%s%s\r\n%s" % (method, self._url, version, fields, closing, rest))

    # -------------------------------------------------------------------------------------- refusal

    def _refused(self, message: str, status: int) -> RequestError:
        """The error that stops the parser; httptools hides it from whoever called that."""
        self._refusal = RequestError(message, status=status)
        return self._refusal

    @property
    def _answering(self) -> bool:
        return self._served is not None and self._served.status is not None and not self._served.complete

    def _refuse(self, error: RequestError) -> None:
        """Say what is wrong and close. Within an answer nothing can be said."""
        if self._answering:
            self._transport.abort()
            return
        wire = openai_errors.write_error(error)
        fields = {**wire.headers, "content-length": str(len(wire.body)), "connection": "close"}
        head = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields.items())
        self._flow.write(b"%s%s\r\n%s" % (status_line(wire.status), head, wire.body))
        self._transport.close()
