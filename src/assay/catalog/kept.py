"""What is worked out once per machine: files in the user's cache, each there whole or not at all.

A file's name says what it was made of, so that a stale one is never read, and it begins with the digest of what it
holds: prices are read from here, so a flipped bit, or a file that another user put there, must not pass for one. A
cache that cannot be written costs time only.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
import platformdirs

__all__ = ["keep", "recall"]

T = TypeVar("T")
_VERSIONS = 4


def recall(folder: str, key: str, kind: type[T]) -> T | None:
    """What was kept in this folder under this key; `None` if nothing was, or it cannot be read."""
    path = _path(folder, key)
    if not path.is_absolute():
        return None
    try:
        with path.open("rb") as file:
            digest, _, data = file.read().partition(b"\n") if _is_own(file.fileno()) else (b"", b"", b"")
        return msgspec.json.decode(data, type=kind) if digest == _digest(data) else None
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return None  # not made yet, or broken: what it was made of is the truth


def keep(folder: str, key: str, value: object) -> None:
    """Keep a value; of what was kept in this folder before, the newest few stay: other versions may be in use too."""
    path = _path(folder, key)
    part = path.with_suffix(f".{os.getpid()}.part")
    if not path.is_absolute():  # a user without a home has no cache, and `~` is no folder to make
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = msgspec.json.encode(value)
        with open(part, "xb", opener=_for_oneself) as file:
            file.write(_digest(data) + b"\n" + data)
        part.replace(path)
        by_age = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
        for old in by_age[:-_VERSIONS]:
            old.unlink(missing_ok=True)
    except (OSError, UnicodeEncodeError):  # the latter: names of files that are no UTF-8
        with suppress(OSError):
            part.unlink()


def _is_own(file: int) -> bool:
    """Whether nobody else can have written an open file."""
    if sys.platform == "win32":
        return True
    found = os.fstat(file)
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _for_oneself(path: str, flags: int) -> int:
    """Opened so that only the user may read and write it, whatever the umask."""
    return os.open(path, flags, 0o600)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _path(folder: str, key: str) -> Path:
    return Path(platformdirs.user_cache_dir("assay")) / folder / f"{key}.json"
