"""Files that DuckDB reads to learn its share of the machine, and without which it does not start.

Where they do not exist it goes on, as in a box of bubblewrap, which has no /proc. Landlock cannot make a file not
exist; it forbids to open it, and that DuckDB takes for a fault. They tell of no data: a group's name and its limits.
"""

from __future__ import annotations

from pathlib import Path

from assay.sandbox import probe

__all__ = ["engine_files"]

_OWN = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")
_V1 = {"cpu": ("cpu.cfs_quota_us", "cpu.cfs_period_us"), "memory": ("memory.limit_in_bytes",)}
_V2 = ("cpu.max", "memory.max")


def engine_files(backend: str | None) -> list[Path]:
    """What a box of this back end (`None` = the best that works here) must let DuckDB read.

    Raises:
        SandboxUnavailable: that back end does not work here.
    """
    if probe.choose(backend).name != "landlock" or not _OWN.exists():
        return []
    return [_OWN, *(path for path in _limits(_OWN.read_text(encoding="utf-8")) if path.exists())]


def _limits(own: str) -> list[Path]:
    """Limit files of the groups in the text of /proc/self/cgroup (man 7 cgroups)."""
    found = []
    for line in own.splitlines():
        _, controllers, group = line.split(":", 2)
        inside = group.lstrip("/")
        if not controllers:
            found += [_ROOT / inside / name for name in _V2]
        for controller in controllers.split(","):
            found += [_ROOT / controller / inside / name for name in _V1.get(controller, ())]
    return found
