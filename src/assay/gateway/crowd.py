"""All connections of one server: their deadlines, the room that they share, and who makes room for others.

One look at all of them once in a while serves in place of timers that each would need.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any, Protocol

from assay.config.schema import Serve
from assay.gateway.heads import Heads

MAX_UNREAD_BYTES = 8 * 1024 * 1024
"""What may wait for one slow reader before its upstream is slowed down, too. Nearly every answer is shorter, so that a
reader who takes its time does not hold a place among the requests of a deployment."""
ALL_UNREAD_BYTES = 256 * 1024 * 1024
"""About what may wait for all readers together; when it is more, they share it."""
_LEAST_UNREAD_BYTES = 64 * 1024


class Member(Protocol):
    """A connection, as far as the crowd is concerned."""

    def check(self, now: float) -> int:
        """End it if its client took too long; returns how many bytes wait for that."""
        ...

    def limit_unread(self) -> None:
        """Bound what may wait for the client, as the crowd says now."""
        ...

    def leave(self) -> None:
        """Close it while it is idle, to make room."""
        ...

    def wind_down(self) -> None:
        """Close it as soon as nothing is under way."""
        ...

    def cut(self) -> None:
        """End it, whatever it is at."""
        ...


class Crowd:
    """All connections of one server.

    Args:
        serve: the limits.
        most: connections at the same time; more are told 503, unless an idle one can be closed instead.

    Attributes:
        idle: connections that expect nothing, the longest idle first.
        gone: set while there is none.
        tasks: that serve requests.
        server_lines: header fields that every answer has.
        heads: that are known.
        unread_limit_bytes: how much may wait for each reader.
    """

    def __init__(self, serve: Serve, most: int) -> None:
        self.serve = serve
        self.idle: dict[Member, None] = {}
        self.unread_limit_bytes = MAX_UNREAD_BYTES
        self.gone = asyncio.Event()
        self.gone.set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.heads = Heads()
        self.tick()
        self._most = most
        self._all: set[Member] = set()

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, connection: Member) -> bool:
        """Take a connection in; False: there is no room."""
        room = len(self._all) < self._most
        if not room and self.idle:
            next(iter(self.idle)).leave()
            room = True
        self._all.add(connection)
        self.gone.clear()
        return room

    def left(self, connection: Member) -> None:
        """Forget a connection that is gone."""
        self._all.discard(connection)
        self.idle.pop(connection, None)
        if not self._all:
            self.gone.set()

    def tick(self) -> None:
        """A second has passed."""
        self.server_lines = f"date: {formatdate(usegmt=True)}\r\n".encode()

    def wind_down(self) -> None:
        """Have all go as soon as they have their answers."""
        for connection in tuple(self._all):
            connection.wind_down()

    def disperse(self) -> None:
        """Cut all that are left."""
        for connection in tuple(self._all):
            connection.cut()

    async def watch(self) -> None:
        """Look at all deadlines, again and again."""
        limits = (self.serve.header_timeout_s, self.serve.body_timeout_s, self.serve.idle_timeout_s)
        pause_s = min(1.0, min(*limits, self.serve.write_timeout_s) / 4)
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause_s)
            now = loop.time()
            self.share([unread for connection in tuple(self._all) if (unread := connection.check(now))])

    def share(self, unread_bytes: list[int]) -> None:
        """Set how much may wait for each reader, from what waits for those that are behind."""
        limit = MAX_UNREAD_BYTES
        if sum(unread_bytes) > ALL_UNREAD_BYTES:
            limit = min(limit, max(_LEAST_UNREAD_BYTES, ALL_UNREAD_BYTES // len(unread_bytes)))
        if limit != self.unread_limit_bytes:
            self.unread_limit_bytes = limit
            for connection in self._all:
                connection.limit_unread()
