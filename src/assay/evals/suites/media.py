"""Images, sounds, videos and documents that a sample shows, as files of its suite."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from assay.errors import SuiteError
from assay.evals.suites.regular import regular
from assay.types import Audio, Document, Image, Part, Text, Video

__all__ = ["Content", "Piece", "files", "parts", "plain"]

MAX_BYTES = 50_000_000
"""A larger file is refused: no host takes it within a request."""

_IMAGES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_VIDEOS = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "mpeg": "video/mpeg"}
_DOCUMENTS = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}
_SOUNDS = {ending: ending for ending in ("wav", "mp3", "flac", "ogg", "opus", "aac", "m4a")}


class Piece(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One piece of what a user says: exactly one of these, all but `text` the name of a file of the suite.

    `detail` is how closely an image is to be looked at: `low`, `high` or `auto`, as its host understands it.
    """

    text: str | None = None
    image: str | None = None
    audio: str | None = None
    video: str | None = None
    document: str | None = None
    detail: str | None = None

    @property
    def kind(self) -> str:
        """Which one it is; empty if it is none, or several."""
        given = [name for name in _MAKERS if getattr(self, name) is not None]
        return given[0] if len(given) == 1 else ""


Content = str | tuple[Piece, ...]
"""What a user says: a text, or pieces."""


def files(content: Content | None) -> list[str]:
    """The files that it names."""
    if content is None or isinstance(content, str):
        return []
    return [name for piece in content if piece.kind != "text" and (name := getattr(piece, piece.kind or "image"))]


def plain(content: Content | None) -> str:
    """As a person reads it: the texts, and `[image NAME]` for what is no text."""
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(
        piece.text if piece.text is not None else f"[{piece.kind} {getattr(piece, piece.kind or 'image')}]"
        for piece in content
    )


def parts(content: Content, folder: Path, where: str) -> tuple[Part, ...]:
    """The parts of a message; files are read from `folder`.

    Raises:
        SuiteError: a piece is none or several things, or its file cannot be read, is too large or of no known kind.
    """
    if isinstance(content, str):
        return (Text(text=content),)
    if not content:
        raise SuiteError(f'{where}: a list of pieces is empty; give a text, or pieces such as {{ "image": "a.png" }}')
    return tuple(_part(piece, folder, where) for piece in content)


def _part(piece: Piece, folder: Path, where: str) -> Part:
    kind = piece.kind
    if not kind:
        raise SuiteError(f"{where}: a piece is one of {', '.join(_MAKERS)}, not {msgspec.to_builtins(piece)!r}")
    if kind != "image" and piece.detail is not None:
        raise SuiteError(f"{where}: only an image has a detail, not a {kind}")
    return _MAKERS[kind](piece, folder, where)


def _text(piece: Piece, folder: Path, where: str) -> Part:
    return Text(text=piece.text or "")


def _image(piece: Piece, folder: Path, where: str) -> Part:
    media_type, data = _read(piece.image or "", _IMAGES, folder, where)
    return Image(data=data, media_type=media_type, detail=piece.detail)


def _audio(piece: Piece, folder: Path, where: str) -> Part:
    form, data = _read(piece.audio or "", _SOUNDS, folder, where)
    return Audio(data=data, format=form)


def _video(piece: Piece, folder: Path, where: str) -> Part:
    media_type, data = _read(piece.video or "", _VIDEOS, folder, where)
    return Video(data=data, media_type=media_type)


def _document(piece: Piece, folder: Path, where: str) -> Part:
    name = piece.document or ""
    media_type, data = _read(name, _DOCUMENTS, folder, where)
    return Document(data=data, media_type=media_type, name=Path(name).name)


_MAKERS: dict[str, Callable[[Piece, Path, str], Part]] = {
    "text": _text, "image": _image, "audio": _audio, "video": _video, "document": _document,
}  # fmt: skip


def _read(name: str, known: dict[str, str], folder: Path, where: str) -> tuple[str, str]:
    """What kind of file it is, and its content in base64."""
    path = folder / name
    kind = known.get(path.suffix.removeprefix(".").lower())
    if kind is None:
        raise SuiteError(f"{where}: {name!r} has no ending that is known here: {_listed(known)}")
    try:
        size = regular(path).stat().st_size
        if size > MAX_BYTES:
            raise SuiteError(f"{where}: {path} has {size:,} bytes; at most {MAX_BYTES:,} are sent")
        data = path.read_bytes()
    except OSError as error:
        raise SuiteError(f"{where}: cannot read {path}: {error.strerror}") from error
    if not data:
        raise SuiteError(f"{where}: {path} is empty")
    return kind, base64.b64encode(data).decode()


def _listed(endings: Iterable[str]) -> str:
    return ", ".join(f".{ending}" for ending in endings)
