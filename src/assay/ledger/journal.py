"""The journal: rows that are durable by one write of the system's, before SQLite has them.

A process appends what it records of attempts and requests to files of its own beside the ledger. A thread folds them
into SQLite in bulk (`assay.ledger.folding`), and a file that has been folded is deleted.
"""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from assay.errors import LedgerError
from assay.ledger.segment import FRAME_BYTES, Entry, Head, Reached, Segment, Unwritten, encode, is_locked

__all__ = ["Journal", "is_being_written", "paths_of", "segments_of", "sessions_of"]

BUFFER_BYTES = 256 * 1024
"""So much may wait to be written where nobody waits for it."""
MUCH_BYTES = 256 * 1024
"""So much, of some 400 requests, is folded without waiting for more: in a larger transaction a row costs no less."""


class Journal:
    """What one session appends, from any thread.

    Args:
        ledger: the ledger's file; those of the journal lie beside it.
        session: whose it is.
        on_growth: called when there is something to fold and was nothing before, and when that becomes much.

    Attributes:
        unfolded_bytes: about so much was appended that SQLite does not have.
    """

    def __init__(self, ledger: Path, session: str, on_growth: Callable[[], None] = lambda: None) -> None:
        self._ledger = ledger
        self._session = session
        self._on_growth = on_growth
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._last: Segment | None = None  # that is appended to, as long as it has room
        self._files = 0
        self._waiting: list[Unwritten] = []  # for `flush`
        self._waiting_bytes = 0
        self._unsynced_names = False
        self._ended = False
        self.unfolded_bytes = 0

    def append(self, entry: Entry, *, now: bool = True) -> None:
        """Write an entry; when this returns, it survives the end of this process.

        Args:
            entry: the rows.
            now: false: it may wait for others, until `flush`.

        Raises:
            LedgerError: it was not written.
        """
        try:
            payload = encode(entry)
        except (OverflowError, UnicodeEncodeError, TypeError) as error:  # a number or a text that no row can have
            raise LedgerError(f"a row cannot be written to the ledger: {type(error).__name__}: {error}") from error
        room_bytes = FRAME_BYTES + len(payload)
        try:
            with self._lock:
                if self._ended:
                    raise LedgerError("the ledger is closed")
                before = self.unfolded_bytes
                if now or self._waiting_bytes + room_bytes > BUFFER_BYTES:
                    last = self._last
                    if last is None or not last.has_room:
                        last = self._begin()
                    last.append([*self._waiting, (room_bytes, payload, entry)])
                    self._waiting, self._waiting_bytes = [], 0
                else:
                    self._waiting.append((room_bytes, payload, entry))
                    self._waiting_bytes += room_bytes
                self.unfolded_bytes = before + room_bytes
        except OSError as error:
            raise self._failure(error) from error
        if not before or before < MUCH_BYTES <= before + room_bytes:
            self._on_growth()

    @property
    def has_much(self) -> bool:
        """Whether it is not worth waiting for more before it is folded."""
        return self.unfolded_bytes >= MUCH_BYTES

    def flush(self) -> None:
        """Write what waits for others.

        Raises:
            LedgerError: it cannot be written; it waits on.
        """
        try:
            with self._lock:
                if self._waiting:
                    last = self._last
                    if last is None or not last.has_room:
                        last = self._begin()
                    last.append(self._waiting)
                    self._waiting, self._waiting_bytes = [], 0
        except OSError as error:
            raise self._failure(error) from error

    def segments(self) -> list[Segment]:
        """The files that have something to fold, in order."""
        with self._lock:
            return [segment for segment in self._segments if segment.read < segment.size_bytes]

    def folded(self, reached: Iterable[Reached]) -> int:
        """So far it is in SQLite; returns how many bytes more that is.

        Files that have no more to fold go, but for the one that grows.
        """
        with self._lock:
            size_bytes = sum(segment.advance(read, number) for segment, read, number in reached)
            self.unfolded_bytes -= size_bytes
            gone = [one for one in self._segments if one is not self._last and one.read >= one.size_bytes]
            self._segments = [one for one in self._segments if one not in gone]
        for segment in gone:
            segment.delete()
        return size_bytes

    def sync(self) -> None:
        """Bring what has been written to the disk; when this returns, it survives a loss of power.

        Raises:
            LedgerError: the disk has failed.
        """
        files: list[int] = []
        try:
            with self._lock:
                unsynced = [segment for segment in self._segments if segment.unsynced]
                files += (os.dup(segment.file) for segment in unsynced)  # folding may close the journal's own
                if self._unsynced_names:  # a file without a name after a loss of power is lost with all that is in it
                    files.append(os.open(self._ledger.parent, os.O_RDONLY))
                for segment in unsynced:
                    segment.unsynced = False
                self._unsynced_names = False
            for file in files:
                os.fsync(file)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            for file in files:
                os.close(file)

    def end(self) -> None:
        """Take no more entries."""
        with self._lock:
            self._ended = True

    def close(self) -> None:
        """Let go of the files. Those that have something to fold stay, for whoever opens the ledger next."""
        self.end()
        for segment in self._segments:
            if segment.read < segment.size_bytes:
                segment.close()
            else:
                segment.delete()
        self._segments, self._last = [], None

    # ------------------------------------------------------------------------------- under the lock

    def _begin(self) -> Segment:
        """Another file, to which all is appended from now on."""
        first = self._last.following if self._last is not None else 0
        path = self._ledger.with_name(f"{self._ledger.name}-{self._session}-{self._files:06d}.journal")
        segment = Segment.create(path, Head(self._session, first), self._ledger.stat().st_mode & 0o777)
        self._files += 1
        self._unsynced_names = True
        self._segments.append(segment)
        self._last = segment
        return segment

    def _failure(self, error: OSError) -> LedgerError:
        return LedgerError(
            f"the ledger's journal beside {self._ledger} cannot be written: {error}; is the disk full, or read-only?"
        )


def segments_of(ledger: Path, session: str) -> list[Segment]:
    """The files that a session has left, in order.

    Raises:
        LedgerError: one of them is no journal.
        OSError: one of them cannot be read.
    """
    found = (Segment.found(path) for path in paths_of(ledger, session))
    return [segment for segment in found if segment is not None]


def is_being_written(ledger: Path, session: str) -> bool:
    """Whether a process that lives writes a session's journal: the system knows, whatever its pid is here."""
    return any(is_locked(path) for path in paths_of(ledger, session))


def sessions_of(ledger: Path) -> list[str]:
    """The sessions that have files beside a ledger."""
    return sorted({path.name.rsplit("-", 2)[1] for path in paths_of(ledger, "*")})


def paths_of(ledger: Path, session: str) -> Sequence[Path]:
    """The files of a session's journal, in order; `*` = of all."""
    return sorted(ledger.parent.glob(f"{glob.escape(ledger.name)}-{session}-*.journal"))
