"""One child process with an engine in it: starting it, watching it, ending it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections import deque
from pathlib import Path

import msgspec
import psutil

from assay.errors import EngineCrashed, WeightsError
from assay.providers.local.child import NotReady, Ready, Spec

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 3.0
TAIL_LINES = 20
_LINE_BYTES = 64 * 1024

ENVIRONMENT = {"GOMP_SPINCOUNT": "1000"}
"""Two threads on busy cores spent 17.6 CPU seconds spinning for each other over a prompt of 400 tokens that costs
3.7 on one; with a short spin before they sleep, 4.9. Variables that are set already win."""

COMMAND = (sys.executable, "-m", "assay.providers.local.child")


class EngineProcess:
    """A started engine; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._log = asyncio.create_task(self._read_log())
        self._exited = asyncio.create_task(process.wait())
        self._cpu_s = 0.0
        self._watched = psutil.Process(process.pid)
        self.api_key = ""
        self.address = ""
        self.version = ""

    @classmethod
    async def start(
        cls,
        weights: Path,
        *,
        context_tokens: int,
        slots: int,
        threads: int,
        command: tuple[str, ...] = COMMAND,
        timeout_s: float = START_TIMEOUT_S,
    ) -> EngineProcess:
        """Start a child and wait until it serves.

        Raises:
            WeightsError: the engine does not accept the file.
            EngineCrashed: the child died, or did not get ready in time.
        """
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
            limit=_LINE_BYTES,
            env=ENVIRONMENT | os.environ,
        )
        self = cls(child)
        self.api_key = secrets.token_urlsafe(24)
        spec = Spec(
            weights=str(weights),
            context_tokens=context_tokens,
            slots=slots,
            threads=threads,
            api_key=self.api_key,
            alias=weights.stem,
        )
        try:
            async with asyncio.timeout(timeout_s):
                ready = await self._handshake(spec, weights)
        except TimeoutError as error:
            await self.stop()
            raise EngineCrashed(f"the local engine was not ready after {timeout_s:g} s{self.last_words()}") from error
        except BaseException:
            await self.stop()
            raise
        self.address, self.version = ready.address, ready.version
        return self

    async def _handshake(self, spec: Spec, weights: Path) -> Ready:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EngineCrashed("the local engine's pipes are missing")
        with contextlib.suppress(OSError):  # it died already: the end of stdout tells
            stdin.write(msgspec.json.encode(spec) + b"\n")
            await stdin.drain()
        line = await stdout.readline()
        if not line:
            await self._exited
            await self._log
            raise EngineCrashed(f"the local engine died while it started: {self.describe_exit()}")
        try:
            answer = msgspec.json.decode(line, type=Ready | NotReady)
        except msgspec.DecodeError as error:
            raise EngineCrashed(f"the local engine's first line cannot be read: {line[:200]!r}") from error
        if isinstance(answer, NotReady):
            await self._exited
            await self._log
            raise WeightsError(f"weights {weights}: the engine cannot load them: {answer.message}{self.last_words()}")
        return answer

    # -------------------------------------------------------------------------------------------- state

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs, as far as is known by now."""
        return not self._exited.done()

    async def died_within(self, timeout_s: float) -> bool:
        """Whether the process has ended, or ends within `timeout_s`: a broken connection comes before the news."""
        await asyncio.wait({self._exited}, timeout=timeout_s)
        return self._exited.done()

    def cpu_s(self) -> float:
        """CPU seconds it has used so far; after its death the last figure that was seen."""
        with contextlib.suppress(psutil.Error):
            times = self._watched.cpu_times()
            self._cpu_s = max(self._cpu_s, times.user + times.system)
        return self._cpu_s

    def memory_bytes(self) -> int:
        """Resident memory; 0 after its death."""
        with contextlib.suppress(psutil.Error):
            return int(self._watched.memory_info().rss)
        return 0

    def describe_exit(self) -> str:
        """How it ended, with its last words: `killed by SIGKILL`, `exit code 1: ...`."""
        code = self._process.returncode
        if code is None:
            how = "still running"
        elif code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}{self.last_words()}"
            how = f"killed by signal {-code}"
        else:
            how = f"exit code {code}"
        return how + self.last_words()

    def last_words(self) -> str:
        """The last line of its log, ready to be put behind a message; empty if there is none."""
        return f" (its last words: {self._tail[-1]})" if self._tail else ""

    async def _read_log(self) -> None:
        log = self._process.stderr
        if log is None:
            return
        rest = b""
        while piece := await log.read(4096):
            *lines, rest = (rest + piece)[-_LINE_BYTES:].split(b"\n")
            self._tail.extend(text for line in lines if (text := line.decode("utf-8", "replace").strip()[:500]))
        if text := rest.decode("utf-8", "replace").strip()[:500]:
            self._tail.append(text)

    # --------------------------------------------------------------------------------------------- stop

    async def stop(self) -> None:
        """End the process and let go of its pipes. Safe to call again, and after its death."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # the child exits when its stdin ends
        if not await self.died_within(STOP_TIMEOUT_S):
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._exited
        await self._log
        if self._process.stdout is not None:
            await self._process.stdout.read()
