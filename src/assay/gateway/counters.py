"""The folder in which the workers of one supervisor count together, and those that dead ones have left.

It is locked as long as the supervisor or any of its workers lives, who all hold the same lock: whoever can take it
knows that nobody counts there any more. That holds across pids that come again, and however they died.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

__all__ = ["Counters", "counters"]

_PREFIX = "assay-metrics-"


class Counters(NamedTuple):
    """Where workers count.

    Attributes:
        folder: of their files.
        lock: descriptor that each of them is to inherit.
    """

    folder: Path
    lock: int


@contextmanager
def counters() -> Iterator[Counters]:
    """A new folder, removed at the end. What others have left who are gone is removed first."""
    _sweep()
    found = _made()
    try:
        yield found
    finally:
        shutil.rmtree(found.folder, ignore_errors=True)
        os.close(found.lock)


def _made() -> Counters:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # swept away by another supervisor, who saw it before it was locked
            continue
        with suppress(OSError):  # a filesystem without locks: nobody else can take one there either
            _take(lock, wait=True)
        if folder.exists():  # nor swept away while it was being locked
            return Counters(folder, lock)
        os.close(lock)


def _sweep() -> None:
    """Remove this user's folders that nobody has locked."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # in use, somebody else's, or swept by another process just now
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    _take(lock, wait=False)
                    shutil.rmtree(folder)
            finally:
                os.close(lock)


def _take(lock: int, *, wait: bool) -> None:
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
