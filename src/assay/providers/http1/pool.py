"""Connections that lie idle, kept for the next request to the same place. No call looks through the pool."""

from __future__ import annotations

import asyncio

from assay.errors import ConnectionFailed
from assay.providers.address import Origin
from assay.providers.http1.connection import Connection

IDLE_S = 55.0
"""Just below the minute after which many balancers hang up: better we do than they, while a request is on its way."""
KEEP_MARGIN_S = 1.0
MAX_IDLE = 1024
SWEEP_S = 5.0


class Pool:
    """The connections of one event loop: all that stand, and which of them lie idle.

    The last one put in is the first one taken: what is needed stays warm, what is not grows old and is closed.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._standing: set[Connection] = set()
        self._none_left = asyncio.Event()
        self._none_left.set()
        self._idle: dict[Origin, dict[Connection, None]] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, origin: Origin) -> Connection | None:
        """A connection that can take a request: nothing of it is gone, and the host has said nothing unasked.

        An end that the event loop has not seen yet is seen here, so that no request is written into it. None = there is
        no such connection.
        """
        idle = self._idle.get(origin)
        while idle:
            connection, _ = idle.popitem()
            self._count -= 1
            unread = connection.unread
            if not connection.lost and self._loop.time() < connection.idle_until and not (unread and unread.poll(0)):
                return connection
            connection.abort()
        return None

    def put(self, connection: Connection, keep_s: float) -> None:
        """See `Owner`."""
        idle_s = keep_s - KEEP_MARGIN_S
        if idle_s <= 0 or self._count >= MAX_IDLE:
            connection.abort()
            return
        connection.idle_until = self._loop.time() + (idle_s if idle_s < IDLE_S else IDLE_S)
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = {}
        idle[connection] = None
        self._count += 1
        if self._timer is None:
            self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    def made(self, connection: Connection) -> None:
        """See `Owner`."""
        self._standing.add(connection)
        self._none_left.clear()

    def lost(self, connection: Connection) -> None:
        """See `Owner`."""
        self._standing.discard(connection)
        if not self._standing:
            self._none_left.set()
        if self._idle.get(connection.origin, {}).pop(connection, self) is None:
            self._count -= 1

    async def close(self) -> None:
        """End all, idle or not, and wait until they are gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in tuple(self._standing):
            connection.fail(ConnectionFailed("assay closed its connections while this request was under way"))
        await self._none_left.wait()

    def _sweep(self) -> None:
        """Close what has lain too long. The oldest stand first, so that the young ones are not looked at."""
        self._timer = None
        now = self._loop.time()
        for origin, idle in tuple(self._idle.items()):
            for connection in tuple(idle):
                if connection.idle_until > now:
                    break
                del idle[connection]
                self._count -= 1
                connection.abort()
            if not idle:
                del self._idle[origin]
        if self._count:
            self._timer = self._loop.call_later(SWEEP_S, self._sweep)
