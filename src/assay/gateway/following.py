"""Following a file while the gateway runs: what it says is taken up when it has become another one.

It is looked at, not listened to: a look costs microseconds, and works on every file system.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Stamp", "follow", "stamp"]

LOOK_EVERY_S = 0.25


class Stamp(NamedTuple):
    """What tells one state of a file from another, also where a new one got the number of one that is gone."""

    number: int
    written_ns: int
    changed_ns: int
    size_bytes: int


def stamp(path: Path) -> Stamp | None:
    """The state of a file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return Stamp(found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


async def follow(path: Path, since: Stamp | None, changed: Callable[[], Awaitable[None]]) -> None:
    """Call `changed` each time that a file is there and another one than before; until it is cancelled.

    Args:
        path: the file. While it is gone nothing happens: who replaces it may take it away first.
        since: its state when it was last read; taken before it was, so that no change falls between.
        changed: reads it. What changes meanwhile is seen at the next look.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        now = stamp(path)
        if now is not None and now != since:
            since = now
            await changed()
