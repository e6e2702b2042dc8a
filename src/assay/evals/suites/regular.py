"""Files that a suite names, which may be anybody's: only those that come to an end are read."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

__all__ = ["regular"]


def regular(path: Path) -> Path:
    """The path itself, if reading it ends: a pipe may wait for ever, and a device gives bytes without an end.

    Raises:
        OSError: it is not there, is of another kind, or no file can be called so.
    """
    try:
        mode = path.stat().st_mode
    except ValueError as error:  # a name with a zero byte
        raise OSError(errno.EINVAL, f"no file can be called so: {error}") from error
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # a folder says itself that it is one
        return path
    raise OSError(errno.EINVAL, "it is no regular file")
