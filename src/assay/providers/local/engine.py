"""Supervises one engine: starts it when it is needed, restarts it when it dies, stops it when it is idle."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.config.schema import Engine as Settings
from assay.errors import AssayError, ConfigError, EngineCrashed, ProviderError
from assay.providers.local.process import COMMAND, START_TIMEOUT_S, EngineProcess
from assay.providers.local.shares import Shares
from assay.providers.local.slots import Slots
from assay.providers.provider import Meter
from assay.providers.transport import Transport
from assay.weights.gguf import read_header

THREADS_VARIABLE = "ASSAY_THREADS"
FAILURES_BEFORE_PAUSE = 3
PAUSE_S = 10.0
DRAIN_S = 10.0
DRAIN_STEP_S = 0.02
MAX_STATE_BYTES = 4 << 20


class Lease(NamedTuple):
    """A slot of a running engine, for one request."""

    process: EngineProcess
    slot: int


class _SlotState(msgspec.Struct):
    """What the engine says of one slot; the rest of its answer does not matter."""

    id: int
    is_processing: bool


class _Running(NamedTuple):
    process: EngineProcess
    shares: Shares


class Engine:
    """One file of weights, served by at most one child process at a time. Belongs to one event loop.

    Args:
        weights: the file.
        settings: context, slots, threads, idle time.
        exact: one request at a time, so that equal requests get equal answers whatever else is asked; else as many
            as there are slots, where a near-tie between two tokens may fall differently. Side by side is fairer to
            clients that wait, and hardly faster: 54 against 52 tokens/s with four answers on one thread.
        command: what runs in the child.
        start_timeout_s: a start that takes longer has failed.
    """

    def __init__(
        self,
        weights: Path,
        settings: Settings,
        *,
        exact: bool = True,
        command: tuple[str, ...] = COMMAND,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.weights = weights
        self.settings = settings
        self.transport = Transport()
        self.exact = exact
        self.slots = Slots(settings.slots, parallel=1 if exact else None)
        self.starts = 0
        self._command = command
        self._start_timeout_s = start_timeout_s
        self._running: _Running | None = None
        self._starting: asyncio.Task[_Running] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._draining: set[asyncio.Task[None]] = set()
        self._users = 0
        self._failures = 0
        self._paused_until = 0.0
        self._last_failure = ""
        self._closed = False

    @property
    def process(self) -> EngineProcess | None:
        """The child process, if one is running."""
        return self._running.process if self._running else None

    @asynccontextmanager
    async def lease(self, prompt: bytes, meter: Meter) -> AsyncIterator[Lease]:
        """A slot for one request; starts the engine if need be and charges the CPU seconds to `meter`.

        Args:
            prompt: what the request's prompt begins with, as bytes; only compared with other requests' prompts.
            meter: gets `engine_s` when the block is left, however it is left.

        Raises:
            WeightsError: the file is missing or damaged.
            EngineCrashed: the engine does not start.
        """
        self._users += 1
        self._cancel_idle()
        try:
            slot = await self.slots.take(prompt)
            running: _Running | None = None
            abandoned = False
            try:
                running = await self._measured_start(meter)
                share = running.shares.enter()
                try:
                    yield Lease(running.process, slot)
                    self._failures = 0
                except (asyncio.CancelledError, GeneratorExit):
                    abandoned = True
                    raise
                finally:
                    meter.engine_s = running.shares.leave(share)
            finally:
                if abandoned and running is not None and not self._closed:
                    self._drain_later(running.process, slot)
                else:
                    self.slots.give(slot, known=running is not None)
        finally:
            self._users -= 1
            self._watch_idle()

    def _drain_later(self, process: EngineProcess, slot: int) -> None:
        task = asyncio.create_task(self._drain(process, slot))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    async def _drain(self, process: EngineProcess, slot: int) -> None:
        """Keep a slot whose request was given up until the engine has noticed: it finishes the piece it is at."""
        try:
            with contextlib.suppress(TimeoutError, ProviderError, msgspec.DecodeError):
                async with asyncio.timeout(DRAIN_S):
                    while process.is_alive and await self._is_busy(process, slot):  # noqa: ASYNC110 - the engine tells nobody
                        await asyncio.sleep(DRAIN_STEP_S)
        finally:
            self.slots.give(slot)

    async def _is_busy(self, process: EngineProcess, slot: int) -> bool:
        headers = {"authorization": f"Bearer {process.api_key}", "connection": "close"}
        async with self.transport.request("GET", process.address + "/slots", headers=headers) as reply:
            states = msgspec.json.decode(await reply.read(MAX_STATE_BYTES), type=list[_SlotState])
        return any(state.id == slot and state.is_processing for state in states)

    async def crash_of(self, process: EngineProcess) -> EngineCrashed | None:
        """After a broken connection: the error to raise if it was the process that died; `None` if it lives."""
        if not await process.died_within(1.0):
            return None
        await self._bury(process)
        return EngineCrashed(f"the local engine died while it served this request: {process.describe_exit()}")

    async def close(self) -> None:
        """Stop the process; requests in flight end with an error."""
        self._closed = True
        self._cancel_idle()
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._stopping is not None:
            await asyncio.gather(self._stopping, return_exceptions=True)
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await self._stop()
        await self.transport.close()

    # -------------------------------------------------------------------------------------------- start

    async def _measured_start(self, meter: Meter) -> _Running:
        """The running engine; the wait for one that had to be started is noted."""
        if self._running is not None and self._running.process.is_alive:
            return await self._ensure_running()
        began = time.monotonic()
        running = await self._ensure_running()
        meter.load_s = time.monotonic() - began
        return running

    async def _ensure_running(self) -> _Running:
        """The running engine, after starting one if there is none; requests that come meanwhile share the start."""
        if self._closed:
            raise EngineCrashed("the local engine was closed")
        if self._stopping is not None:
            await asyncio.shield(self._stopping)
        if self._running is not None:
            if self._running.process.is_alive:
                return self._running
            await self._bury(self._running.process)
        if self._starting is None:
            self._refuse_while_paused()
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    async def _start(self) -> _Running:
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError("the local engine is not installed; pip install 'assay[local]'")
        await asyncio.to_thread(read_header, self.weights)
        self.starts += 1
        process = await EngineProcess.start(
            self.weights,
            context_tokens=self.settings.context_tokens,
            slots=self.settings.slots,
            threads=threads_for(self.settings.threads),
            command=self._command,
            timeout_s=self._start_timeout_s,
        )
        return _Running(process, Shares(process.cpu_s))

    def _started(self, task: asyncio.Task[_Running]) -> None:
        self._starting = None
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._running = task.result()
            if not self._users:
                self._watch_idle()
        elif isinstance(error, AssayError):
            self._note_failure(str(error))

    def _note_failure(self, what: str) -> None:
        self._failures += 1
        self._last_failure = what
        if self._failures >= FAILURES_BEFORE_PAUSE:
            self._paused_until = time.monotonic() + PAUSE_S

    def _refuse_while_paused(self) -> None:
        wait_s = self._paused_until - time.monotonic()
        if self._failures >= FAILURES_BEFORE_PAUSE and wait_s > 0:
            raise EngineCrashed(
                f"the local engine failed {self._failures} times in a row; next try in {wait_s:.0f} s. "
                f"The last failure: {self._last_failure}",
                retry_after_s=wait_s,
            )

    # --------------------------------------------------------------------------------------------- stop

    async def _bury(self, process: EngineProcess) -> None:
        """A process has died by itself; the first to notice cleans up."""
        if self._running is not None and self._running.process is process:
            self._running = None
            self.slots.forget()
            self._note_failure(process.describe_exit())
            await process.stop()

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _watch_idle(self) -> None:
        if not self._users and self._running is not None and not self._closed:
            self._cancel_idle()
            self._idle = asyncio.get_running_loop().call_later(self.settings.idle_s, self._stop_idle)

    def _stop_idle(self) -> None:
        self._idle = None
        if not self._users and self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
            self._stopping.add_done_callback(self._stopped)

    def _stopped(self, _task: asyncio.Task[None]) -> None:
        self._stopping = None

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            self.slots.forget()
            await running.process.stop()


def threads_for(wanted: int | None) -> int:
    """Threads of an engine that starts now.

    `ASSAY_THREADS` wins, then the configuration; else what the machine's load leaves: two threads on busy cores
    are ten times slower than one, since they wait for each other at every step.

    Raises:
        ConfigError: `ASSAY_THREADS` is not a positive number.
    """
    variable = os.environ.get(THREADS_VARIABLE)
    if variable:
        if not variable.isdecimal() or int(variable) < 1:
            raise ConfigError(f"{THREADS_VARIABLE}={variable!r}: expected a number from 1 on")
        return int(variable)
    if wanted is not None:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, round(cores - os.getloadavg()[0])))
