"""Running the gateway on uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from functools import partial
from typing import Any, cast

from assay.config.schema import Serve
from assay.errors import ServerError
from assay.gateway.asgi import Gateway

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
        listener.listen(2048)  # now: until somebody listens, another process may bind the same address
    except OSError as error:
        listener.close()
        raise ServerError(
            f"cannot listen on {serve.host}:{serve.port}: {error.strerror}; take another --port or stop the other"
        ) from error
    return listener


async def run(gateway: Gateway, listener: socket.socket, *, signals: bool = True) -> None:
    """Serve until a signal says stop; requests in flight may end first.

    Args:
        gateway: the application.
        listener: from `listen`; closed at the end.
        signals: end on SIGINT and SIGTERM; without it, cancel the task.
    """
    import uvicorn

    from assay.gateway.connection import Connection, Crowd

    serve = gateway.serve
    crowd = gateway.crowd = Crowd(serve, _most_connections(serve.max_connections))
    config = uvicorn.Config(
        gateway,
        http=cast(Any, partial(Connection, crowd)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=cast(int, serve.idle_timeout_s),
        timeout_graceful_shutdown=cast(int, serve.grace_s),
    )
    server = uvicorn.Server(config)
    drained: asyncio.Task[None] | None = None

    async def drain() -> None:
        await asyncio.sleep(serve.drain_s)
        server.should_exit = True

    def stop() -> None:
        nonlocal drained
        server.force_exit = gateway.draining  # the second signal does not wait
        server.should_exit = server.should_exit or gateway.draining or not serve.drain_s
        if not gateway.draining:
            gateway.draining = True
            drained = asyncio.create_task(drain())

    # Not `server.serve`: it raises the signal again, and SIGTERM would end the process before the ledger is closed.
    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM) if signals else ()
    with contextlib.suppress(NotImplementedError):  # Windows
        for one in caught:
            loop.add_signal_handler(one, stop)
    watching = asyncio.create_task(crowd.watch())
    work = asyncio.create_task(server._serve([listener]))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        gateway.draining = server.should_exit = True
        await work
        raise
    finally:
        if server.server_state.tasks:  # cut after the grace period; their last words and settlements
            await asyncio.wait(server.server_state.tasks, timeout=2)
        for task in (watching, drained):
            if task is not None:
                task.cancel()
        with contextlib.suppress(NotImplementedError):
            for one in caught:
                loop.remove_signal_handler(one)


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
