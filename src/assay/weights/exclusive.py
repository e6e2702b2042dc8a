"""One process at a time: a lock that the system takes back when its holder dies, however it dies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from assay.errors import PullError

_LOOK_AGAIN_S = 0.2


def claim(path: Path) -> IO[str] | None:
    """The lock, held until it is closed; `None` if another process has it. Its file stays: removing it would race.

    Raises:
        PullError: this system has no such locks.
        OSError: the lock's file cannot be made.
    """
    try:
        import fcntl
    except ImportError as error:  # Windows
        raise PullError("the weights store needs POSIX file locks; on Windows use WSL") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return file


@asynccontextmanager
async def exclusive(path: Path, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock; `on_wait` is called once if another process has it now. Waiting can be cancelled."""
    import asyncio  # 70 ms of CPU, which commands that only look weights up should not pay

    lock = claim(path)
    if lock is None:
        on_wait()
    while lock is None:
        await asyncio.sleep(_LOOK_AGAIN_S)
        lock = claim(path)
    with lock:
        yield
