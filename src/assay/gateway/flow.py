"""The flow on one connection, in both directions: who is faster than the other side waits."""

from __future__ import annotations

import asyncio

__all__ = ["Flow"]


class Flow:
    """Reading and writing, each of which may be paused.

    Attributes:
        transport: of the connection.
        read_paused: nothing is taken from the client.
        write_paused: the client takes less than it is given.
        written_bytes: all that it was given.
    """

    __slots__ = ("_writable", "_write", "read_paused", "transport", "write_paused", "written_bytes")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.read_paused = self.write_paused = False
        self.written_bytes = 0
        self._write = transport.write
        self._writable = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Give the client something, whether or not writing is paused."""
        self.written_bytes += len(data)
        self._write(data)

    async def drain(self) -> None:
        """Wait until the client has taken enough."""
        while self.write_paused:
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Take no more from the client."""
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again."""
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The client is behind."""
        self.write_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has taken enough, or is gone."""
        self.write_paused = False
        self._writable.set()
