"""Hosts on loopback that answer as told and count every byte, and small helpers for tests of the spine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.inference.spine import Options, Spine
from assay.inference.trace import Trace
from assay.types import Event, Label, Message, Native, Raw, Request, Sampling, TextDelta
from ledger_file import rows_of


class Heard:
    """A `Sink` that keeps what it is given."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Event | None] = asyncio.Queue()

    def pass_head(self, data: bytes) -> None:
        """See `Sink.pass_head`."""
        self.events.put_nowait(Raw(data=data, head=True))

    def pass_on(self, data: bytes) -> None:
        """See `Sink.pass_on`."""
        self.events.put_nowait(Raw(data=data, alone=True))

    def pass_more(self, data: bytes) -> Any:
        """See `Sink.pass_more`."""
        return self.pass_on(data)

    def tell(self, event: Event) -> None:
        """See `Sink.tell`."""
        self.events.put_nowait(event)


def poured(spine: Spine) -> Callable[[Request, str, Trace | None, Options], AsyncGenerator[Event, None]]:
    """`Spine.stream` in the shape of `Spine.generate`."""

    async def generate(request: Request, target: str, trace: Trace | None, options: Options) -> Any:
        heard = Heard()
        task = asyncio.create_task(spine.stream(heard, request, target, trace, options))
        task.add_done_callback(lambda _: heard.events.put_nowait(None))
        try:
            while (event := await heard.events.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return generate


@dataclass
class Seen:
    """One request as a host received it, and the means to answer it."""

    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    at_first_byte: object = None
    gone_at: float | None = None

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    async def say(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, body: bytes, status: str = "200 OK", *headers: str, kind: str = "application/json") -> None:
        """Send a whole answer."""
        lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
        await self.say("\r\n".join([*lines, "", ""]).encode() + body)

    async def begin(self, kind: str = "text/event-stream") -> None:
        """Send the head of a streamed answer."""
        await self.say(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())

    async def chunk(self, data: bytes) -> None:
        """Send a piece of a streamed answer; the empty piece ends it."""
        await self.say(b"%x\r\n%s\r\n" % (len(data), data))

    async def gone(self) -> None:
        """Wait until the client has hung up."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass
        self.gone_at = time.monotonic()

    def reset(self) -> None:
        """Break the connection hard."""
        socket = self.writer.get_extra_info("socket")
        socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER of 0 s: RST
        self.writer.transport.abort()


Behave = Callable[[Seen], Awaitable[None]]


@dataclass
class Host:
    """A host; `behave` answers each request, `on_first_byte` is called before anything else is read."""

    behave: Behave
    on_first_byte: Callable[[], object] = lambda: None
    seen: list[Seen] = field(default_factory=list)
    received_bytes: int = 0
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while first := await reader.read(1):
                self.received_bytes += 1
                noted = self.on_first_byte()
                head = first + await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                )
                body = await reader.readexactly(length)
                self.received_bytes += len(head) - 1 + length
                seen = Seen(head, body, reader, writer, noted)
                self.seen.append(seen)
                await self.behave(seen)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def host(behave: Behave, **more: Any) -> AsyncIterator[Host]:
    """A host for the time of the block."""
    made = Host(behave, **more)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await made.serve(reader, writer)
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def whole(text: str = "hello there", usage: dict[str, Any] | None = USAGE, **more: Any) -> bytes:
    """A chat completion, with spacing of its own so that a re-encoding would show."""
    message = {"role": "assistant", "content": text}
    body = {
        "id": "up-1",
        "object": "chat.completion",
        "created": 1,
        "model": "up",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **more,
    }
    if usage is not None:
        body["usage"] = usage
    return json.dumps(body, indent=1).encode()


def sse(*deltas: str, usage: dict[str, Any] | None = USAGE, done: bool = True, finish: bool = True) -> list[bytes]:
    """The pieces of a streamed chat completion."""

    def piece(choices: list[Any], **more: Any) -> bytes:
        body = {"id": "up-1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": choices}
        return b"data:  " + json.dumps({**body, **more}).encode() + b"\n\n"

    pieces = [piece([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])]
    pieces += [piece([{"index": 0, "delta": {"content": text}, "finish_reason": None}]) for text in deltas]
    if finish:
        pieces.append(piece([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    if usage is not None:
        pieces.append(piece([], usage=usage))
    return [*pieces, b"data: [DONE]\n\n"] if done else pieces


async def well(seen: Seen) -> None:
    """Answer well, streamed if asked so."""
    if seen.json.get("stream"):
        await stream(seen, sse("hello", " there"))
    else:
        await seen.answer(whole())


async def stream(seen: Seen, pieces: list[bytes], delay_s: float = 0.0) -> None:
    """Send a whole streamed answer."""
    await seen.begin()
    for data in pieces:
        await seen.chunk(data)
        if delay_s:
            await asyncio.sleep(delay_s)
    await seen.chunk(b"")


async def hang(seen: Seen) -> None:
    """Never answer."""
    await seen.gone()


async def trickle(seen: Seen) -> None:
    """Begin to answer and never end."""
    await seen.begin()
    for data in sse("one", done=False, finish=False, usage=None):
        await seen.chunk(data)
    await seen.gone()


# --------------------------------------------------------------------------------------------- asking


def ask(text: str = "hi", *, native: str | None = None, **more: Any) -> Request:
    """A request; `native` is the client's own bytes in the dialect `openai`."""
    more.setdefault("sampling", Sampling(max_tokens=50))
    if native is not None:
        more["native"] = Native(dialect="openai", raw=native.encode())
    return Request(messages=(Message.of("user", text),), **more)


PRIVATE = Label.PRIVATE_ONLY


def text_of_events(events: list[Event]) -> str:
    """The text of all deltas."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def strangers(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Tasks that were not there before and still run."""
    return {task for task in asyncio.all_tasks() - before if not task.done()}


def rows(path: Path, statement: str = "select * from attempts order by started_at, id") -> list[dict[str, Any]]:
    """What is durable of the ledger: in its file, and in the journals beside it."""
    return rows_of(path, statement)


async def settled(
    path: Path, count: int | None = None, within_s: float = 2.0, table: str = "attempts"
) -> list[dict[str, Any]]:
    """The attempts (or requests), once none of them runs any more (and there are `count`)."""
    until = time.monotonic() + within_s
    while True:
        found = rows(path, f"select * from {table}")
        done = all(row["outcome"] != "running" for row in found) and (count is None or len(found) == count)
        if done or time.monotonic() > until:
            assert done, (len(found), [row for row in found if row["outcome"] == "running"])
            return found
        await asyncio.sleep(0.005)


def held_usd(path: Path) -> float:
    """Money that is still held."""
    return sum(row["reserved_usd"] or 0.0 for row in rows(path, "select * from attempts where outcome = 'running'"))
