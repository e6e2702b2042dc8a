"""A file on its way into the store: the bytes that are here, and what must be known to go on after a kill.

It lies in a folder of its own that no lookup of weights ever visits. Whoever writes to it holds its lock.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from assay.types import Value

_CHUNK_BYTES = 1 << 20
_MAX_STATE_BYTES = 1 << 20


class Piece(Value, frozen=True, kw_only=True):
    """A finished piece, durable on disk."""

    size_bytes: int
    sha256: str


class State(Value, frozen=True, kw_only=True):
    """What is known of the bytes.

    Attributes:
        model: what is being pulled, for people.
        origin: where the bytes come from; those of another origin are not continued.
        tag: what the origin calls this version of the file (an ETag); without one nothing can be continued.
        size_bytes: of the whole file, where known.
        pieces: the finished pieces at the beginning, where the file comes in pieces.
    """

    model: str = ""
    origin: str = ""
    tag: str | None = None
    size_bytes: int | None = None
    pieces: tuple[Piece, ...] = ()


class Partial:
    """The bytes that are here so far.

    Args:
        folder: where they lie; made when the first bytes come.
        model: what is being pulled.
        whole_bytes: size of the whole file, where known.
    """

    def __init__(self, folder: Path, model: str = "", whole_bytes: int | None = None) -> None:
        self.folder = folder
        self.path = folder / "data"
        self._model = model
        self._whole_bytes = whole_bytes
        self.state = self._read_state()

    @property
    def size_bytes(self) -> int:
        """How many bytes are here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def start(self, origin: str, tag: str | None = None) -> None:
        """Begin at the first byte; what was here is forgotten."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)  # not emptied: it may be a hard link to somebody's file
        self.path.touch()
        self._note(State(model=self._model, origin=origin, tag=tag, size_bytes=self._whole_bytes))

    def link(self, file: Path, origin: str) -> None:
        """Take a whole file as it is, by a hard link."""
        self.start(origin)
        self.path.unlink()
        os.link(file, self.path)

    @contextlib.contextmanager
    def appending(self) -> Iterator[BinaryIO]:
        """The file, to be written at its end; an error leaves what was written."""
        with self.path.open("ab") as file:
            yield file

    def resume(self, origin: str) -> int:
        """How many finished pieces of this origin can be kept: they are read again, and what follows them is cut."""
        if self.state.origin != origin:
            return 0
        whole = self._whole_pieces()
        self._note(msgspec.structs.replace(self.state, pieces=whole))
        if self.path.exists():
            os.truncate(self.path, sum(piece.size_bytes for piece in whole))
        return len(whole)

    def keep(self) -> None:
        """What was written since the last finished piece is a finished piece."""
        done = sum(piece.size_bytes for piece in self.state.pieces)
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
            file.seek(done)
            piece = _piece(file, self.size_bytes - done)
        self._note(msgspec.structs.replace(self.state, pieces=(*self.state.pieces, piece)))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the store's disk, gone afterwards; what a killed process left there is swept first.

        The tool that a killed process had begun may write there still, also while it is swept: the room may be there
        again at once, and the folder has a name of its own.
        """
        room = self.folder / "scratch"
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir(parents=True, exist_ok=True)
        try:
            yield Path(tempfile.mkdtemp(dir=room))
        finally:
            shutil.rmtree(room, ignore_errors=True)

    def drop(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.state = State()

    def _whole_pieces(self) -> tuple[Piece, ...]:
        """The leading pieces whose digests are still right."""
        whole: list[Piece] = []
        with contextlib.suppress(FileNotFoundError), self.path.open("rb") as file:
            for piece in self.state.pieces:
                if _piece(file, piece.size_bytes) != piece:
                    break
                whole.append(piece)
        return tuple(whole)

    def _read_state(self) -> State:
        """What was noted; a damaged note means that nothing is known of the bytes."""
        try:
            with (self.folder / "state.json").open("rb") as file:
                return msgspec.json.decode(file.read(_MAX_STATE_BYTES), type=State)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return State()

    def _note(self, state: State) -> None:
        write_durably(self.folder / "state.json", msgspec.json.encode(state))
        self.state = state


def write_durably(path: Path, data: bytes) -> None:
    """Write a small file in one step: a reader sees the old or the new one, after a power cut too."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _piece(file: BinaryIO, size_bytes: int) -> Piece:
    """The next bytes of a file as a piece; a shorter one where the file ends before."""
    digest, left = hashlib.sha256(), size_bytes
    while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
    return Piece(size_bytes=size_bytes - left, sha256=digest.hexdigest())
