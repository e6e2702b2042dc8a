"""Running the gateway on uvicorn."""

from __future__ import annotations

import asyncio
import socket

from assay.config.schema import Serve
from assay.errors import ServerError
from assay.gateway.asgi import Gateway


def listen(serve: Serve) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ServerError: the address is in use, or not one of this machine.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in serve.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((serve.host, serve.port))
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

    config = uvicorn.Config(
        gateway,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    if signals:
        await server.serve(sockets=[listener])
        return
    work = asyncio.create_task(server._serve([listener]))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        server.should_exit = True
        await work
        raise
