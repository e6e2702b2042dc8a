"""A file of lines that is read once from end to end, and then line by line wherever one begins."""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from assay.errors import SuiteError
from assay.evals.suites.regular import regular

__all__ = ["Line", "LinesFile"]

_PIECE_BYTES = 4096


class Line(NamedTuple):
    """One line without its end; `number` counts from 1."""

    number: int
    offset: int
    data: bytes


class LinesFile:
    """An open file. It stays open, so that one which is written anew under its name changes nothing here.

    Attributes:
        digest: sha256 of what `scan` has read.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(regular(path), os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self._stamp = self._stamped()
        self._hash = hashlib.sha256()

    def scan(self) -> Iterator[Line]:
        """All lines that are not empty."""
        offset = 0
        with open(self._file, "rb", buffering=1 << 18, closefd=False) as file:
            for number, line in enumerate(file, start=1):
                self._hash.update(line)
                if line.strip():
                    yield Line(number, offset, line)
                offset += len(line)

    @property
    def digest(self) -> bytes:
        """Of all bytes, once they have been scanned."""
        return self._hash.digest()

    def at(self, offset: int) -> bytes:
        """The line that begins here.

        Raises:
            SuiteError: the file has been changed since it was opened.
        """
        if self._stamped() != self._stamp:
            raise SuiteError(f"{self._path} was changed while it was in use; run the command again")
        data, size = b"", _PIECE_BYTES
        while piece := os.pread(self._file, size, offset + len(data)):
            data += piece
            if b"\n" in piece:
                return data[: data.index(b"\n")]
            size *= 2
        return data

    def _stamped(self) -> tuple[int, int]:
        status = os.fstat(self._file)
        return status.st_mtime_ns, status.st_size
