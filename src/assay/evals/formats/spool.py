"""Samples on their way into a suite, on disk: an import takes no more memory when it has more of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import TracebackType

import msgspec

from assay.evals.suites.samples import SampleLine

__all__ = ["Spool"]

_IN_MEMORY_BYTES = 4_000_000


class Spool:
    """Lines are appended, and read again as often as wanted. A temporary file beyond 4 MB; gone when it is closed."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
        self._count = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count

    def append(self, data: bytes) -> None:
        """Keep one more: a sample as JSON in one line."""
        self._file.seek(0, 2)
        self._file.write(data + b"\n")
        self._count += 1

    def __iter__(self) -> Iterator[SampleLine]:
        self._file.seek(0)
        decoder = msgspec.json.Decoder(SampleLine)
        for line in self._file:
            yield decoder.decode(line)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
