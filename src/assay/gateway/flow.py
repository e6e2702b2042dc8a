"""The flow on one connection, in both directions: who is faster than the other side waits."""

from __future__ import annotations

import asyncio

__all__ = ["Flow"]


class Flow:
    """Reading and writing, each of which may be paused.

    Attributes:
        write_paused: the client takes less than it is given.
    """

    __slots__ = ("_read_paused", "_transport", "_writable", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._read_paused = False
        self.write_paused = False
        self._writable = asyncio.Event()

    async def drain(self) -> None:
        """Wait until the client has taken enough."""
        while self.write_paused:
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Take no more from the client."""
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the client again."""
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """The client is behind."""
        self.write_paused = True
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has taken enough, or is gone."""
        self.write_paused = False
        self._writable.set()
