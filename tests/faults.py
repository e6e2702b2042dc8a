r"""A host on loopback whose answer to each request is scripted, well or badly: `from faults import Answer, FaultyHost`.

    async with FaultyHost(Answer(status=503), Answer(stop="head", how="reset"), Answer(body=b'{"ok": 1}')) as host:
        ...                       # the first request gets the first answer, and so on; the last one repeats
        host.url                  # "http://127.0.0.1:PORT/v1"
        host.received[0].body     # what came: head, method, target, headers, body, connection (its number)
        host.connections          # how many were taken; host.open_connections stand now
        await host.arrived(2)     # until two requests have been read (5 s at most)
        await host.gone(0)        # until the connection of the first request is gone, whoever ended it (5 s at most)
        host.answer(Answer(...))  # from the next request on: other answers

**Where an answer stops** (`stop`):

    "accept"   the connection is taken and nothing read          "status"  half of the head is sent
    "upload"   the request's head is read, its body is not       "head"    the head is sent, nothing of the body
    "request"  the request is read, not a byte is sent           "end"     all is sent but the end of the body
    7          of a body: 7 bytes of it are sent; of a stream (`events`): 7 events

and **how**: `"reset"` (RST), `"close"` (FIN) or `"hang"`, until the peer goes (`"upload"` does not see that).
`FaultyHost(connects="refuses")` refuses connections; `connects="hangs"` never takes one. `tls=` takes an SSL context.

**What it says**: `body`, or `events` for a stream: `events=[event('{"a": 1}'), event("[DONE]", newline="\r\n")]`; an
error inside a stream is an event, a truncated stream lacks its last. `framing` is `length`, `chunked` or `close`;
streams are chunked. `piece_bytes=1` sends (and chunks) byte by byte, `pause_s` waits between pieces, `encoding="gzip"`
or `"deflate"` compresses with a flush after each piece, `padding_bytes=100_000_000` puts so many spaces before the
body, made while they are sent. `raw=b"..."` is the whole answer, verbatim (wrong framing, bare line feeds), and
`keep=False` closes after it. `busy(2.5)`, `busy(date_in_s=2)`, `busy(ms=50)` ask for a pause.
A function `Received -> Answer` may stand wherever an answer does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Literal, Self

Stage = Literal["accept", "upload", "request", "status", "head", "end"]
WAIT_S = 5.0
_PIECE_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, and where it goes wrong. See the module."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    events: Sequence[bytes] | None = None
    framing: Literal["length", "chunked", "close"] | None = None
    encoding: Literal["gzip", "deflate"] | None = None
    padding_bytes: int = 0
    piece_bytes: int | None = None
    pause_s: float = 0.0
    raw: bytes | None = None
    keep: bool = True
    stop: Stage | int | None = None
    how: Literal["reset", "close", "hang"] = "reset"

    @property
    def framed(self) -> str:
        """How the end of the body is told."""
        return self.framing or ("chunked" if self.events is not None or self.encoding else "length")

    def head(self) -> bytes:
        """Status line and headers."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        kind = "application/json" if self.events is None else "text/event-stream"
        fields = {"content-type": kind, **self._framing_fields(), **self.headers}
        if self.encoding:
            fields["content-encoding"] = self.encoding
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def _framing_fields(self) -> dict[str, str]:
        if self.framed == "length":
            return {"content-length": str(sum(map(len, self._wire(None))))}
        return {"transfer-encoding": "chunked"} if self.framed == "chunked" else {"connection": "close"}

    def pieces(self) -> Iterator[bytes]:
        """The body as it goes over the wire, up to where it stops."""
        stop = self.stop if isinstance(self.stop, int) else None
        kept = b""
        for piece in self._wire(stop):
            if self.framed == "chunked":
                yield b"%x\r\n%s\r\n" % (len(piece), piece)
                continue
            if kept:
                yield kept
            kept = piece
        if self.framed == "chunked":
            if self.stop is None:
                yield b"0\r\n\r\n"
        else:
            yield kept[:-1] if self.stop == "end" and self.framed == "length" else kept

    def _wire(self, stop: int | None) -> Iterator[bytes]:
        """Pieces of the body, compressed where that is wanted."""
        if self.encoding is None:
            yield from self._content(stop)
            return
        packer = zlib.compressobj(wbits=31 if self.encoding == "gzip" else 15)
        for piece in self._content(stop):
            yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        if stop is None:
            yield packer.flush()

    def _content(self, stop: int | None) -> Iterator[bytes]:
        if self.events is not None:
            for one in self.events[:stop]:
                yield from _split(one, self.piece_bytes)
            return
        left = self.padding_bytes if stop is None else min(stop, self.padding_bytes)
        body = self.body if stop is None else self.body[: stop - left]
        while left:
            size = min(left, self.piece_bytes or _PIECE_BYTES)
            left -= size
            yield b" " * size
        yield from _split(body, self.piece_bytes)


