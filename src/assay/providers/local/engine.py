"""Supervises one engine: starts it when it is needed and there is memory, restarts it when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.config.schema import Engine as Settings
from assay.errors import AssayError, ConfigError, EngineCrashed, ProviderError
from assay.providers.http1.client import Http1Transport
from assay.providers.local.memory import Memory
from assay.providers.local.need import Need, need_of
from assay.providers.local.places import EngineState
from assay.providers.local.process import COMMAND, START_TIMEOUT_S, EngineProcess
from assay.providers.local.shares import Shares
from assay.providers.local.slots import Slots
from assay.providers.local.threads import threads_for
from assay.providers.provider import Meter
from assay.providers.transport import Transport

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
        memory: says when it may be loaded, and unloads it; shared by all engines of a pool.
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
        memory: Memory,
        *,
        exact: bool = True,
        command: tuple[str, ...] = COMMAND,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.weights = weights
        self.settings = settings
        self.name = f"{weights.stem} ({settings.slots} x {settings.context_tokens} tokens)"
        self.idle_s = settings.idle_s
        self.transport: Transport = Http1Transport()
        self.exact = exact
        self.slots = Slots(settings.slots, parallel=1 if exact else None)
        self.starts = 0
        self._memory = memory
        self._need: Need | None = None
        self._looking = asyncio.Lock()
        self._command = command
        self._start_timeout_s = start_timeout_s
        self._running: _Running | None = None
        self._starting: asyncio.Task[_Running] | None = None
        self._draining: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._paused_until = 0.0
        self._last_failure = ""
        self._closed = False

    @property
    def process(self) -> EngineProcess | None:
        """The child process, if one is running."""
        return self._running.process if self._running else None

    @property
    def is_loading(self) -> bool:
        """Whether a start is under way."""
        return self._starting is not None

    @property
    def measured_bytes(self) -> int | None:
        """Resident memory of the running child; None when there is none."""
        return self._running.process.memory_bytes() if self._running is not None and self._is_running else None

    @property
    def state(self) -> EngineState:
        """What it is doing, and what it needs."""
        return self._memory.state_of(self, self._need.total_bytes if self._need else None)

    def look(self) -> Need:
        """Read the file's header, for what the engine will need.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        self._need = need_of(self.weights, self.settings)
        return self._need

    @asynccontextmanager
    async def lease(self, prompt: bytes, meter: Meter) -> AsyncIterator[Lease]:
        """A slot for one request; starts the engine if need be and charges the CPU seconds to `meter`.

        Args:
            prompt: what the request's prompt begins with, as bytes; only compared with other requests' prompts.
            meter: gets `engine_s` when the block is left, however it is left; and on the way what is waited for.

        Raises:
            WeightsError: the file is missing or damaged.
            NoMemory: the engine does not fit into the memory, or did not in time.
            EngineCrashed: the engine does not start.
        """
        began, starts, ran = time.monotonic(), self.starts, self._is_running
        need = await self._look()
        async with self._memory.hold(self, need, meter):
            await self._load(meter)
            if not ran or self.starts > starts:
                meter.load_s = time.monotonic() - began
            slot = await self.slots.take(prompt)
            running: _Running | None = None
            abandoned = False
            try:
                running = await self._load(meter)  # it may have died while this request waited for its slot
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

    async def unload(self) -> None:
        """Stop the process, or a start that is under way; the next request loads it again."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        running, self._running = self._running, None
        if running is not None:
            self.slots.forget()
            await running.process.stop()

    async def close(self) -> None:
        """Stop the process for good; requests in flight end with an error."""
        self._closed = True
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await self._memory.evict(self)
        await self.unload()
        await self.transport.close()

    # -------------------------------------------------------------------------------------------- start

    @property
    def _is_running(self) -> bool:
        return self._running is not None and self._running.process.is_alive

    async def _look(self) -> Need:
        """Before anything is unloaded for it: can this engine start, and what will it need?"""
        if self._closed:
            raise EngineCrashed("the local engine was closed")
        if self._need is not None and self._is_running:
            return self._need
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError("the local engine is not installed; pip install 'assay[local]'")
        self._refuse_while_paused()
        async with self._looking:
            return await asyncio.to_thread(self.look)

    async def _load(self, meter: Meter) -> _Running:
        """The running engine, after starting one if there is none; requests that come meanwhile share the start."""
        if self._closed:
            raise EngineCrashed("the local engine was closed")
        if self._running is not None:
            if self._running.process.is_alive:
                return self._running
            await self._bury(self._running.process)
        starting = self._starting
        if starting is None:
            self._refuse_while_paused()
            starting = self._starting = asyncio.create_task(self._start())
            starting.add_done_callback(self._started)
        meter.waiting_for = f"{self.name} to load"
        await asyncio.wait({starting})  # a request that is cancelled leaves the start to the others
        if starting.cancelled():
            raise EngineCrashed("the local engine was closed")
        meter.waiting_for = None
        return starting.result()

    async def _start(self) -> _Running:
        self.starts += 1
        process = await EngineProcess.start(
            self.weights,
            context_tokens=self.settings.context_tokens,
            slots=self.settings.slots,
            threads=await threads_for(self.settings.threads),
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
