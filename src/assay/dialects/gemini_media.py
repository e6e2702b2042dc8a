"""Images, sounds, videos and files for Gemini: their data inline, or a file that Google can reach itself.

Google fetches the files of its own API, `gs://` and YouTube. Any other address is refused, unless the host's quirks
say that it is taken (`capabilities = {"image.url" = "keep"}`).
"""

from __future__ import annotations

import re
from typing import Any

from assay.dialects.capability import Fit
from assay.dialects.chat_parts import split_data_url
from assay.errors import RequestError
from assay.types import Audio, Document, Image, Video

__all__ = ["is_media", "write_media"]

Media = Image | Audio | Video | Document
_REACHABLE = re.compile(
    r"gs://|https://generativelanguage\.googleapis\.com/|https://(?:www\.|m\.)?youtube\.com/|https://youtu\.be/"
)
_BY_ENDING = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown",
    "html": "text/html", "csv": "text/csv", "json": "application/json", "xml": "text/xml", "mp4": "video/mp4",
    "mov": "video/mov", "webm": "video/webm", "mpeg": "video/mpeg", "mp3": "audio/mp3", "wav": "audio/wav",
}  # fmt: skip
_BY_HEAD = {
    "iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp",
    "JVBERi0": "application/pdf",
}  # fmt: skip
"""How base64 of these formats begins."""


def is_media(part: object) -> bool:
    """Whether `write_media` is for this part."""
    return isinstance(part, Media)


def write_media(part: Media, path: str, fit: Fit) -> list[dict[str, Any]]:
    """The part for Gemini; none where it is left out with leave.

    Raises:
        RequestError: an address that Google does not fetch, a file of another provider, or no media type.
    """
    if isinstance(part, Audio):
        return [_sound(part)] if fit.takes("audio", path) else []
    if isinstance(part, Image) and part.detail not in (None, "auto"):
        fit.takes("image.detail", f"{path}.detail")
    if isinstance(part, Document) and part.file_id is not None and part.data is None and part.url is None:
        return _file(part.file_id, "document.id", part.media_type or _by_ending(part.name), path, fit)
    kind = type(part).__name__.lower()
    media_type, data = part.media_type, part.data
    inline = split_data_url(data or part.url or "")
    if inline is not None:
        media_type, data = media_type or inline.media_type, inline.data
    if data is not None:
        name = part.name if isinstance(part, Document) else None
        found = media_type or _by_ending(name) or _by_head(data)
        return [_inline(found, data, path)] if fit.takes(f"{kind}.data", path) else []
    if part.url is None:
        raise RequestError(f"{path}: there is neither data nor an address", field=path)
    return _file(part.url, f"{kind}.url", media_type or _by_ending(part.url.partition("?")[0]), path, fit)


def _sound(part: Audio) -> dict[str, Any]:
    inline = split_data_url(part.data)
    if inline is not None:
        return {"inlineData": {"mimeType": inline.media_type, "data": inline.data}}
    form = part.format or "wav"
    return {"inlineData": {"mimeType": form if "/" in form else f"audio/{form}", "data": part.data}}


def _inline(media_type: str | None, data: str, path: str) -> dict[str, Any]:
    if media_type is None:
        raise RequestError(f"{path}: the media type is not known; send it, or a name with an ending", field=path)
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _file(address: str, feature: str, media_type: str | None, path: str, fit: Fit) -> list[dict[str, Any]]:
    """A file by its address; `feature` is asked about where Google cannot reach it."""
    if not _REACHABLE.match(address) and not fit.takes(feature, path):
        return []
    wire = {"fileUri": address}
    return [{"fileData": wire if media_type is None else wire | {"mimeType": media_type}}]


def _by_ending(name: str | None) -> str | None:
    return _BY_ENDING.get(name.rpartition(".")[2].lower()) if name else None


def _by_head(data: str) -> str | None:
    return next((media_type for head, media_type in _BY_HEAD.items() if data.startswith(head)), None)
