"""The parts of a chat message's `content`: both directions.

A part of a type that has no class is kept verbatim as `Unknown`; fields of a part that have no field go to its
`extra`, those of an inner object under the inner object's name. `assay:form` in `extra` notes a second way of
writing the same thing: `string` (an image, video or sound without an inner object), `thinking` (Mistral's
reasoning chunk), `document_url` (Mistral's file), `part` (a refusal inside the content list).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from assay.dialects.fields import MARK, Fields, merge, unmarked
from assay.errors import RequestError
from assay.types import Audio, Document, Image, Part, Reasoning, Refusal, Text, Unknown, Video

__all__ = [
    "DIALECT", "FORM", "feature", "image_part", "image_wire", "read_part", "split_data_url", "thinking_text",
    "write_part",
]  # fmt: skip

DIALECT = "openai"
FORM = MARK + "form"
_LONGEST_HEAD = 200  # characters of a data URL before its comma


class Inline(NamedTuple):
    """The two halves of a base64 data URL."""

    media_type: str
    data: str


def split_data_url(url: str) -> Inline | None:
    """The halves of `data:<media type>;base64,<data>`; `None` for any other URL."""
    if not url.startswith("data:"):
        return None
    comma = url.find(",", 0, _LONGEST_HEAD)
    head = url[5:comma] if comma > 0 else ""
    media_type = head.removesuffix(";base64")
    if not media_type or media_type == head:
        return None
    return Inline(media_type, url[comma + 1 :])


def _join_data_url(media_type: str | None, data: str, path: str) -> str:
    if not media_type:
        raise RequestError(f"{path}: data needs its media type", field=path)
    return f"data:{media_type};base64,{data}"


# -------------------------------------------------------------------------------------------- reading


def read_part(value: object, path: str) -> Part:
    """One entry of a content list.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(value, path)
    kind = fields.peek("type")
    if not isinstance(kind, str):
        raise RequestError(f"{path}.type must be a string", field=f"{path}.type")
    reader = _READERS.get(kind)
    if reader is None:
        assert isinstance(value, dict)  # noqa: S101 - Fields has checked it
        return Unknown(dialect=DIALECT, raw=value)
    fields.take("type")
    return reader(fields)


def _text(fields: Fields) -> Part:
    return Text(text=fields.need_text("text"), extra=fields.rest())


def _refusal(fields: Fields) -> Part:
    return Refusal(text=fields.need_text("refusal"), extra={FORM: "part", **fields.rest()})


def _image(fields: Fields) -> Part:
    if isinstance(fields.peek("image_url"), str):
        url = fields.need_text("image_url")
        return image_part(url, None, {FORM: "string", **fields.rest()})
    inner = fields.inner("image_url")
    url, detail = inner.need_text("url"), inner.text("detail")
    return image_part(url, detail, _nest(fields, "image_url", inner))


def image_part(url: str, detail: str | None, extra: dict[str, Any]) -> Image:
    """An image by its URL; a base64 data URL becomes data."""
    inline = split_data_url(url)
    if inline is None:
        return Image(url=url, detail=detail, extra=extra)
    return Image(data=inline.data, media_type=inline.media_type, detail=detail, extra=extra)


def _video(fields: Fields) -> Part:
    if isinstance(fields.peek("video_url"), str):
        url, extra = fields.need_text("video_url"), {FORM: "string", **fields.rest()}
    else:
        inner = fields.inner("video_url")
        url, extra = inner.need_text("url"), _nest(fields, "video_url", inner)
    inline = split_data_url(url)
    if inline is None:
        return Video(url=url, extra=extra)
    return Video(data=inline.data, media_type=inline.media_type, extra=extra)


def _audio(fields: Fields) -> Part:
    if isinstance(fields.peek("input_audio"), str):
        return Audio(data=fields.need_text("input_audio"), format="", extra={FORM: "string", **fields.rest()})
    inner = fields.inner("input_audio")
    data, form = inner.need_text("data"), inner.need_text("format")
    return Audio(data=data, format=form, extra=_nest(fields, "input_audio", inner))


def _file(fields: Fields) -> Part:
    inner = fields.inner("file")
    data, file_id, name = inner.text("file_data"), inner.text("file_id"), inner.text("filename")
    return Document(data=data, file_id=file_id, name=name, extra=_nest(fields, "file", inner))


def _document_url(fields: Fields) -> Part:
    url, name = fields.need_text("document_url"), fields.text("document_name")
    return Document(url=url, name=name, extra={FORM: "document_url", **fields.rest()})


