"""One connection: it carries one exchange after the other, and nothing of one stays for the next."""

from __future__ import annotations

import asyncio
import select
from typing import Protocol

from assay.errors import ConnectionFailed
from assay.providers.address import Origin
from assay.providers.http1.answer import Answer
from assay.providers.http1.silence import Silence

HELD_BYTES = 256 * 1024
"""So much of an answer waits for its reader; then the host has to wait as well."""


class Owner(Protocol):
    """Who is told of a connection's beginning and end, and has it between two exchanges."""

    def made(self, connection: Connection) -> None:
        """It stands."""
        ...

    def lost(self, connection: Connection) -> None:
        """It is gone, in whatever way."""
        ...

    def put(self, connection: Connection, keep_s: float) -> None:
        """An exchange has ended in order: keep the connection for the next, or hang up.

        Args:
            connection: it.
            keep_s: how long the host keeps it, as `Head.keep_s`.
        """
        ...


class Connection(asyncio.Protocol):
    """A connection that stands, or is being made.

    Args:
        origin: what it leads to.
        owner: told when it stands and when it is gone.

    Attributes:
        answer: what it carries; None = nothing was asked, and the host has nothing to say.
        idle_until: time of the loop until which it may lie idle.
        transport: None = it does not stand.
        lost: it has ended, or is about to; nothing is written any more.
        unread: tells what the event loop has not read yet; None = the system has no such thing.
        write_blocked: the host takes nothing at the moment.
        read_paused: nothing is read, for nobody takes what has come.
        silence: waiting for the host.
    """

    def __init__(self, origin: Origin, owner: Owner) -> None:
        self.origin = origin
        self.owner = owner
        self.answer: Answer | None = None
        self.idle_until = 0.0
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.unread: select.poll | None = None
        self.write_blocked = False
        self.read_paused = False
        self.silence = Silence(self.fail)
        self._loop = asyncio.get_running_loop()

    def abort(self) -> None:
        """Hang up at once; what is not sent yet is not sent."""
        self.silence.stop()
        self.lost = True
        if self.transport is not None:
            self.transport.abort()

    def fail(self, error: Exception) -> None:
        """End the exchange; what came before is still to be had."""
        if self.answer is not None and self.answer.failure is None:
            self.answer.failure = error
        self.abort()
        self.silence.wake()

    def resume(self) -> None:
        """There is room again for what the host says."""
        self.read_paused = False
        if not self.lost and self.transport is not None:
            self.transport.resume_reading()

    # ---------------------------------------------------------------------------- what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = transport  # type: ignore[assignment]
        self.owner.made(self)
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self.unread = select.poll()
            self.unread.register(socket.fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. A piece of the body goes to who waits for it, in this turn of the event loop."""
        answer, silence = self.answer, self.silence
        if answer is None:
            self.abort()  # an answer that nobody asked for
            return
        try:
            framing = answer.framing
            if framing is None:
                data = answer.take_head(data)
                framing = answer.framing
                if framing is None:
                    return
            if data and (piece := framing.feed(data)):
                taker, waiter = answer.taker, silence.waiter
                if taker is None or waiter is None or waiter.done():
                    answer.pieces.append(piece)
                    answer.held_bytes += len(piece)
                    if answer.held_bytes > HELD_BYTES and not framing.done:  # what comes behind its end is to be seen
                        self._pause()
                elif (late := taker(piece)) is not None:  # who waits must do that, and gets nothing more until then
                    answer.late = late
                elif answer.failure is None and not framing.done:
                    silence.since = self._loop.time()
                    return
        except Exception as error:  # noqa: BLE001 - it is for who waits: of the host's words, or of who takes them
            self.fail(error)
            return
        silence.wake()  # also where nothing came of the body itself: the host is not silent

    def _pause(self) -> None:
        """Too much waits for its reader."""
        if not self.read_paused and self.transport is not None:
            self.read_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._end(exc)
        self.silence.end()
        self.transport = None
        self.owner.lost(self)

    def _end(self, error: Exception | None) -> None:
        """The host ended the connection, or it broke."""
        self.lost = True
        answer = self.answer
        if answer is not None and answer.failure is None:
            framing = answer.framing
            if framing is None:
                answer.failure = _unanswered(answer, error)
            elif not framing.done:
                try:
                    if error is not None:
                        raise ConnectionFailed(f"the connection broke in the middle of the answer ({error})")
                    framing.end()
                except ConnectionFailed as failed:
                    answer.failure = failed
        self.silence.wake()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.write_blocked = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.write_blocked = False
        self.silence.wake()


def _unanswered(answer: Answer, error: Exception | None) -> ConnectionFailed:
    where = "in the middle of the answer's head" if answer.raw_head else "without an answer"
    return ConnectionFailed(f"the host ended the connection {where}{f' ({error})' if error is not None else ''}")
