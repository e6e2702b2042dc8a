"""One started box: a process behind walls that waits for one job, is watched while it runs, and is gone afterwards."""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from assay.errors import SandboxError, SandboxUnavailable
from assay.sandbox.guest import READY
from assay.sandbox.limits import Limits, Outcome

__all__ = ["Box", "Job", "Watch", "message", "wait_readable"]

START_TIMEOUT_S = 20.0
LOOK_S = 0.05
"""Seconds between two looks at the work folder; what is written meanwhile is not held off."""
_GONE_TIMEOUT_S = 10.0
_READ_BYTES = 1 << 16


class Job(NamedTuple):
    """What a box does: Python `code`, the `files` of its work folder, its arguments, import paths and input."""

    code: str
    files: Mapping[str, bytes]
    argv: Sequence[str]
    paths: Sequence[str]
    stdin: bytes


def message(content: dict[str, Any]) -> bytes:
    """A message as the guest reads it. It runs the same version of Python, so `marshal` understands itself."""
    body = marshal.dumps(content)
    return len(body).to_bytes(8, "little") + body


def wait_readable(descriptor: int, timeout_s: float) -> bool:
    """Wait until something can be read or, of a process, it has ended; false if that takes longer."""
    poll = select.poll()  # select() knows no descriptor above 1023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(timeout_s * 1e3))


class Watch(Protocol):
    """What is seen from outside of a box's work folder."""

    def begin(self, pid: int) -> None:
        """The process is ready, and has not yet run anything that is not ours.

        Raises:
            SandboxUnavailable: its folder cannot be watched.
        """

    def look(self) -> str | None:
        """Why the run must be stopped, if it must; called now and then during the run."""

    def await_end(self, timeout_s: float) -> None:
        """The process that was started is gone: wait until everything that it had started is."""

    def close(self) -> None:
        """All is gone: take the folder away."""


class Box:
    """Wraps the process of a box. `kill` may be called from any thread, the rest by one owner.

    Args:
        process: with pipes for its input and outputs, in a session of its own.
        setup: the first message.
        limits: of the run.
        watch: of its work folder.

    Raises:
        SandboxError: the first message is longer than a pipe holds.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        setup: dict[str, Any],
        limits: Limits,
        watch: Watch,
    ) -> None:
        self._process, self._limits, self._watch = process, limits, watch
        try:
            self._pidfd = os.pidfd_open(process.pid)
        except OSError:  # no descriptor is left: nothing of the box may stay
            with process:  # the whole group: a child so young does not yet die with its parent
                os.killpg(process.pid, signal.SIGKILL)
            watch.close()
            raise
        self._reaping = threading.Lock()
        self._closed = False
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None  # noqa: S101, PT018
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        for pipe in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        first = message(setup)
        with contextlib.suppress(BrokenPipeError):  # it has ended already; `ready` will tell why
            if os.write(self._stdin.fileno(), first) < len(first):
                self.close()
                raise SandboxError("there are too many readable paths for one box; name a folder that holds them")

    @property
    def is_alive(self) -> bool:
        """False once it has ended, by itself or by another's hand."""
        return not wait_readable(self._pidfd, 0)

    def ready(self) -> None:
        """Wait until the walls stand and the guest waits for its job.

        Raises:
            SandboxUnavailable: it ended before, or took too long; the message is what it said.
        """
        if not wait_readable(self._stdout.fileno(), START_TIMEOUT_S):
            raise SandboxUnavailable(f"a box did not start within {START_TIMEOUT_S:g} s")
        if os.read(self._stdout.fileno(), 1) != READY:
            wait_readable(self._pidfd, START_TIMEOUT_S)
            said = _rest(self._stderr.fileno()).decode("utf-8", "replace").strip()
            raise SandboxUnavailable(f"a box did not start: {said[-500:] or 'no reason was given'}")
        self._watch.begin(self._process.pid)

    def run(self, job: Job) -> Outcome:
        """Do the job, to its end or to the first limit; the process and all that it made are gone on return.

        Raises:
            SandboxError: the files could not be placed, or the box was killed from outside.
        """
        content = {"code": job.code, "files": dict(job.files), "argv": list(job.argv), "paths": list(job.paths)}
        began_s = time.monotonic()
        run = _Watched(self, began_s, message(content) + job.stdin)
        stopped = run.until_end()
        code = self._end()
        wall_s = time.monotonic() - began_s
        if stopped is None and code == 128 + signal.SIGXCPU:
            stopped = f"used more than {self._limits.cpu_s} s of CPU"
        if stopped is None and self._closed:
            raise SandboxError("the room was closed while code ran in it")
        if stopped is None and not run.stdout.startswith(READY):
            raise SandboxError(f"the files could not be placed in the box: {run.stderr.decode('utf-8', 'replace')}")
        stdout = bytes(run.stdout).removeprefix(READY)
        return Outcome(stdout, bytes(run.stderr), None if stopped else code, stopped, wall_s)

    def kill(self) -> None:
        """End everything in the box, from any thread."""
        self._closed = True
        self._kill()

    def close(self) -> None:
        """End everything in the box and give back what it held. May be called again."""
        self._end()
        for pipe in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
            self._watch.close()

    def _kill(self) -> None:
        with self._reaping:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self) -> int:
        """Kill what is left, wait until it is gone, and tell how the process ended by itself, if it did."""
        self._kill()
        if self._process.returncode is None:
            wait_readable(self._pidfd, _GONE_TIMEOUT_S)
            with self._reaping:
                self._process.wait()
            self._watch.await_end(_GONE_TIMEOUT_S)
        code = self._process.returncode
        return 128 - code if code < 0 else code


