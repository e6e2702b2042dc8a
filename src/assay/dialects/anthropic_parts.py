"""The content blocks of a request to Anthropic, written from parts."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from assay.dialects.anthropic_blocks import CONTENT, DIALECT, SOURCE, is_plain
from assay.dialects.anthropic_links import Links
from assay.dialects.capability import Fit
from assay.dialects.chat_parts import feature, split_data_url
from assay.dialects.fields import MARK, merge
from assay.dialects.opaque import ANTHROPIC, call_signature, made_by, secret
from assay.errors import RequestError
from assay.types import Document, Image, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown

__all__ = ["Writer"]

_PDF = "application/pdf"
_TEXT_TYPES = frozenset({"application/json", "application/xml", "application/x-ndjson", "application/yaml"})
_IMAGE_TYPES = {"image/jpg": "image/jpeg"}  # a name that is often used and not taken


class Writer:
    """Writes the parts of one conversation.

    Args:
        fit: what the host can be told; takes the notes.
        foreign: whether the client spoke another format.
    """

    def __init__(self, fit: Fit, *, foreign: bool) -> None:
        self._fit = fit
        self._foreign = foreign
        self._links = Links()

    def blocks(self, part: Part, path: str) -> list[dict[str, Any]]:
        """The blocks for a part; none for what would be refused as empty, or is another maker's.

        Raises:
            RequestError: the format has no way to say it; names the part.
        """
        match part:
            case Text():
                return self._text(part)
            case Reasoning():
                return self._thinking(part)
            case ToolCall():
                return [self._call(part, path)]
            case ToolResult():
                return [self._result(part, path)]
            case Refusal():
                self._fit.takes("refusal", path)
                return self._text(Text(text=part.text, extra=part.extra))
            case Unknown(dialect=dialect) if dialect == DIALECT:
                return [part.raw]
            case Unknown():
                raise RequestError(f"{path}: a part of the format {part.dialect!r} cannot be sent here", field=path)
        name = feature(part)
        if name is not None and not self._fit.takes(name, path):
            return []
        return [self._media(part, path)]

    def _text(self, part: Text) -> list[dict[str, Any]]:
        if not part.text.strip():
            return []
        wire: dict[str, Any] = {"type": "text", "text": part.text}
        if part.annotations:
            wire["citations"] = list(part.annotations)
        return [merge(wire, part.extra)]

    def _thinking(self, part: Reasoning) -> list[dict[str, Any]]:
        """The thinking that Anthropic signed, as it was; nothing else may come back to it."""
        blocks: list[dict[str, Any]] = []
        own = [entry for entry in part.opaque if made_by(entry, ANTHROPIC) and secret(entry)]
        text = part.text
        for entry in own:
            if entry.get("type") == "reasoning.encrypted":
                blocks.append({"type": "redacted_thinking", "data": secret(entry)})
                continue
            said = entry.get("text")
            blocks.append(
                {"type": "thinking", "thinking": said if isinstance(said, str) else text, "signature": secret(entry)}
            )
            text = ""
        if len(own) < len(part.opaque) or not own:
            self._fit.note("reasoning")
        return blocks

    def _call(self, call: ToolCall, path: str) -> dict[str, Any]:
        if call_signature(call.extra):
            self._fit.note("reasoning")
        given = _object(call.arguments, f"{path}.arguments")
        wire = {"type": "tool_use", "id": self._links.call(call), "name": call.name, "input": given}
        extra = {} if self._foreign else {key: value for key, value in call.extra.items() if key != "extra_content"}
        return merge(wire, extra)

    def _result(self, result: ToolResult, path: str) -> dict[str, Any]:
        wire: dict[str, Any] = {"type": "tool_result", "tool_use_id": self._links.result(result)}
        texts = [part for part in result.parts if isinstance(part, Text)]
        shown = len(texts) == len(result.parts) or self._fit.takes("tool_result.media", path)
        inner = [
            block
            for number, part in enumerate(result.parts if shown else texts)
            for block in self.blocks(part, f"{path}.content[{number}]")
        ]
        if result.extra.get(CONTENT) != "parts" and is_plain(list(result.parts)):
            wire["content"] = inner[0]["text"] if inner else ""
        elif result.extra.get(CONTENT) != "absent":
            wire["content"] = inner
        if result.is_error or MARK + "is_error" in result.extra:
            wire["is_error"] = result.is_error
        return merge(wire, result.extra)

    # ------------------------------------------------------------------------------------------ media

    def _media(self, part: Part, path: str) -> dict[str, Any]:
        if isinstance(part, Image):
            return self._image(part, path)
        if isinstance(part, Document):
            return self._document(part, path)
        raise RequestError(f"{path}: a {type(part).__name__} cannot be sent to Anthropic", field=path)

    def _image(self, part: Image, path: str) -> dict[str, Any]:
        if part.detail not in (None, "auto"):
            self._fit.takes("image.detail", f"{path}.detail")
        if part.url is not None:
            return _sourced("image", {"type": "url", "url": part.url}, part.extra)
        if part.data is None or not part.media_type:
            raise RequestError(f"{path}: an image's data needs its media type", field=path)
        kind = _IMAGE_TYPES.get(part.media_type, part.media_type)
        return _sourced("image", {"type": "base64", "media_type": kind, "data": part.data}, part.extra)

    def _document(self, part: Document, path: str) -> dict[str, Any]:
        wire = _sourced("document", _document_source(part, path), part.extra)
        if part.name is not None:
            wire["title"] = part.name
        return wire


def _sourced(kind: str, source: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    more = extra.get("source")
    return merge({"type": kind, "source": {**source, **more} if isinstance(more, dict) else source}, extra)


def _document_source(part: Document, path: str) -> dict[str, Any]:
    verbatim = part.extra.get(SOURCE)
    if isinstance(verbatim, dict):
        return verbatim
    if part.url is not None:
        return {"type": "url", "url": part.url}
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    inline = split_data_url(part.data or "")
    data, kind = (inline.data, inline.media_type) if inline else (part.data or "", part.media_type)
    kind = (kind or _guess(part.name, data)).partition(";")[0].strip().lower()
    if kind == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": data}
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        return {"type": "text", "media_type": "text/plain", "data": _decoded(data, path)}
    raise RequestError(
        f"{path}: Anthropic takes PDF and text as documents, not {kind or 'an unnamed type'}", field=path
    )


def _guess(name: str | None, data: str) -> str:
    """The media type of a file that came without: `JVBERi0` is `%PDF-` in base64."""
    return _PDF if data.startswith("JVBERi0") or (name or "").lower().endswith(".pdf") else ""


def _decoded(data: str, path: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: the document is not UTF-8 text in base64: {error}", field=path) from error


def _object(arguments: str, path: str) -> dict[str, Any]:
    """The arguments of a call; none at all, null and an empty list (as PHP writes it) are an empty object."""
    try:
        value = msgspec.json.decode(arguments) if arguments.strip() else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestError(f"{path} must be a JSON object for Anthropic: {error}", field=path) from error
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise RequestError(f"{path} must be a JSON object for Anthropic, not {arguments[:80]!r}", field=path)
    return value
