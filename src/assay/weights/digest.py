"""SHA-256 of a file of weights, remembered so that a second look costs nothing.

What is remembered is bound to path, size, modification time and inode. Whoever can change a file and forge all
four can also forge the cache: a pin is proved with `fresh=True`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import msgspec
import platformdirs

from assay.errors import WeightsError

_CHUNK_BYTES = 1 << 20
_MAX_ENTRY_BYTES = 16 * 1024


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered of one file."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    sha256: str

    def same_file(self, other: _Entry) -> bool:
        """Whether both speak of the same bytes, as far as the file system tells."""
        return msgspec.structs.replace(self, sha256="") == msgspec.structs.replace(other, sha256="")


def sha256_of(path: Path, *, fresh: bool = False, cache_dir: Path | None = None) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Args:
        path: the file.
        fresh: read the file even when its digest is remembered.
        cache_dir: where digests are remembered; default: the user's cache folder of assay.

    Raises:
        WeightsError: the file cannot be read, or changed while it was read.
    """
    path = path.absolute()
    before = _describe(path)
    place = _place(before.path, cache_dir)
    known = None if fresh else _recall(place)
    if known is not None and known.same_file(before):
        return known.sha256
    digest = _hash(path)
    if not before.same_file(_describe(path)):
        raise WeightsError(f"weights {path}: the file changed while it was read")
    _remember(place, msgspec.structs.replace(before, sha256=digest))
    return digest


def _describe(path: Path) -> _Entry:
    try:
        stat = path.stat()
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}") from error
    return _Entry(path=str(path), size=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino, sha256="")


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise WeightsError(f"weights {path}: {error.strerror or error}") from error
    return digest.hexdigest()


def _place(path: str, cache_dir: Path | None) -> Path:
    folder = cache_dir or Path(platformdirs.user_cache_dir("assay"))
    return folder / "digests" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def _recall(place: Path) -> _Entry | None:
    """What is remembered; a missing or damaged entry is as good as none."""
    try:
        with place.open("rb") as file:
            entry = msgspec.json.decode(file.read(_MAX_ENTRY_BYTES), type=_Entry)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    is_digest = len(entry.sha256) == 64 and all(letter in "0123456789abcdef" for letter in entry.sha256)
    return entry if is_digest else None


def _remember(place: Path, entry: _Entry) -> None:
    """Written beside its place and moved there: a reader never sees half an entry."""
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not correctness
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".digest-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(entry))
            Path(name).replace(place)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
