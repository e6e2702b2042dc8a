"""The content blocks of Messages requests, read into parts.

A block of a type that has no class is kept verbatim as `Unknown`; fields of a block that have no field go to its
`extra`, those of a source under `source`. Notes in `extra` (see `fields`): `assay:source` is the source of a document
that has another form here, `assay:content` of a tool's answer says how its content was written: `parts` (a list where
a string would do) or `absent`.

Fields that are not Anthropic's own, which our answers (`anthropic_writer`) have and clients send back: `format`
on `redacted_thinking` names the maker of a blob that is not Anthropic's, `refusal` on a text says that it is one, and
`extra_content` on a `tool_use` is Gemini's signature.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from assay.dialects.fields import MARK, Fields
from assay.dialects.opaque import ANTHROPIC, encrypted, signed
from assay.errors import RequestError
from assay.types import Document, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown

__all__ = ["CONTENT", "DIALECT", "REFUSAL", "SOURCE", "is_plain", "read_block", "read_content"]

DIALECT = "anthropic"
CONTENT = MARK + "content"
SOURCE = MARK + "source"
REFUSAL = "refusal"
_PLAIN_TEXT = "text/plain"


def read_content(fields: Fields, notes: dict[str, Any]) -> list[Part]:
    """The parts of `content`, a string or a list of blocks; how it was written goes to `notes`.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    content = fields.peek("content")
    if isinstance(content, str):
        fields.take("content")
        return [Text(text=content)]
    blocks = fields.array("content")
    if blocks is None:
        raise fields.missing("content")
    parts = [read_block(block, f"{fields.at('content')}[{number}]") for number, block in enumerate(blocks)]
    if not parts or is_plain(parts):
        notes[CONTENT] = "parts"
    return parts


def is_plain(parts: list[Part]) -> bool:
    """Whether the content would be written as a string."""
    part = parts[0] if len(parts) == 1 else None
    return isinstance(part, Text) and not part.extra and not part.annotations


def read_block(value: object, path: str) -> Part:
    """One content block.

    Raises:
        RequestError: naming the field that is missing or wrong.
    """
    fields = Fields(value, path)
    kind = fields.peek("type")
    if not isinstance(kind, str):
        raise RequestError(f"{path}.type must be a string", field=f"{path}.type")
    reader = _READERS.get(kind)
    part = reader(fields) if reader is not None else None
    assert isinstance(value, dict)  # noqa: S101 - Fields has checked it
    return Unknown(dialect=DIALECT, raw=value) if part is None else part


def _rest(fields: Fields) -> dict[str, Any]:
    fields.take("type")
    return fields.rest()


def _text(fields: Fields) -> Part:
    text = fields.need_text("text")
    if fields.peek(REFUSAL) is True:
        fields.take(REFUSAL)
        return Refusal(text=text, extra=_rest(fields))
    notes = tuple(fields.array("citations") or ()) if fields.peek("citations") else ()
    if not all(isinstance(note, dict) for note in notes):
        raise fields.wrong("citations", "a list of objects")
    return Text(text=text, annotations=notes, extra=_rest(fields))


def _thinking(fields: Fields) -> Part:
    text, signature = fields.need_text("thinking"), fields.text("signature")
    opaque = (signed(signature, ANTHROPIC),) if signature else ()
    return Reasoning(text=text, opaque=opaque, extra=_rest(fields))


def _redacted(fields: Fields) -> Part:
    data, maker = fields.need_text("data"), fields.text("format")
    extra = _rest(fields)
    if maker is None:
        return Reasoning(opaque=(encrypted(data, ANTHROPIC),), extra=extra)
    return Reasoning(opaque=({"type": "reasoning.encrypted", "data": data, "format": maker, **extra},))


def _call(fields: Fields) -> Part:
    ident, name = fields.need_text("id"), fields.need_text("name")
    given = fields.mapping("input")
    if given is None:
        raise fields.missing("input")
    return ToolCall(id=ident, name=name, arguments=msgspec.json.encode(given).decode(), extra=_rest(fields))


def _result(fields: Fields) -> Part:
    call_id, is_error = fields.need_text("tool_use_id"), fields.flag("is_error")
    notes: dict[str, Any] = {}
    parts: list[Part] = []
    if fields.peek("content") is None:
        fields.take("content")
        notes[CONTENT] = "absent"
    else:
        parts = read_content(fields, notes)
    kept = tuple(part for part in parts if isinstance(part, (Text, Image, Document, Unknown)))
    if len(kept) != len(parts):
        raise fields.wrong("content", "text, images or documents in a tool's answer")
    if is_error is False:
        notes[MARK + "is_error"] = False
    return ToolResult(call_id=call_id, parts=kept, is_error=is_error or False, extra={**notes, **_rest(fields)})


def _image(fields: Fields) -> Part | None:
    source = fields.inner("source")
    kind = source.need_text("type")
    if kind == "base64":
        data, media_type = source.need_text("data"), source.need_text("media_type")
        return Image(data=data, media_type=media_type, extra=_with_source(fields, source))
    if kind == "url":
        return Image(url=source.need_text("url"), extra=_with_source(fields, source))
    return None


def _document(fields: Fields) -> Part | None:
    raw = fields.peek("source")
    source = fields.inner("source")
    title = fields.text("title")
    match source.need_text("type"):
        case "base64":
            data, media_type = source.need_text("data"), source.need_text("media_type")
            return Document(data=data, media_type=media_type, name=title, extra=_with_source(fields, source))
        case "url":
            return Document(url=source.need_text("url"), name=title, extra=_with_source(fields, source))
        case "file":
            return Document(file_id=source.need_text("file_id"), name=title, extra=_with_source(fields, source))
        case "text":
            text = source.need_text("data")
        case "content":
            found = _texts(source.peek("content"))
            if found is None:
                return None
            text = found
        case _:
            return None
    data = base64.b64encode(text.encode()).decode()
    return Document(data=data, media_type=_PLAIN_TEXT, name=title, extra={SOURCE: raw, **_rest(fields)})


def _texts(content: object) -> str | None:
    """The text of a document that was given in pieces; `None` if it is more than text."""
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else [None]
    texts = [piece.get("text") if isinstance(piece, dict) else None for piece in pieces]
    known = [text for text in texts if isinstance(text, str)]
    return "\n".join(known) if len(known) == len(pieces) else None


def _with_source(fields: Fields, source: Fields) -> dict[str, Any]:
    extra, more = _rest(fields), source.rest()
    return {**extra, "source": more} if more else extra


_READERS: dict[str, Callable[[Fields], Part | None]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _call,
    "tool_result": _result,
    "image": _image,
    "document": _document,
}
