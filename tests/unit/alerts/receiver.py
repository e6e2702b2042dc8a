"""A webhook on a free port of this machine, which takes, fails, dawdles or hangs up as told."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Receiver:
    """A webhook.

    Attributes:
        statuses: what the next requests are answered, one each; 200 when there is none left. 0 = it hangs up.
        hold: it answers nothing until this is set.
        got: bodies, as JSON.
        heads: what came before them.
    """

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.got: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.came = asyncio.Event()

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hold.set()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Its address, with a secret in it."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hooks/s3cret"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = int(head.lower().split("content-length:")[1].split()[0])
            self.heads.append(head)
            self.got.append(json.loads(await reader.readexactly(size)))
            self.came.set()
            await self.hold.wait()
            status = self.statuses.pop(0) if self.statuses else 200
            if status:
                more = "location: http://127.0.0.1:9/elsewhere\r\n" if 300 <= status < 400 else ""
                writer.write(f"HTTP/1.1 {status} X\r\n{more}content-length: 0\r\nconnection: close\r\n\r\n".encode())
                await writer.drain()
        finally:
            writer.close()