class _Watched:
    """One run: feeds the input, collects the outputs, looks at the clock and the work folder."""

    def __init__(self, box: Box, began_s: float, message: bytes) -> None:
        self._box, self._limits = box, box._limits
        self._until_s = began_s + self._limits.wall_s
        self._next_look_s = began_s + LOOK_S
        self._pending = memoryview(message)
        self.stdout, self.stderr = bytearray(), bytearray()

    def until_end(self) -> str | None:
        """Return when the process has ended, or with the reason why it must be."""
        box = self._box
        with selectors.DefaultSelector() as selector:
            selector.register(box._pidfd, selectors.EVENT_READ, None)
            selector.register(box._stdin, selectors.EVENT_WRITE, None)
            selector.register(box._stdout, selectors.EVENT_READ, self.stdout)
            selector.register(box._stderr, selectors.EVENT_READ, self.stderr)
            while True:
                events = selector.select(max(0.0, min(self._until_s, self._next_look_s) - time.monotonic()))
                for key, _ in events:
                    if key.fileobj is box._stdin:
                        self._feed(selector)
                    elif key.data is not None and not self._collect(key.fd, key.data):
                        selector.unregister(key.fileobj)
                reason = self._reason()
                if reason is not None:
                    return reason
                if any(key.fd == box._pidfd for key, _ in events):
                    self._collect(box._stdout.fileno(), self.stdout, to_end=True)
                    self._collect(box._stderr.fileno(), self.stderr, to_end=True)
                    return self._cut()

    def _feed(self, selector: selectors.BaseSelector) -> None:
        stdin = self._box._stdin
        try:
            self._pending = self._pending[os.write(stdin.fileno(), self._pending) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._pending = memoryview(b"")
        if not self._pending:
            selector.unregister(stdin)
            stdin.close()

    def _collect(self, fd: int, into: bytearray, *, to_end: bool = False) -> bool:
        """Read what is there; false at the end of the stream. One byte over the cap tells that it was exceeded."""
        while len(into) <= self._limits.output_bytes + len(READY):
            try:
                piece = os.read(fd, _READ_BYTES)
            except BlockingIOError:
                return True
            into += piece
            if not piece:
                return False
            if not to_end:
                return True
        return True

    def _reason(self) -> str | None:
        now_s = time.monotonic()
        if now_s >= self._until_s:
            return f"ran longer than {self._limits.wall_s:g} s"
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + LOOK_S
            return self._cut() or self._box._watch.look()
        return self._cut()

    def _cut(self) -> str | None:
        cap = self._limits.output_bytes
        for output, own, name in ((self.stdout, len(READY), "standard output"), (self.stderr, 0, "standard error")):
            if len(output) > cap + own:
                del output[cap + own :]
                return f"wrote more than {cap:,} bytes to {name}"
        return None


def _rest(fd: int) -> bytes:
    try:
        return os.read(fd, _READ_BYTES)
    except BlockingIOError:
        return b""
