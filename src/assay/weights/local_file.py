"""The origin `path`: a file that is already on this machine, or on a disk that is plugged into it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from assay.errors import PullError
from assay.weights.origin import Watch
from assay.weights.partial import Partial
from assay.weights.wanted import Wanted

_CHUNK_BYTES = 8 << 20


class LocalFile:
    """A file to copy, or to hard-link.

    Args:
        path: the file.
        link: take no room: the store's file and this one are the same, so whoever changes one changes both.
    """

    name = "path"

    def __init__(self, path: Path, *, link: bool = False) -> None:
        self._path = Path(os.path.expanduser(path)).absolute()
        self._link = link

    @property
    def source(self) -> str:
        """See `Origin`."""
        return f"path {self._path}"

    def room_bytes(self, wanted: Wanted, here_bytes: int) -> int:
        """See `Origin`. A copy begins anew, in the place of what is here."""
        return 0 if self._link else (wanted.size_bytes or 0) - here_bytes

    async def fetch(self, wanted: Wanted, partial: Partial, watch: Watch) -> None:
        """See `Origin`."""
        size = self._size_bytes()
        if wanted.size_bytes not in (None, size):
            raise PullError(f"{self._path} has {size} bytes, {wanted.model} has {wanted.size_bytes}")
        if self._link:
            self._hard_link(partial)
        else:
            await self._copy(partial, watch)

    def _size_bytes(self) -> int:
        try:
            if not self._path.is_file():
                raise PullError(f"{self._path} is no file")
            return self._path.stat().st_size
        except OSError as error:
            raise PullError(f"{self._path}: {error.strerror or error}") from error

    def _hard_link(self, partial: Partial) -> None:
        try:
            partial.link(self._path, self.source)
        except OSError as error:
            raise PullError(f"{self._path} cannot be linked: {error.strerror or error}; copy it (no --link)") from error

    async def _copy(self, partial: Partial, watch: Watch) -> None:
        try:
            handle = os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise PullError(f"{self._path}: {error.strerror or error}") from error
        with open(handle, "rb", buffering=0) as source:  # noqa: ASYNC230 - reads that block shortly, one at a time
            partial.start(self.source)
            with partial.appending() as file:
                while chunk := source.read(_CHUNK_BYTES):
                    file.write(chunk)
                    watch.at(partial.size_bytes)
                    await asyncio.sleep(0)  # a place where Ctrl-C can cut in
