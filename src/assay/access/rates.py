"""Requests and tokens of a minute, counted exactly over all processes that serve from one ledger.

A sliding window: any 60 seconds hold the limit at most, at a grain of one second to the safe side. (The usual leaky
bucket lets in twice its limit in the first minute; a key that says 60 a minute means 60.) The counts stand in a file
that all processes map into their memory, a cell for each key, and a cell is changed under a lock of its own, which ends
with the process that holds it.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import NamedTuple

try:
    import fcntl
except ImportError:  # Windows, where one process serves
    fcntl = None  # type: ignore[assignment]

from assay.errors import LedgerError

__all__ = ["WINDOW_S", "Rates", "Standing", "Ticket"]

WINDOW_S = 60
_SLOTS = WINDOW_S + 1  # one for each second of the window, and the one that runs
_CELL = 128  # numbers of 8 bytes: the second counted last; of requests, then of tokens, the sum and that of each second
_CELL_BYTES = 8 * _CELL
_REQUESTS, _TOKENS = 1, 2 + _SLOTS
_MOST = 1 << 53  # whatever a host says that it has counted


class Standing(NamedTuple):
    """How a rate stands.

    Attributes:
        limit: in 60 seconds.
        left: of that, now.
        reset_s: seconds until nothing of it is used any more.
        wait_s: seconds until what was asked for fits; 0 = it did.
    """

    limit: int
    left: int
    reset_s: float
    wait_s: float = 0.0


class Ticket(NamedTuple):
    """What was counted for a request.

    Attributes:
        cell: of its key.
        second: in which it was counted.
        tokens: the bound that was counted.
        requests_rate, tokens_rate: how they stand; None = they have no limit.
        admitted: it fits, and is counted.
    """

    cell: int
    second: int
    tokens: int
    requests_rate: Standing | None
    tokens_rate: Standing | None
    admitted: bool

    @property
    def wait_s(self) -> float:
        """Seconds until it fits."""
        return max(one.wait_s for one in (self.requests_rate, self.tokens_rate) if one is not None)


class Rates:
    """The counts of all keys.

    Args:
        path: the file; it is made when a rate is first counted. What it says is of no use after a minute, so that it
            may be deleted while nobody serves.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells = 0
        self._file = -1
        self._map: mmap.mmap | None = None
        self._numbers = memoryview(b"").cast("q")

    def take(self, cell: int, requests_limit: int | None, tokens_limit: int | None, tokens: int) -> Ticket:
        """Count one request, if it fits.

        Args:
            cell: of its key.
            requests_limit: in 60 seconds; None = any number.
            tokens_limit: likewise.
            tokens: that it takes at most. More than the limit counts as the limit: it is let in where nothing else is.

        Raises:
            LedgerError: the file cannot be opened, or has no room for the cell.
        """
        self._reach(cell)
        start = cell * _CELL
        need = tokens if tokens_limit is None else min(tokens, tokens_limit)
        self._lock(cell)
        try:
            now = time.monotonic()  # one clock for all processes, which is never put back
            second = int(now)
            self._forget(start, second)
            requests = self._rate(start + _REQUESTS, requests_limit, 1, now)
            used = self._rate(start + _TOKENS, tokens_limit, need, now)
            admitted = not (requests and requests.wait_s) and not (used and used.wait_s)
            if admitted:
                self._add(start + _REQUESTS, second, 1)
                self._add(start + _TOKENS, second, need)
        finally:
            self._unlock(cell)
        return Ticket(cell, second, need, requests, used, admitted)

    def correct(self, ticket: Ticket, tokens: int) -> None:
        """Count what a request has really taken in place of its bound; nothing, once its second is forgotten."""
        start = ticket.cell * _CELL
        self._lock(ticket.cell)
        try:
            self._forget(start, int(time.monotonic()))
            if 0 <= self._numbers[start] - ticket.second < _SLOTS:
                self._add(start + _TOKENS, ticket.second, min(tokens, _MOST) - ticket.tokens)
        finally:
            self._unlock(ticket.cell)

    def close(self) -> None:
        """Let go of the file."""
        self._numbers.release()
        if self._map is not None:
            self._map.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -------------------------------------------------------------------------------------- the cells

    def _rate(self, start: int, limit: int | None, need: int, now: float) -> Standing | None:
        """How a rate stands if so much more is taken; where that does not fit, as it is without it."""
        if limit is None:
            return None
        used, second = self._numbers[start], int(now)
        if used + need <= limit:
            return Standing(limit, limit - used - need, second + _SLOTS - now)
        newest, wait_s, excess = 0.0, 0.0, used + need - limit
        for at in range(second - WINDOW_S, second + 1):  # oldest first
            count = self._numbers[start + 1 + at % _SLOTS]
            if count:
                newest = at + _SLOTS - now
                wait_s = newest if excess > 0 else wait_s
                excess -= count
        return Standing(limit, max(0, limit - used), newest, wait_s)

    def _add(self, start: int, second: int, count: int) -> None:
        """Add to a second and to the sum; the sum first, so that whoever dies between has counted too much."""
        self._numbers[start] += count
        self._numbers[start + 1 + second % _SLOTS] += count

    def _forget(self, start: int, second: int) -> None:
        """Empty the slots of seconds that have passed since the last count, and sum up what is left."""
        numbers = self._numbers
        last = numbers[start]
        if last == second:
            return
        within = 0 < second - last < _SLOTS  # else a minute has passed, or the machine has started again
        for counts in (start + _REQUESTS, start + _TOKENS):
            for at in range(last + 1, second + 1) if within else range(_SLOTS):
                numbers[counts + 1 + at % _SLOTS] = 0
            numbers[counts] = sum(numbers[counts + 1 : counts + 1 + _SLOTS])
        numbers[start] = second

    def _reach(self, cell: int) -> None:
        """Make sure that the cell is there."""
        if cell < self._cells:
            return
        cells = max(64, 2 * cell)
        try:
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            _grow(self._file, cells * _CELL_BYTES)
            grown = mmap.mmap(self._file, cells * _CELL_BYTES)
        except (OSError, ValueError) as error:
            raise LedgerError(f"cannot use the file of rates {self._path}: {error}") from error
        self._numbers.release()
        if self._map is not None:
            self._map.close()
        self._map, self._numbers, self._cells = grown, memoryview(grown).cast("q"), cells

    def _lock(self, cell: int) -> None:
        if fcntl is not None:
            fcntl.lockf(self._file, fcntl.LOCK_EX, _CELL_BYTES, cell * _CELL_BYTES)

    def _unlock(self, cell: int) -> None:
        if fcntl is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _CELL_BYTES, cell * _CELL_BYTES)


def _grow(file: int, size_bytes: int) -> None:
    """Make a file so long at least, without changing what it holds, whoever else does the same.

    The room is really taken: a page of a map that the disk has no room for would end the process.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size_bytes)
    elif os.fstat(file).st_size < size_bytes:  # by a byte that no cell uses
        os.lseek(file, size_bytes - 1, os.SEEK_SET)
        os.write(file, b"\0")
