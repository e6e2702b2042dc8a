"""CPU time and memory of a process and all that it has started."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_s(pid: int) -> float:
    """CPU seconds so far: on Linux the scheduler's own count of nanoseconds, thread by thread."""
    total = 0.0
    for process in _tree(pid):
        threads = list(Path(f"/proc/{process.pid}/task").glob("*/schedstat"))
        with contextlib.suppress(OSError, psutil.Error):
            if threads:
                total += sum(int(one.read_text().split()[0]) for one in threads) / 1e9
            else:
                used = process.cpu_times()
                total += used.user + used.system
    return total


def peak_mb(pid: int) -> float:
    """Largest resident memory, in MB; where the system tells no peak, that of now."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(OSError, psutil.Error):
            status = Path(f"/proc/{process.pid}/status")
            if status.exists():
                total += (
                    next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) * 1024
                )
            else:
                total += process.memory_info().rss
    return total / 1e6
