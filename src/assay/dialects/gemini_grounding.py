"""What Gemini says of its sources, as notes on the text: grounding (search and other tools) and citations (recitation).

A note has the form of a chat completion's `url_citation`, one for each source in the provider's order. Google counts
bytes of one part; a note counts characters of the answer's text, where that is one part and its bytes fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["cited", "grounded", "merged"]

_SOURCES = ("web", "retrievedContext", "maps", "image")


class _Span(NamedTuple):
    """Characters of the text: from `start` to before `end`."""

    start: int
    end: int


def merged(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a stream so far and of its next chunk, whether that repeats what was said or goes on from it."""
    known, sources = before.get("groundingChunks") or [], more.get("groundingChunks") or []
    supports = more.get("groundingSupports")
    if sources and supports and not _repeats(sources, known):
        more = {**more, "groundingSupports": [_moved(support, len(known)) for support in supports]}
    out = {**before, **more}
    for key in before.keys() & more.keys():
        old, new = before[key], more[key]
        if isinstance(old, list) and isinstance(new, list) and not _repeats(new, old):
            out[key] = old + new
    return out


def _repeats(new: list[Any], old: list[Any]) -> bool:
    return new[: len(old)] == old


def _moved(support: Mapping[str, Any], by: int) -> dict[str, Any]:
    """A support that counts the sources of its own chunk, behind those before them."""
    return {**support, "groundingChunkIndices": [index + by for index in support.get("groundingChunkIndices") or ()]}


def grounded(metadata: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """A note for each `groundingChunk`; `text` is the answer's, or empty where it is not one part."""
    spans: dict[int, _Span] = {}
    for support in metadata.get("groundingSupports") or ():
        span = _span(support.get("segment") or {}, text)
        for index in support.get("groundingChunkIndices") or ():
            if span is not None:
                spans.setdefault(index, span)
    chunks = metadata.get("groundingChunks") or ()
    return [_grounding_note(chunk, spans.get(number)) for number, chunk in enumerate(chunks)]


def cited(metadata: Mapping[str, Any], text: str) -> list[dict[str, Any]]:
    """A note for each citation that has an address."""
    sources = metadata.get("citationSources") or metadata.get("citations") or ()
    return [_note(source["uri"], source.get("title"), _span(source, text)) for source in sources if source.get("uri")]


def _grounding_note(chunk: Mapping[str, Any], span: _Span | None) -> dict[str, Any]:
    source = next((chunk[kind] for kind in _SOURCES if isinstance(chunk.get(kind), dict)), None)
    address = source and (source.get("uri") or source.get("sourceUri") or source.get("imageUri"))
    if source is None or not address:
        return {"type": "grounding_chunk", "grounding_chunk": dict(chunk)}  # a source without an address
    return _note(address, source.get("title"), span)


def _note(url: str, title: str | None, span: _Span | None) -> dict[str, Any]:
    inner: dict[str, Any] = {"url": url, "title": title or ""}
    if span is not None:
        inner |= {"start_index": span.start, "end_index": span.end}
    return {"type": "url_citation", "url_citation": inner}


def _span(segment: Mapping[str, Any], text: str) -> _Span | None:
    """The characters of a segment; `None` if its bytes are not known to be those of the text."""
    start, end = segment.get("startIndex") or 0, segment.get("endIndex")
    if not isinstance(end, int) or segment.get("partIndex"):
        return None
    data = text.encode()
    try:
        before, inside = data[:start].decode(), data[start:end].decode()
    except UnicodeDecodeError:
        return None
    if end > len(data) or segment.get("text", inside) != inside:
        return None
    return _Span(len(before), len(before) + len(inside))
