"""A room for model-written Python: each run gets a box of its own, with walls that the kernel keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from threading import Lock

from assay.errors import SandboxError
from assay.sandbox import interpreter
from assay.sandbox.box import Box, Job
from assay.sandbox.bubblewrap import Bubblewrap
from assay.sandbox.limits import Limits, Outcome

__all__ = ["Limits", "Outcome", "PythonRoom"]


class PythonRoom:
    """Runs Python text that nobody trusts. Thread-safe; a fresh box for every run.

    The code is `__main__`, `sys.argv` is `["main.py", *argv]`, and the current folder is an empty one that vanishes
    afterwards. Nothing comes back but what was written to standard output and standard error.

    Raises:
        SandboxUnavailable: this machine has no working walls; it is never run with weaker ones.
    """

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        backend: str | None = None,
        readable: Sequence[Path] = (),
        packages: bool = False,
        warm: int = 0,
    ) -> None:
        if backend not in (None, "bubblewrap") or warm:
            raise SandboxError(f"no back end {backend!r} and no warm boxes yet; leave both out")
        self._limits = limits
        self._backend = Bubblewrap()
        self._paths = [str(path) for path in interpreter.packages()] if packages else []
        self._readable = (*map(Path, readable), *map(Path, self._paths))
        self._running: set[Box] = set()
        self._lock = Lock()

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
            SandboxError: a file's name leaves the work folder, or the files are larger than it.
            SandboxUnavailable: the box did not start.
        """
        job = Job(code, self._checked(files or {}), argv, self._paths, stdin)
        box = self._backend.start(self._limits, self._readable)
        with self._lock:
            self._running.add(box)
        try:
            box.ready()
            return box.run(job)
        finally:
            box.close()
            with self._lock:
                self._running.discard(box)

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            for box in self._running:
                box.kill()

    def _checked(self, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
                raise SandboxError(f"{name!r} is not the name of a file in the work folder; give a relative path")
        size = sum(map(len, files.values()))
        if size > self._limits.work_bytes:
            raise SandboxError(f"the files have {size:,} bytes; the work folder holds {self._limits.work_bytes:,}")
        return files
