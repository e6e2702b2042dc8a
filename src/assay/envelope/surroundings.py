"""What this machine, or the container that we run in, has to give: memory and processors."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from assay.errors import ConfigError

THREADS_VARIABLE = "ASSAY_THREADS"

CGROUP = Path("/sys/fs/cgroup")
"""Limits of a container (Linux, control groups version 2): `memory.max`, `memory.current`, `memory.stat`, `cpu.max`.
See https://docs.kernel.org/admin-guide/cgroup-v2.html."""


def memory_bytes(cgroup: Path = CGROUP) -> int:
    """Memory of the machine, or of the container where that may use less."""
    total = psutil.virtual_memory().total
    limit = _number(cgroup / "memory.max")
    return total if limit is None else min(total, limit)


def available_bytes(cgroup: Path = CGROUP) -> int:
    """Memory that can be had without swapping; cached files count as free, for they are dropped when it is needed."""
    available = psutil.virtual_memory().available
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    if limit is None or used is None:
        return available
    return max(0, min(available, limit - used + _cached_bytes(cgroup / "memory.stat")))


def processors(cgroup: Path = CGROUP) -> tuple[int, ...]:
    """Numbers of the processors that we may run on; not more than the container's quota gives time for."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    numbers = sorted(allowed)
    return tuple(numbers[: max(1, _quota(cgroup / "cpu.max", len(numbers)))])


def named_threads() -> int | None:
    """Threads that `ASSAY_THREADS` gives each engine; `None`: it says nothing.

    Raises:
        ConfigError: it is no positive number.
    """
    variable = os.environ.get(THREADS_VARIABLE)
    if not variable:
        return None
    if not variable.isdecimal() or int(variable) < 1:
        raise ConfigError(f"{THREADS_VARIABLE}={variable!r}: expected a number from 1 on")
    return int(variable)


def idle_s(numbers: tuple[int, ...]) -> float:
    """Seconds that these processors have spent idle since the machine started, all together."""
    times = psutil.cpu_times(percpu=True)
    return sum(times[number].idle + getattr(times[number], "iowait", 0.0) for number in numbers if number < len(times))


def _number(path: Path) -> int | None:
    """The number that a file holds; `None` where there is no file or no limit (`max`)."""
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _cached_bytes(path: Path) -> int:
    stats = dict(line.split(" ", 1) for line in _text(path).splitlines() if " " in line)
    return sum(int(stats.get(name, 0)) for name in ("active_file", "inactive_file"))


def _quota(path: Path, unlimited: int) -> int:
    """Processors' worth of time in each period: `QUOTA PERIOD` in microseconds, or `max PERIOD`."""
    words = _text(path).split()
    if len(words) != 2 or not all(word.isdecimal() for word in words):
        return unlimited
    return min(unlimited, int(words[0]) // int(words[1]))


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except OSError:
        return ""
