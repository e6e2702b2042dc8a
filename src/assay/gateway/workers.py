"""Several processes behind one address: `assay serve --workers N`.

Each worker is a whole gateway; they accept connections from one socket, share the ledger with its money, and know
nothing of each other. One that dies is started anew. A worker whose supervisor dies sees the end of its lifeline, and
stops.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec

from assay.config.schema import Config
from assay.errors import ConfigError
from assay.gateway.counters import Counters, counters

__all__ = ["Place", "place_of", "share_of", "supervise"]

log = logging.getLogger("assay.gateway")

_READY = b"\x01"
_SOON_S, _LATE_S = 0.1, 10.0
"""Between a death and the next start: doubled each time, and short again once a worker has lived for a while."""
_LIVED_S = 30.0


class Place(NamedTuple):
    """What a worker is told.

    Attributes:
        listener: descriptor of the socket that all accept from.
        lifeline: of a socket that ends with the supervisor.
        number: from 0.
        workers: how many there are.
    """

    listener: int
    lifeline: int
    number: int
    workers: int

    def listening(self) -> socket.socket:
        """The socket that all accept from."""
        return socket.socket(fileno=self.listener)

    def ready(self) -> None:
        """Tell the supervisor that this worker takes requests."""
        os.write(self.lifeline, _READY)

    async def alone(self) -> None:
        """Wait until the supervisor is gone, and then stop as if it had said so."""
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self.lifeline, gone.set)  # it never says anything: what can be read is the end
        try:
            await gone.wait()
        finally:
            loop.remove_reader(self.lifeline)
        os.kill(os.getpid(), signal.SIGTERM)


def place_of(said: str) -> Place:
    """The place that a supervisor wrote on a worker's command line."""
    return Place(*map(int, said.split(",")))


def share_of(config: Config, count: int) -> Config:
    """The configuration of one of so many workers: a deployment's places are shared among them, at least one each."""
    deployments = {
        name: msgspec.structs.replace(one, concurrency=max(1, one.concurrency // count))
        for name, one in config.deployments.items()
    }
    return msgspec.structs.replace(config, deployments=deployments)


async def supervise(
    listener: socket.socket, count: int, arguments: Sequence[str], serving: Callable[[], None] = lambda: None
) -> int:
    """Run workers until a signal says stop, which they are told; a second one hurries them.

    Args:
        listener: from `gateway.server.listen`.
        count: of workers.
        arguments: of `assay`; the place of each worker is added to them.
        serving: called once all take requests.

    Returns:
        An exit code: 0, or that of a worker that could not even begin.

    Raises:
        ConfigError: this system cannot hand a socket on.
    """
    if sys.platform == "win32":
        raise ConfigError("--workers: this system cannot hand a listening socket on; run one")
    with counters() as counted:
        workers = [_Worker(number, count, listener, arguments, counted) for number in range(count)]
        crew = _Crew(workers)
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, crew.stop)
        tasks = [asyncio.create_task(crew.keep(worker)) for worker in workers]
        ready = asyncio.create_task(crew.ready())
        await asyncio.wait((ready, *tasks), return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            serving()
        else:
            ready.cancel()
            crew.stop()
        codes = await asyncio.gather(*tasks)
        return max(codes)


class _Worker:
    """One process, and those that take its place.

    Attributes:
        ready: it takes requests, or did so once.
    """

    def __init__(
        self, number: int, count: int, listener: socket.socket, arguments: Sequence[str], counters: Counters
    ) -> None:
        self.number = number
        self.ready = asyncio.Event()
        self._count = count
        self._listener = listener
        self._arguments = arguments
        self._counters = counters
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False

    async def run(self) -> int:
        """Start it and wait for its end; returns its exit code."""
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                place = (self._listener.fileno(), theirs.fileno(), self.number, self._count)
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "assay", *self._arguments, "--worker", ",".join(map(str, place)),
                    pass_fds=(*place[:2], self._counters.lock),
                    start_new_session=True,  # Ctrl-C is for the supervisor, who hands it on
                    env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(self._counters.folder)},
                )  # fmt: skip
            if self._stopped:  # said while it was being made, to nobody
                self.stop()
            hearing = asyncio.create_task(self._hear(ours))
            try:
                return await self._process.wait()
            finally:
                hearing.cancel()
                self._forget(self._process.pid)

    def _forget(self, pid: int) -> None:
        """What was at the moment of its end is no more; what it has counted stays."""
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid, str(self._counters.folder))  # type: ignore[no-untyped-call]  # of the library

    async def _hear(self, lifeline: socket.socket) -> None:
        if await asyncio.get_running_loop().sock_recv(lifeline, 1) == _READY:
            self.ready.set()

    def stop(self) -> None:
        """Tell it to end, and whoever is being made in its place."""
        self._stopped = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()


class _Crew:
    """All workers."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        self._workers = workers
        self._stopping = asyncio.Event()

    async def ready(self) -> None:
        """Wait until all take requests."""
        for worker in self._workers:
            await worker.ready.wait()

    def stop(self) -> None:
        """Tell all to end, and start none anew."""
        self._stopping.set()
        for worker in self._workers:
            worker.stop()

    async def keep(self, worker: _Worker) -> int:
        """Run a worker again and again; its exit code where it ends by itself before it was ready, else 0."""
        pause_s = _SOON_S
        while True:
            began = time.monotonic()
            code = await worker.run()
            if self._stopping.is_set():
                return 0
            if not worker.ready.is_set():
                return code if code > 0 else 1  # below 0: a signal has ended it
            pause_s = _SOON_S if time.monotonic() - began > _LIVED_S else min(_LATE_S, 2 * pause_s)
            log.warning("worker %d has ended with %d; another takes its place", worker.number, code)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
            if self._stopping.is_set():
                return 0
