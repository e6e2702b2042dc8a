"""A host of chat completions that does what each request says, and keeps the truth of what it told.

A prompt holds `do=WHAT n=NUMBER`, where WHAT is one of `DOINGS`. Usage is a function of the number, so that whoever
reads the ledger can tell what it should have been. Each answer has an `x-request-id` of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["DOINGS", "Host", "Told", "usage_of"]

DOINGS = ("answer", "slow", "silent", "cut", "endless", "error", "busy", "hang")
"""Answer; after 20 ms; as a stream without usage; break off; go on until the client leaves; 500; 429; say nothing."""
_ASKED = re.compile(r"do=(\w+) n=(\d+)")
_CHUNKS = 6
_PAUSE_S = 0.02
_WORDS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}


def usage_of(number: int) -> tuple[int, int]:
    """Input and output tokens of a request."""
    return 5 + number % 40, 1 + number % 30


class Told(NamedTuple):
    """What the host told of one request.

    Attributes:
        doing: what it was asked to do.
        number: of the request.
        status: of the answer; None = none was sent.
        usage: whether its usage was written, before the client left.
        limit: the longest answer that the request allowed.
    """

    doing: str
    number: int
    status: int | None
    usage: bool
    limit: int | None


@dataclass
class Host:
    """The host; `begin` listens on loopback."""

    told: dict[str, Told] = field(default_factory=dict)
    port: int = 0
    _server: asyncio.Server | None = None

    async def begin(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._request(reader, writer):
                pass
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"(?i)content-length: *(\d+)", head)
        body = json.loads(await reader.readexactly(int(size[1]) if size else 0))
        asked = _ASKED.search(body["messages"][-1]["content"])
        doing, number = (asked[1], int(asked[2])) if asked else ("answer", 0)
        id_ = f"up-{len(self.told)}"
        limit = body.get("max_tokens")
        self.told[id_] = Told(doing, number, None, False, limit)
        if doing == "hang":
            await reader.read()  # until the client leaves
            return False
        if doing in ("error", "busy"):
            status = 500 if doing == "error" else 429
            writer.write(_head(status, id_, b'{"error":{"message":"no"}}'))
            self.told[id_] = Told(doing, number, status, False, limit)
            return True
        if doing == "slow":
            await asyncio.sleep(_PAUSE_S)
        if body.get("stream"):
            return await self._stream(reader, writer, id_, Told(doing, number, 200, False, limit))
        writer.write(_head(200, id_, json.dumps(_whole(number)).encode()))
        self.told[id_] = Told(doing, number, 200, True, limit)
        return True

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, id_: str, told: Told) -> bool:
        self.told[id_] = told
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\nx-request-id: "
            + id_.encode() + b"\r\n\r\n"
        )  # fmt: skip
        for piece in range(10_000 if told.doing == "endless" else _CHUNKS):
            if told.doing == "cut" and piece == told.number % _CHUNKS:
                return False
            writer.write(_event({"index": 0, "delta": {"content": "word "}, "finish_reason": None}))
            await writer.drain()
            if told.doing == "endless":
                await asyncio.sleep(_PAUSE_S)
        writer.write(_event({"index": 0, "delta": {}, "finish_reason": "stop"}))
        if told.doing != "silent":
            writer.write(_line({"choices": [], "usage": _usage(told.number)}))
            self.told[id_] = told._replace(usage=True)
        writer.write(b"data: [DONE]\n\n")
        await writer.drain()
        return False


def _head(status: int, id_: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status} {_WORDS[status]}\r\ncontent-type: application/json\r\nx-request-id: {id_}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def _usage(number: int) -> dict[str, int]:
    asked, answered = usage_of(number)
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _whole(number: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": "words"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": _usage(number)}


def _event(choice: dict[str, Any]) -> bytes:
    return _line({"choices": [choice]})


def _line(more: dict[str, Any]) -> bytes:
    return (
        b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", **more}).encode() + b"\n\n"
    )
