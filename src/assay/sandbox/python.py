"""A room for model-written Python: each run gets a box of its own, with walls that the kernel keeps."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Event, Lock
from types import TracebackType

from assay.errors import SandboxError
from assay.sandbox import interpreter, probe
from assay.sandbox.box import Box, Job
from assay.sandbox.limits import Limits, Outcome
from assay.sandbox.pool import Pool

__all__ = ["Limits", "Outcome", "PythonRoom"]


class PythonRoom:
    """Runs Python text that nobody trusts. Thread-safe; a fresh box for every run.

    The code is `__main__`, `sys.argv` is `["main.py", *argv]`, and the current folder is an empty one that vanishes
    afterwards. It can use the standard library, threads and event loops, but makes no processes and no sockets.
    Nothing comes back but what was written to standard output and standard error.

    Args:
        limits: of each run.
        backend: `bubblewrap` or `landlock`; `None` takes the best that works here.
        readable: files and folders that can be read inside, under the same path.
        packages: this environment's installed packages can be imported inside.
        warm: boxes kept started and waiting; about 10 MB of memory each.

    Raises:
        SandboxUnavailable: this machine has no working walls; nothing is ever run behind weaker ones.
        SandboxError: something `readable` does not exist.
    """

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        backend: str | probe.Backend | None = None,
        readable: Sequence[Path] = (),
        packages: bool = False,
        warm: int = 0,
    ) -> None:
        self._limits = limits
        self._backend = probe.choose(backend) if backend is None or isinstance(backend, str) else backend
        self._paths = [str(path) for path in interpreter.packages()] if packages else []
        self._readable = tuple(Path(path).absolute() for path in [*readable, *map(Path, self._paths)])
        for path in self._readable:
            if not path.exists():
                raise SandboxError(f"{str(path)!r} is to be readable in the sandbox, but does not exist")
        self._running: set[Box] = set()
        self._lock = Lock()
        self._closed = Event()
        self._pool: Pool | None = None
        if warm:
            backend_, readable_ = self._backend, self._readable
            self._pool = Pool(lambda: _started(backend_, limits, readable_), warm)
            weakref.finalize(self, self._pool.close)

    def run(
        self, code: str, *, files: Mapping[str, bytes] | None = None, stdin: bytes = b"", argv: Sequence[str] = ()
    ) -> Outcome:
        """Run `code` to its end or to a limit.

        Args:
            code: the text of a program.
            files: written into the work folder before: relative path -> content.
            stdin: what the program can read.
            argv: its arguments.

        Raises:
            SandboxError: a file's name leaves the work folder, or the files do not fit into it.
            SandboxUnavailable: the box did not start.
        """
        job = Job(code, self._checked(files or {}), argv, self._paths, stdin)
        box = self._take()
        try:
            return box.run(job)
        finally:
            box.close()
            with self._lock:
                self._running.discard(box)

    def close(self) -> None:
        """End what runs and what waits; what ran raises a `SandboxError`. May be called again."""
        with self._lock:
            self._closed.set()
            for box in self._running:
                box.kill()
        if self._pool is not None:
            self._pool.close()

    def __enter__(self) -> PythonRoom:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _take(self) -> Box:
        if self._closed.is_set():
            raise SandboxError("the room is closed")
        box = (self._pool and self._pool.take()) or _started(self._backend, self._limits, self._readable)
        with self._lock:
            if not self._closed.is_set():
                self._running.add(box)
                return box
        box.close()
        raise SandboxError("the room was closed while a box started")

    def _checked(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
                raise SandboxError(f"{name!r} is not the name of a file in the work folder; give a relative path")
        size = sum(map(len, files.values()))
        if size > self._limits.work_bytes:
            raise SandboxError(f"the files have {size:,} bytes; the work folder holds {self._limits.work_bytes:,}")
        return files


def _started(backend: probe.Backend, limits: Limits, readable: Sequence[Path]) -> Box:
    try:
        box = backend.start(limits, readable)
    except OSError as error:
        raise SandboxError(f"a box cannot be started: {error}") from error
    try:
        box.ready()
    except BaseException:  # whatever ended the wait, the box must not stay
        box.close()
        raise
    return box
