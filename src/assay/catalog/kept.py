"""What is worked out once per machine: files in the user's cache, each there whole or not at all.

A file's name says what it was made of, so that a stale one is never read; a cache that cannot be written costs time
only.
"""

from __future__ import annotations

import os
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
    try:
        return msgspec.json.decode(_path(folder, key).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):  # not made yet, or broken: what it was made of is the truth
        return None


def keep(folder: str, key: str, value: object) -> None:
    """Keep a value; of what was kept in this folder before, the newest few stay: other versions may be in use too."""
    path = _path(folder, key)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(value))
        part.replace(path)
        by_age = sorted(path.parent.glob("*.json"), key=lambda one: one.stat().st_mtime_ns)
        for old in by_age[:-_VERSIONS]:
            old.unlink(missing_ok=True)
    except OSError:
        with suppress(OSError):
            part.unlink()


def _path(folder: str, key: str) -> Path:
    return Path(platformdirs.user_cache_dir("assay")) / folder / f"{key}.json"
