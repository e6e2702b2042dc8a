"""Running the gateway on uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import signal
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

    def stop() -> None:
        server.force_exit = server.should_exit  # the second signal does not wait
        server.should_exit = True

    # Not `server.serve`: it raises the signal again, and SIGTERM would end the process before the ledger is closed.
    loop = asyncio.get_running_loop()
    caught = (signal.SIGINT, signal.SIGTERM) if signals else ()
    with contextlib.suppress(NotImplementedError):  # Windows
        for one in caught:
            loop.add_signal_handler(one, stop)
    work = asyncio.create_task(server._serve([listener]))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        server.should_exit = True
        await work
        raise
    finally:
        if server.server_state.tasks:  # cut after the grace period; their last words and settlements
            await asyncio.wait(server.server_state.tasks, timeout=2)
        with contextlib.suppress(NotImplementedError):
            for one in caught:
                loop.remove_signal_handler(one)
