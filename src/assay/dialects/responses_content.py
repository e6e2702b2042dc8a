"""The parts of a message of OpenAI's Responses: both directions.

A part of a type that has no class is kept verbatim as `Unknown`; fields of a part that have no field go to its
`extra`. `assay:form` in `extra` notes what would otherwise be written in another way: the part's `type` where it is
not the usual one for who speaks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.dialects.capability import Fit
from assay.dialects.chat_parts import feature, image_part
from assay.dialects.citations import is_of_responses, to_responses
from assay.dialects.fields import MARK, Fields, merge
from assay.errors import RequestError
from assay.types import Audio, Document, Image, Part, Refusal, Text, Unknown

__all__ = ["NAME", "read_content", "read_part", "write_part"]

NAME = "openai-responses"
_FORM = MARK + "form"
_NO_NOTES = MARK + "no_annotations"  # an empty list of them was said


# -------------------------------------------------------------------------------------------- reading


def read_content(fields: Fields, key: str, usual: str) -> list[Part]:
    """The parts under `key`: a list, or a string for one text.

    Args:
        fields: of the item.
        key: `content` or `output`.
        usual: the type of texts here, `input_text` or `output_text`.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    value = fields.peek(key)
    if value is None:
        raise fields.missing(key)
    fields.take(key)
    if isinstance(value, str):
        return [Text(text=value)]
    if not isinstance(value, list):
        raise fields.wrong(key, "a string or a list of parts")
    return [read_part(entry, f"{fields.at(key)}[{number}]", usual) for number, entry in enumerate(value)]


def read_part(value: object, path: str, usual: str) -> Part:
    """One part of a content list.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(value, path)
    kind = fields.need_text("type")
    reader = _READERS.get(kind)
    if reader is None:
        return Unknown(dialect=NAME, raw={"type": kind, **fields.rest()})
    return reader(fields, {} if kind in (usual, "refusal") or not kind.endswith("text") else {_FORM: kind})


def _text(fields: Fields, notes: dict[str, Any]) -> Part:
    text = fields.need_text("text")
    annotations = fields.array("annotations")
    if annotations == []:
        notes[_NO_NOTES] = True
    for number, note in enumerate(annotations or ()):
        if not isinstance(note, dict):
            raise RequestError(
                f"{fields.at('annotations')}[{number}] must be an object", field=fields.at("annotations")
            )
        Fields(note, f"{fields.at('annotations')}[{number}]").text("type")
    return Text(text=text, annotations=tuple(annotations or ()), extra={**notes, **fields.rest()})


def _refusal(fields: Fields, notes: dict[str, Any]) -> Part:
    return Refusal(text=fields.need_text("refusal"), extra={**notes, **fields.rest()})


def _image(fields: Fields, notes: dict[str, Any]) -> Part:
    detail = fields.text("detail")
    url = fields.text("image_url")
    if url is None:  # a file that the provider keeps
        if not isinstance(fields.peek("file_id"), str):
            raise fields.missing("image_url")
        return Image(detail=detail, extra={**notes, **fields.rest()})
    return image_part(url, detail, {**notes, **fields.rest()})


def _file(fields: Fields, notes: dict[str, Any]) -> Part:
    return Document(
        data=fields.text("file_data"),
        url=fields.text("file_url"),
        file_id=fields.text("file_id"),
        name=fields.text("filename"),
        extra={**notes, **fields.rest()},
    )


def _audio(fields: Fields, notes: dict[str, Any]) -> Part:
    inner = fields.inner("input_audio")
    data, form = inner.need_text("data"), inner.need_text("format")
    if inner.rest():
        notes["input_audio"] = inner.rest()
    return Audio(data=data, format=form, extra={**notes, **fields.rest()})


_READERS: dict[str, Callable[[Fields, dict[str, Any]], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


# -------------------------------------------------------------------------------------------- writing


def write_part(part: Part, path: str, usual: str, fit: Fit) -> dict[str, Any]:
    """One part of a content list.

    Args:
        part: what to write.
        path: the client's name of it, for errors.
        usual: the type of texts here, `input_text` or `output_text`.
        fit: what the host can be told.

    Raises:
        RequestError: this format, or the host, cannot be told this.
    """
    named = feature(part)
    if named is not None and not fit.takes(named, path):
        raise fit.reject(path, "a part cannot be left out")
    match part:
        case Text():
            return _text_wire(part, usual, fit)
        case Refusal():
            return merge({"type": "refusal", "refusal": part.text}, part.extra)
        case Image():
            return _image_wire(part, path, fit)
        case Document():
            return _file_wire(part)
        case Audio():
            more = part.extra.get("input_audio")
            inner = {"data": part.data, "format": part.format} | (more if isinstance(more, dict) else {})
            return merge({"type": "input_audio", "input_audio": inner}, part.extra)
        case Unknown(dialect=dialect) if dialect == NAME:
            return part.raw
        case Unknown():
            raise RequestError(f"{path}: a part of the dialect {part.dialect!r} cannot be sent here", field=path)
    raise RequestError(f"{path}: a {type(part).__name__} cannot stand in a content list", field=path)


def _text_wire(part: Text, usual: str, fit: Fit) -> dict[str, Any]:
    kind = part.extra.get(_FORM, usual)
    wire: dict[str, Any] = {"type": kind, "text": part.text}
    notes = [own for note in part.annotations if is_of_responses(own := to_responses(note))]
    if len(notes) < len(part.annotations) or (notes and kind != "output_text"):
        fit.note("citations")
    if kind == "output_text" and (notes or _NO_NOTES in part.extra):
        wire["annotations"] = notes
    return merge(wire, part.extra)


def _image_wire(part: Image, path: str, fit: Fit) -> dict[str, Any]:
    wire: dict[str, Any] = {"type": "input_image"}
    if part.url is not None:
        wire["image_url"] = part.url
    elif part.data is not None:
        if not part.media_type:
            raise RequestError(f"{path}: data needs its media type", field=path)
        wire["image_url"] = f"data:{part.media_type};base64,{part.data}"
    if part.detail is not None and fit.takes("image.detail", f"{path}.detail"):
        wire["detail"] = part.detail
    return merge(wire, part.extra)


def _file_wire(part: Document) -> dict[str, Any]:
    data = part.data
    if data is not None and part.media_type and not data.startswith("data:"):
        data = f"data:{part.media_type};base64,{data}"
    fields = {"file_data": data, "file_url": part.url, "file_id": part.file_id, "filename": part.name}
    if data is not None and part.name is None and part.file_id is None:
        fields["filename"] = "file"  # the format wants a name beside data
    wire: dict[str, Any] = {"type": "input_file"}
    return merge(wire | {key: value for key, value in fields.items() if value is not None}, part.extra)
