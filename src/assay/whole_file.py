"""A file that is exchanged in one step: a reader sees the old or the new one, never half of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["exchanged", "rewrite_whole", "write_whole"]


@contextmanager
def exchanged(path: Path, *, like: Path | None = None) -> Iterator[Path]:
    """A place beside a file: what is written there takes the file's place when the block has ended.

    If the block fails, the file is as it was. The new one may be read by whoever may read `like`, where that is there;
    default: the file itself. A link stays one: what it leads to is exchanged. It is not waited for until it outlasts a
    power cut.

    Raises:
        OSError: it cannot be written.
    """
    place = path.resolve()
    beside = place.with_name(f".{place.name}.{os.urandom(4).hex()}")
    try:
        yield beside
        with suppress(FileNotFoundError):
            beside.chmod(stat.S_IMODE((like or place).stat().st_mode))
        beside.replace(place)
    finally:
        with suppress(OSError):  # of a folder that is gone, say: the first error is the one to tell
            beside.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Write a file in one step; see `exchanged`.

    Raises:
        OSError: it cannot be written; what stood there is as it was.
    """
    with exchanged(path, like=like) as beside:
        beside.write_bytes(data)


def rewrite_whole(path: Path, was: bytes | None, data: bytes, *, like: Path | None = None) -> None:
    """Exchange a file for what was made of it, if it is still what was read; see `exchanged`.

    Args:
        path: the file.
        was: what was read; None = it was not there.
        data: what takes its place.
        like: whose readers the new one has.

    Raises:
        OSError: it has been changed meanwhile, or cannot be written; what stands there is as it was.
    """
    with exchanged(path, like=like) as beside:
        beside.write_bytes(data)
        if (path.read_bytes() if path.exists() else None) != was:
            raise OSError("it was changed meanwhile, and stays so; run the command again")
