"""What one run may use, and what came of it."""

from __future__ import annotations

from typing import NamedTuple

from assay.types import Value

__all__ = ["Limits", "Outcome"]

_OPEN_FILES = 64
_THREADS = 64


class Limits(Value, frozen=True, kw_only=True):
    """All limits of one run.

    Attributes:
        wall_s: seconds from the moment the box gets its code; then everything in it is killed.
        cpu_s: CPU seconds, of all threads together.
        memory_bytes: address space.
        file_bytes: greatest size of one file.
        work_bytes: all files of the work folder together.
        work_files: how many files and folders there may be.
        output_bytes: standard output and standard error, each; the run is cut there.
    """

    wall_s: float = 10.0
    cpu_s: int = 5
    memory_bytes: int = 1 << 30
    file_bytes: int = 64 << 20
    work_bytes: int = 64 << 20
    work_files: int = 10_000
    output_bytes: int = 1 << 20

    def resources(self) -> list[tuple[int, int, int]]:
        """The kernel's own limits (setrlimit) as number, soft and hard value; they cannot be raised from inside."""
        import resource  # only where there is a sandbox

        fixed = {
            resource.RLIMIT_AS: self.memory_bytes,
            resource.RLIMIT_FSIZE: self.file_bytes,
            resource.RLIMIT_NOFILE: _OPEN_FILES,
            resource.RLIMIT_MEMLOCK: 0,
            resource.RLIMIT_CORE: 1,  # 0 does not hold off a program that is given cores (man 5 core); 1 does
            resource.RLIMIT_NPROC: _tasks() + _THREADS,
        }
        # SIGXCPU tells a used-up limit from other deaths; a second later comes SIGKILL, which cannot be ignored.
        cpu = (resource.RLIMIT_CPU, self.cpu_s, self.cpu_s + 1)
        return [cpu, *((number, value, value) for number, value in fixed.items())]


class Outcome(NamedTuple):
    """What came of one run.

    Attributes:
        stdout: what it wrote, at most `output_bytes` of it.
        stderr: likewise.
        exit_code: as a shell tells it, 128 + N after signal N; `None`: we stopped it.
        stopped: why we stopped it, in a sentence; else `None`.
        wall_s: seconds it ran.
    """

    stdout: bytes
    stderr: bytes
    exit_code: int | None
    stopped: str | None
    wall_s: float


def _tasks() -> int:
    """All threads of the machine: at least as many as this user's, which is what the kernel counts."""
    with open("/proc/loadavg", encoding="ascii") as file:
        return int(file.read().split()[3].partition("/")[2])