Script = Answer | Callable[["Received"], Answer]


def event(data: str, name: str | None = None, *, newline: str = "\n") -> bytes:
    """One server-sent event."""
    lines = ([f"event: {name}"] if name else []) + [f"data: {line}" for line in data.split("\n")]
    return newline.join([*lines, "", ""]).encode()


def busy(seconds: float | None = None, *, date_in_s: float | None = None, ms: int | None = None) -> Answer:
    """A 429 that asks for a pause: in seconds, until a date (whole seconds), or in milliseconds."""
    headers = {}
    if seconds is not None:
        headers["retry-after"] = f"{seconds:g}"
    if date_in_s is not None:
        headers["retry-after"] = format_datetime(datetime.now(UTC) + timedelta(seconds=date_in_s), usegmt=True)
    if ms is not None:
        headers["retry-after-ms"] = str(ms)
    return Answer(status=429, headers=headers, body=b'{"error": {"message": "slow down", "code": "rate_limited"}}')


@dataclass
class Received:
    """One request as it came. Header names are lower case; of several with one name, the last."""

    head: bytes
    connection: int
    body: bytes = b""
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def method(self) -> str:
        """`POST`, mostly."""
        return self.head.split(b" ", 1)[0].decode()

    @property
    def target(self) -> str:
        """Path and query."""
        return self.head.split(b" ", 2)[1].decode()

    @property
    def headers(self) -> dict[str, str]:
        """The header fields."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}


class FaultyHost:
    """A host for the time of an `async with`. See the module."""

    def __init__(
        self,
        *answers: Script,
        connects: Literal["accepts", "refuses", "hangs"] = "accepts",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._answers: list[Script] = list(answers) or [Answer()]
        self._connects = connects
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._sockets: list[socket.socket] = []
        self._open: set[_Connection] = set()
        self._news = asyncio.Condition()
        self.received: list[Received] = []
        self.connections = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/v1"

    @property
    def open_connections(self) -> int:
        """Connections that stand now."""
        return len(self._open)

    def answer(self, *answers: Script) -> None:
        """From the next request on, these answers."""
        self._answers = list(answers)

    async def arrived(self, count: int) -> None:
        """Wait until so many requests have been read."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)

    async def gone(self, number: int = -1) -> None:
        """Wait until the connection of a request is gone, whoever ended it."""
        await asyncio.wait_for(self.received[number].left.wait(), WAIT_S)

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0)) if self._connects == "accepts" else socket.socket()
        if self._connects != "accepts":
            listening.bind(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        if self._connects == "accepts":
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: _Connection(self), sock=listening, ssl=self._tls, backlog=4096
            )
            return self
        self._sockets.append(listening)
        if self._connects == "hangs":
            listening.listen(0)
            for _ in range(4):  # a backlog of 0 takes one or two; the others, and who comes later, wait for ever
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(listening.getsockname())
                self._sockets.append(filler)
            await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for one in self._sockets:
            one.close()
        running = [connection.abort() for connection in tuple(self._open)]
        await asyncio.gather(*running, return_exceptions=True)

    def _next(self) -> Script:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _takes_nothing(self) -> bool:
        first = self._answers[0]
        return isinstance(first, Answer) and first.stop == "accept"


