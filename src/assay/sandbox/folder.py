"""A private folder on the host's disk for a box that has no file system of its own: watched, and removed safely."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from pathlib import Path

from assay.sandbox.limits import Limits

__all__ = ["Folder", "remove", "sweep"]

_PREFIX = "assay-box-"
_SWEEP_AGE_S = 60.0
_UNMEASURABLE = "made folders that cannot be looked into"


class Folder:
    """A fresh folder with `work` and `temporary` in it; only this user can enter it.

    It is locked as long as it is in use, so that `sweep` can tell what a killed process left.
    """

    def __init__(self, limits: Limits) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")).resolve()
        self._limits = limits
        self._pid = 0
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.work, self.temporary = self.path / "work", self.path / "temporary"
        self.work.mkdir()
        self.temporary.mkdir()

    def begin(self, pid: int) -> None:
        """The process that works in it."""
        self._pid = pid

    def look(self) -> str | None:
        """Why the process must be stopped, if it must: it made too many files, or they are too large."""
        try:
            total_bytes, count = self._measure()
        except OSError:
            return _UNMEASURABLE
        total_bytes += _unlinked_bytes(self._pid)
        if count > self._limits.work_files:
            return f"made more than {self._limits.work_files:,} files"
        if total_bytes > self._limits.work_bytes:
            return f"wrote more than {self._limits.work_bytes:,} bytes of files"
        return None

    def await_end(self, timeout_s: float) -> None:
        """Nothing to wait for: the process made no others."""

    def close(self) -> None:
        """Remove the folder and all that is in it. The process that wrote to it must be gone."""
        try:
            remove(self.path)
        finally:
            os.close(self._lock)

    def _measure(self) -> tuple[int, int]:
        """Bytes on disk and number of entries, counted until one is over its limit."""
        total_bytes = count = 0
        waiting = [str(self.path)]
        while waiting and total_bytes <= self._limits.work_bytes and count <= self._limits.work_files:
            with contextlib.suppress(FileNotFoundError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    about = entry.stat(follow_symlinks=False)
                    total_bytes += about.st_blocks * 512
                    count += 1
                    if stat.S_ISDIR(about.st_mode):
                        waiting.append(entry.path)
        return total_bytes, count


def _unlinked_bytes(pid: int) -> int:
    """Bytes of files that a process holds open without a name. Its threads share one table of descriptors."""
    total_bytes = 0
    for place in _tables(pid):
        with contextlib.suppress(OSError):  # the thread has ended, then another one tells
            for number in os.listdir(place):
                with contextlib.suppress(FileNotFoundError):
                    about = os.stat(f"{place}/{number}")
                    if stat.S_ISREG(about.st_mode) and not about.st_nlink:
                        total_bytes += about.st_blocks * 512
            return total_bytes
    return 0


def _tables(pid: int) -> list[str]:
    try:
        return [f"/proc/{pid}/task/{thread}/fd" for thread in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def remove(path: Path) -> None:
    """Remove a folder whatever is in it: no link is followed, no depth or length of path is too great.

    Folders in folders are moved up first, so that no path is ever longer than three names.
    """
    moved = 0
    while entries := _entries(path):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, stat.S_IRWXU)
            for inner in _entries(Path(entry.path)):
                if inner.is_dir(follow_symlinks=False):
                    os.chmod(inner.path, stat.S_IRWXU)
                    os.rename(inner.path, path / f"moved-{moved}.{time.monotonic_ns()}")
                    moved += 1
                else:
                    os.unlink(inner.path)
            os.rmdir(entry.path)
    os.rmdir(path)


def _entries(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return list(entries)


def sweep() -> None:
    """Remove the folders of boxes whose owner was killed before it could; only this user's, only unlocked ones."""
    for entry in _entries(Path(tempfile.gettempdir())):
        if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        with contextlib.suppress(OSError):  # somebody else's, in use, or swept by another process just now
            about = entry.stat(follow_symlinks=False)
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < _SWEEP_AGE_S:
                continue
            lock = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(Path(entry.path))
            finally:
                os.close(lock)