def _thinking(fields: Fields) -> Part:
    chunks = fields.peek("thinking")
    chunk = chunks[0] if isinstance(chunks, list) and len(chunks) == 1 else None
    if not isinstance(chunk, dict) or chunk.keys() != {"type", "text"} or not isinstance(chunk["text"], str):
        return Unknown(dialect=DIALECT, raw={"type": "thinking", **fields.rest()})
    fields.take("thinking")
    return Reasoning(text=chunk["text"], extra={FORM: "thinking", **fields.rest()})


def _nest(fields: Fields, key: str, inner: Fields) -> dict[str, Any]:
    extra, more = fields.rest(), inner.rest()
    if more:
        extra[key] = more
    return extra


_READERS: dict[str, Callable[[Fields], Part]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "video_url": _video,
    "input_audio": _audio,
    "file": _file,
    "document_url": _document_url,
    "thinking": _thinking,
}


def thinking_text(chunk: dict[str, Any]) -> str:
    """The text of one of Mistral's `thinking` chunks, whose inner form is a list of texts or a string."""
    inner = chunk.get("thinking")
    if isinstance(inner, str):
        return inner
    texts = (piece.get("text") for piece in inner or () if isinstance(piece, dict))
    return "".join(text for text in texts if isinstance(text, str))


# -------------------------------------------------------------------------------------------- writing


def feature(part: Part) -> str | None:
    """The name, in `capability.FEATURES`, of what a host must take to be shown this part; `None` for plain text."""
    match part:
        case Image():
            return "image.url" if part.url is not None else "image.data"
        case Video():
            return "video.url" if part.url is not None else "video.data"
        case Audio():
            return "audio"
        case Document() if part.extra.get(FORM) == "document_url":
            return None  # the host's own form
        case Document():
            return "document.id" if part.file_id else "document.url" if part.url else "document.data"
    return None


def write_part(part: Part, path: str) -> dict[str, Any]:
    """One entry of a content list.

    Raises:
        RequestError: this format has no way to say it.
    """
    match part:
        case Text():
            return merge({"type": "text", "text": part.text}, part.extra)
        case Refusal():
            return merge({"type": "refusal", "refusal": part.text}, part.extra)
        case Reasoning():
            chunk = {"type": "thinking", "thinking": [{"type": "text", "text": part.text}]}
            return merge(chunk, part.extra)
        case Image():
            return image_wire(part, path)
        case Video():
            url = part.url or _join_data_url(part.media_type, part.data or "", path)
            return _nested("video_url", {"url": url}, part.extra)
        case Audio() if part.extra.get(FORM) == "string":
            return merge({"type": "input_audio", "input_audio": part.data}, part.extra)
        case Audio():
            return _nested("input_audio", {"data": part.data, "format": part.format}, part.extra)
        case Document():
            return _document_wire(part, path)
        case Unknown(dialect=dialect) if dialect == DIALECT:
            return part.raw
        case Unknown():
            raise RequestError(f"{path}: a part of the dialect {part.dialect!r} cannot be sent here", field=path)
    raise RequestError(f"{path}: a {type(part).__name__} cannot stand in a content list", field=path)


def image_wire(part: Image, path: str) -> dict[str, Any]:
    """An image as an `image_url` part."""
    url = part.url or _join_data_url(part.media_type, part.data or "", path)
    if part.extra.get(FORM) == "string" and part.detail is None:
        return merge({"type": "image_url", "image_url": url}, part.extra)
    inner = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
    return _nested("image_url", inner, part.extra)


def _document_wire(part: Document, path: str) -> dict[str, Any]:
    if part.extra.get(FORM) == "document_url" and part.url is not None:
        wire = {"type": "document_url", "document_url": part.url}
        if part.name is not None:
            wire["document_name"] = part.name
        return merge(wire, part.extra)
    data = part.url or part.data
    if part.data is not None and data is not None and part.media_type and not data.startswith("data:"):
        data = _join_data_url(part.media_type, data, path)
    inner = {"file_data": data, "file_id": part.file_id, "filename": part.name}
    return _nested("file", {key: value for key, value in inner.items() if value is not None}, part.extra)


def _nested(key: str, inner: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """A part whose content is the object `key`; what was left over in that object stands in `extra[key]`."""
    if extra.get(FORM) == "string" and list(inner) == ["url"]:
        return merge({"type": key, key: inner["url"]}, extra)
    more = extra.get(key)
    wire = {"type": key, key: {**more, **inner} if isinstance(more, dict) else inner}
    return merge(wire, unmarked(extra))