class _Gone(Exception):
    """The peer hung up."""


class _Connection(asyncio.Protocol):
    """Reads requests one after the other, and performs their answers."""

    def __init__(self, host: FaultyHost) -> None:
        self._host = host
        self._buffer = bytearray()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._left = asyncio.Event()
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._transport.set_write_buffer_limits(high=1, low=0)  # writable = all has left: a reset loses nothing
        self._number = self._host.connections
        self._host.connections += 1
        self._host._open.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._news.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def eof_received(self) -> None:
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        self._host._open.discard(self)

    def _leave(self) -> None:
        for event in (self._left, self._news, self._writable):
            event.set()

    def abort(self) -> asyncio.Task[None]:
        """End at once; the task is to be awaited."""
        self._transport.abort()
        self._task.cancel()
        return self._task

    async def _serve(self) -> None:
        with contextlib.suppress(_Gone):
            try:
                if self._host._takes_nothing():
                    answer = self._host._next()
                    assert isinstance(answer, Answer)
                    await self._end(answer)
                while not self._transport.is_closing():
                    await self._exchange()
            finally:
                self._transport.close()

    async def _exchange(self) -> None:
        received = Received(await self._take_until(b"\r\n\r\n"), self._number, left=self._left)
        script = self._host._next()
        answer = script if isinstance(script, Answer) else None
        if answer is not None and answer.stop == "upload":
            self._transport.pause_reading()
        else:
            received.body = await self._take(int(received.headers.get("content-length", "0")))
        async with self._host._news:
            self._host.received.append(received)
            self._host._news.notify_all()
        await self._perform(answer or script(received))  # type: ignore[operator]

    async def _perform(self, answer: Answer) -> None:
        if answer.stop in ("upload", "request"):
            await self._end(answer)
            return
        if answer.raw is not None:
            stop = answer.stop if isinstance(answer.stop, int) else None
            for piece in _split(answer.raw[:stop], answer.piece_bytes):
                await self._send(piece, answer.pause_s)
        else:
            await self._say(answer)
        if answer.stop is not None:
            await self._end(answer)
        elif not answer.keep or answer.framed == "close":
            self._transport.close()

    async def _say(self, answer: Answer) -> None:
        head = answer.head()
        if answer.stop == "status":
            head = head[: len(head) // 2]
        for piece in _split(head, answer.piece_bytes):
            await self._send(piece, 0)
        if answer.stop in ("status", "head"):
            return
        for piece in answer.pieces():
            parts = _split(piece, answer.piece_bytes) if answer.piece_bytes else (piece,)
            for part in parts:
                await self._send(part, answer.pause_s)

    async def _send(self, data: bytes, pause_s: float) -> None:
        await self._writable.wait()
        if self._left.is_set():
            raise _Gone
        self._transport.write(data)
        await asyncio.sleep(pause_s)

    async def _end(self, answer: Answer) -> None:
        await self._writable.wait()
        if answer.how == "hang":
            await self._left.wait()
        elif answer.how == "reset":
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        self._transport.close()

    async def _take_until(self, end: bytes) -> bytes:
        while (at := self._buffer.find(end)) < 0:
            await self._more()
        return self._cut(at + len(end))

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._more()
        return self._cut(size)

    async def _more(self) -> None:
        if self._left.is_set():
            raise _Gone
        self._news.clear()
        await self._news.wait()

    def _cut(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


def _split(data: bytes, piece_bytes: int | None) -> Iterator[bytes]:
    """Pieces of one size; all of it without a size. Nothing for nothing."""
    step = piece_bytes or max(1, len(data))
    for start in range(0, len(data), step):
        yield data[start : start + step]
