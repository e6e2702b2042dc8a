"""Citations and other notes on a text, from the words of one format to those of another.

| shape | of |
|---|---|
| `{"type": "url_citation", "url_citation": {...}}` | chat completions |
| `url_citation`, `file_citation`, `container_file_citation`, `file_path`, flat | OpenAI's Responses |
| `char_location`, `page_location`, `content_block_location`, `web_search_result_location`, `search_result_location` | Anthropic |

A page of the web has a counterpart in each; what one format says of it and another has no field for stays under its own
name, so that the way back is exact. All other shapes speak of files or documents that only their own format
knows, and stay as they are.
"""  # noqa: E501 - a table row cannot be broken

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_of_responses", "to_anthropic", "to_chat", "to_responses"]

_OF_RESPONSES = ("url_citation", "file_citation", "container_file_citation", "file_path")
_PAGE = "url_citation"
_ANTHROPIC_PAGE = "web_search_result_location"


def is_of_responses(note: Mapping[str, Any]) -> bool:
    """Whether OpenAI's Responses know notes of this type; a client may have said any JSON value as the type."""
    return note.get("type") in _OF_RESPONSES


def to_chat(note: Mapping[str, Any]) -> dict[str, Any]:
    """The note as chat completions have it."""
    page = _page(note)
    return dict(note) if page is None else {"type": _PAGE, _PAGE: page}


def to_responses(note: Mapping[str, Any]) -> dict[str, Any]:
    """The note as OpenAI's Responses have it."""
    page = _page(note)
    return dict(note) if page is None else {"type": _PAGE, **page}


def to_anthropic(note: Mapping[str, Any]) -> dict[str, Any]:
    """The note as Anthropic has it; `encrypted_index` is empty for a page that another provider found."""
    page = _page(note)
    if page is None:
        return dict(note)
    cited, index = page.pop("content", None), page.pop("encrypted_index", None)
    known = {"type": _ANTHROPIC_PAGE, "cited_text": cited or "", "encrypted_index": index or "", "title": None}
    return known | page


def _page(note: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is said of a page of the web, in the names of chat completions; `None` where the note is on something else.

    The cited text stands under `content`, as OpenRouter has it.
    """
    kind = note.get("type")
    inner = note.get(_PAGE)
    if kind == _PAGE and isinstance(inner, dict):
        return dict(inner)
    page = {key: value for key, value in note.items() if key != "type"}
    if kind == _PAGE:
        return page
    if kind != _ANTHROPIC_PAGE:
        return None
    if "cited_text" in page:
        page["content"] = page.pop("cited_text")
    return page
