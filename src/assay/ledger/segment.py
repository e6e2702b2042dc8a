"""One file of a journal: what it looks like, appending to it and reading what is whole in it.

An entry is its length, its crc32 and msgpack. The first of a file names the columns, so that a later version reads what
an earlier one has left. What a crash or a full disk has torn off is recognised; it was acknowledged to nobody.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from assay.errors import LedgerError
from assay.ledger.rows import Intent, RequestRow, Settlement

__all__ = ["FRAME_BYTES", "Entry", "Head", "Reached", "Segment", "Unwritten", "encode", "is_locked"]

SEGMENT_BYTES = 4 * 1024 * 1024
"""A file that has grown so large is followed by another, so that what has been folded can be deleted."""
KEPT_BYTES = 1024 * 1024
"""So much that this process has just written, of some 1,700 requests, need not be read from the file again."""
_FRAME = struct.Struct("<II")
FRAME_BYTES = _FRAME.size
"""What stands in the file before each payload: its length and its crc32."""
_Values = tuple[Any, ...]


class Entry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What one write makes durable together: the values of rows, in the order of the head's columns."""

    intent: _Values | None = None
    settlement: _Values | None = None
    request: _Values | None = None


Unwritten = tuple[int, bytes, Entry]
"""The room of an entry in the file, in bytes with its frame, its payload and the entry itself."""


class Head(msgspec.Struct, frozen=True):
    """What a file begins with.

    Attributes:
        session: whose it is.
        first: the number of its first entry; a session's entries are numbered from 0.
        intent: the columns of an entry's intent, in order.
        settlement: of its settlement.
        request: of its request.
    """

    session: str
    first: int
    intent: tuple[str, ...] = Intent.__struct_fields__
    settlement: tuple[str, ...] = Settlement.__struct_fields__
    request: tuple[str, ...] = RequestRow.__struct_fields__


encode = msgspec.msgpack.Encoder().encode
"""The payload of an entry or a head."""
_head_of = msgspec.msgpack.Decoder(Head).decode
_entry_of = msgspec.msgpack.Decoder(Entry).decode


class Segment:
    """One file of a journal, and how far it has been read.

    Attributes:
        path: where it lies.
        head: what it begins with.
        file: its descriptor.
        size_bytes: of what is whole in it, or is thought to be.
        following: the number of the entry that is appended next.
        has_room: more may be appended; not once a write has failed, for it would stand behind something torn.
        unsynced: it has what the disk may not have.
        read: where the first entry begins that nobody has read, in bytes.
        number: that entry's.
    """

    has_room = False
    _kept: list[Unwritten] | None = None  # all that nobody has read; None: it must be read from the file

    def __init__(self, path: Path, file: int, head: Head, *, begin: int, size_bytes: int) -> None:
        self.path = path
        self.file = file
        self.head = head
        self.size_bytes = size_bytes
        self.unsynced = False
        self.read = begin
        self.number = self.following = head.first

    @classmethod
    def create(cls, path: Path, head: Head, mode: int) -> Segment:
        """A new file, which is locked for as long as this process has it open.

        Raises:
            OSError: it cannot be made.
        """
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, mode)
        try:
            _lock(file)
            made = cls(path, file, head, begin=0, size_bytes=0)
            payload = encode(head)
            made.append([(FRAME_BYTES + len(payload), payload, Entry())])
        except BaseException:
            os.close(file)
            path.unlink(missing_ok=True)
            raise
        made.read, made.following, made._kept = made.size_bytes, head.first, []
        return made

    @classmethod
    def found(cls, path: Path) -> Segment | None:
        """What another process has left; None = nothing is in it that anybody was told of.

        Raises:
            LedgerError: it is no journal.
            OSError: it cannot be read.
        """
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # another process has just folded and deleted it
            return None
        try:
            size_bytes = os.fstat(file).st_size
            begin, payload = next(_payloads(os.pread(file, size_bytes, 0)), (0, b""))
            if payload:
                return cls(path, file, _head_of(payload), begin=begin, size_bytes=size_bytes)
        except msgspec.MsgspecError as error:
            os.close(file)
            raise LedgerError(f"{path} is no journal of a ledger: {error}; move it elsewhere") from error
        os.close(file)
        return None

    def append(self, entries: Sequence[Unwritten]) -> None:
        """Write some entries at the end, by one write of the system's.

        Raises:
            OSError: they were not written, or not whole; then the file takes no more.
        """
        parts: list[bytes] = []
        size_bytes, following = 0, self.following
        for room_bytes, payload, _ in entries:
            parts += (_FRAME.pack(room_bytes - FRAME_BYTES, crc32(payload)), payload)
            size_bytes += room_bytes
            following += 1
        self.has_room = False
        written = os.write(self.file, b"".join(parts))
        if written != size_bytes:
            raise OSError(ENOSPC, f"only {written} of {size_bytes} bytes were written")
        self.size_bytes += size_bytes
        self.has_room = self.size_bytes <= SEGMENT_BYTES
        self.following = following
        self.unsynced = True
        if self._kept is not None:
            self._kept += entries
            if self.size_bytes - self.read > KEPT_BYTES:
                self._kept = None

    def ahead(self) -> tuple[list[Entry], int]:
        """The whole entries that nobody has read, and the place behind them; what is torn ends them.

        Raises:
            LedgerError: an entry is whole, but not one of a journal.
            OSError: the file cannot be read.
        """
        kept, begin = self._kept, self.read
        if kept is not None:
            found = kept.copy()  # what is appended meanwhile is not of it
            return [entry for _, _, entry in found], begin + sum([room_bytes for room_bytes, _, _ in found])
        whole = list(_payloads(os.pread(self.file, self.size_bytes - begin, begin)))
        try:
            return [_entry_of(payload) for _, payload in whole], begin + whole[-1][0] if whole else begin
        except msgspec.MsgspecError as error:
            raise LedgerError(f"{self.path} has an entry that cannot be read: {error}; move it elsewhere") from error

    def advance(self, read: int, number: int) -> int:
        """What stands before a place, and before an entry's number, has been read; returns how many bytes that was."""
        size_bytes = read - self.read
        if self._kept is not None:
            del self._kept[: number - self.number]
        elif read == self.size_bytes:
            self._kept = []
        self.read, self.number = read, number
        return size_bytes

    def close(self) -> None:
        """Let go of the file, and of its lock."""
        os.close(self.file)

    def delete(self) -> None:
        """Let go of the file, and of what it holds."""
        self.path.unlink(missing_ok=True)
        self.close()


class Reached(NamedTuple):
    """How far a file has been read: the place, and the number of the entry there."""

    segment: Segment
    read: int
    number: int


def _payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The whole payloads that bytes begin with, each with the place behind it."""
    at = 0
    while at + FRAME_BYTES <= len(data):
        length, checksum = _FRAME.unpack_from(data, at)
        begin, at = at + FRAME_BYTES, at + FRAME_BYTES + length
        payload = data[begin:at]
        if not payload or len(payload) < length or crc32(payload) != checksum:  # empty: zeros, which a lost disk leaves
            return
        yield at, payload


def is_locked(path: Path) -> bool:
    """Whether a process that lives has the file open as its own."""
    with suppress(OSError):
        file = os.open(path, os.O_RDONLY)
        try:
            return not _lock(file)
        finally:
            os.close(file)
    return False


def _lock(file: int) -> bool:
    """Lock a file until it is closed; False = another has."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a filesystem without locks: processes are then told by their pids alone
        return True
    return True
