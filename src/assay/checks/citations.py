"""Documents that a request shows, and what an answer cites of them: `<document id="returns">` and `[returns]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from assay.errors import ConfigError
from assay.types import Request

__all__ = ["CITED", "citation_pattern", "cited_ids", "documents", "without_documents"]

CITED = r"[\[【]([^\[\]【】\n]+?)\\?[\]】](?!\()"
"""`[id]` that is no Markdown link, also in bold, with escaped brackets or as 【id】."""
_OPENS = re.compile(r"<document\b[^<>]*?\bid\s*=\s*[\"']([^\"'<>]+)[\"'][^<>]*>", re.IGNORECASE)
_CLOSES = re.compile(r"</document>", re.IGNORECASE)


class _Shown(NamedTuple):
    name: str
    text: str
    start: int
    end: int


def citation_pattern(grader: str, pattern: str) -> re.Pattern[str]:
    """The pattern of an option, whose first group is what a citation names.

    Raises:
        ConfigError: it is no pattern, or has no group.
    """
    try:
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"check {grader!r}: {pattern!r} is no pattern: {error}") from None
    if not found.groups:
        raise ConfigError(f"check {grader!r}: {pattern!r} has no group for the document's id")
    return found


def cited_ids(pattern: re.Pattern[str], text: str) -> list[str]:
    """The ids that a text cites, folded, each once."""
    groups = (match[1] or "" for match in pattern.finditer(text))
    ids = (one.strip().strip("\"'`*").casefold() for group in groups for one in re.split("[,;]", group))
    return list(dict.fromkeys(one for one in ids if one))


def documents(request: Request | None) -> dict[str, str]:
    """The documents of a request by folded id, in order; one that is shown twice has both texts.

    What the assistant said earlier shows none: a model cannot add a source of its own.
    """
    found: dict[str, str] = {}
    for text in _texts(request):
        for one in _shown(text):
            found[one.name] = f"{found[one.name]}\n{one.text}" if one.name in found else one.text
    return found


def without_documents(request: Request | None) -> str:
    """What else its messages say."""
    left: list[str] = []
    for text in _texts(request):
        place = 0
        for one in _shown(text):
            left.append(text[place : one.start])
            place = one.end
        left.append(text[place:])
    return "\n".join(left)


def _shown(text: str) -> Iterator[_Shown]:
    """The documents in a text; one that is not closed has its id only."""
    place, closed = 0, True
    while (opens := _OPENS.search(text, place)) is not None:
        closes = _CLOSES.search(text, opens.end()) if closed else None
        closed = closes is not None
        place = closes.end() if closes is not None else opens.end()
        inside = text[opens.end() : closes.start()] if closes is not None else ""
        yield _Shown(opens[1].strip().casefold(), inside, opens.start(), place)


def _texts(request: Request | None) -> list[str]:
    if request is None:
        return []
    said = (message.text for message in request.messages if message.role != "assistant")
    return [*said, request.prompt or ""]
