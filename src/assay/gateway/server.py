"""Running the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator

from assay.config.schema import Serve
from assay.errors import ServerError
from assay.gateway.asgi import Gateway
from assay.gateway.connection import Connection
from assay.gateway.crowd import Crowd
from assay.inference.spine import Spine

_LAST_WORDS_S = 2.0
"""For what was cut: the error at the end of its stream, and its rows in the ledger."""
_OBJECTS_BETWEEN_LOOKS = 20_000
_BACKLOG = 2048
"""Connections that may wait to be accepted."""
_OTHER_FILES = 256
"""File descriptors kept for the ledger, engines and the first upstream connections."""

log = logging.getLogger("assay.gateway")


def listen(serve: Serve) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ServerError: the address is in use, or not one of this machine.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in serve.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((serve.host, serve.port))
        listener.listen(_BACKLOG)  # now: until somebody listens, another process may bind the same address
    except OSError as error:
        listener.close()
        raise ServerError(
            f"cannot listen on {serve.host}:{serve.port}: {error.strerror}; take another --port or stop the other"
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """The address of a listening socket as clients write it, up to `/v1`."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


async def run(gateway: Gateway, listener: socket.socket, *, signals: bool = True) -> None:
    """Serve until a signal says stop; requests in flight may end first.

    Args:
        gateway: the application.
        listener: from `listen`; closed at the end.
        signals: end on SIGINT and SIGTERM; without it, cancel the task.
    """
    server = _Server(gateway)
    _settle_memory(fresh=signals)

    def stop() -> None:
        if gateway.draining:  # the second signal does not wait
            server.hurry.set()
        gateway.draining = True
        loop.call_later(0 if server.hurry.is_set() else gateway.serve.drain_s, server.stop.set)

    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM) if signals else ()
    with contextlib.suppress(NotImplementedError):  # Windows
        for one in caught:
            loop.add_signal_handler(one, stop)
    work = asyncio.create_task(server.serve(listener))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        gateway.draining = True
        server.stop.set()
        await work
        raise
    finally:
        with contextlib.suppress(NotImplementedError):
            for one in caught:
                loop.remove_signal_handler(one)


@contextlib.asynccontextmanager
async def endpoint(spine: Spine) -> AsyncIterator[str]:
    """A gateway before a spine, on a free port of this machine, for as long as the block runs.

    Yields:
        Its address, up to `/v1`.

    Raises:
        ServerError: no port can be listened on.
    """
    serve = Serve(port=0, grace_s=1.0)
    with contextlib.closing(listen(serve)) as listener:
        work = asyncio.create_task(run(Gateway(spine, serve), listener, signals=False))
        try:
            yield url_of(listener)
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work


class _Server:
    """Accepts connections until an event says stop, and is done as soon as the last client is.

    Attributes:
        stop: take no new connections, and end.
        hurry: do not wait for requests in flight.
    """

    def __init__(self, gateway: Gateway) -> None:
        serve = gateway.serve
        self._gateway = gateway
        self._crowd = gateway.crowd = Crowd(serve, _most_connections(serve.max_connections))
        self._grace_s = serve.grace_s
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()

    async def serve(self, listener: socket.socket) -> None:
        """Until `stop`."""
        answer, crowd = self._gateway.serve_one, self._crowd
        loop = asyncio.get_running_loop()
        accepting = await loop.create_server(lambda: Connection(answer, crowd), sock=listener, backlog=_BACKLOG)
        watching = asyncio.create_task(crowd.watch())
        while not self.stop.is_set():
            crowd.tick()
            self._gateway.refresh()
            await _first(1.0, self.stop)
        watching.cancel()
        accepting.close()
        listener.close()
        await self._part()

    async def _part(self) -> None:
        """Close what is idle, wait for the others, and cut them when that takes too long."""
        crowd = self._crowd
        crowd.wind_down()
        await _first(self._grace_s, crowd.gone, self.hurry)
        for task in crowd.tasks:
            task.cancel()
        if crowd.tasks:  # their last words, and what settles them
            await asyncio.wait(crowd.tasks, timeout=_LAST_WORDS_S)
        crowd.disperse()
        await _first(_LAST_WORDS_S, crowd.gone)


async def _first(within_s: float, *events: asyncio.Event) -> None:
    """Wait until one of the events has happened, or the time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _settle_memory(*, fresh: bool) -> None:
    """Look for garbage less often, and never again among what was made before the first request.

    A request leaves next to none that counting references does not free, and looking costs a tenth of its time.

    Args:
        fresh: this process has done nothing but start: of 78,000 objects, that leaves 450 to be found.
    """
    if not fresh:
        gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS, 20, 50)


def _most_connections(wanted: int) -> int:
    """As many connections as are wanted, or as the limit on open files allows once it is raised as far as may be.

    Half of the files are for clients: each may need a connection to an upstream.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * wanted + _OTHER_FILES
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < needed:
        soft = needed if hard == unlimited else min(needed, hard)
        with contextlib.suppress(ValueError, OSError):  # a system may know a lower limit than it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = wanted if soft == unlimited else max(16, min(wanted, (soft - _OTHER_FILES) // 2))
    if most < wanted:
        log.info("at most %d connections: the limit on open files is %d", most, soft)
    return most
