"""Documents that a request shows, and what an answer cites of them: `<document id="returns">` and `[returns]`."""

from __future__ import annotations

import re

from assay.errors import ConfigError
from assay.types import Request

__all__ = ["CITED", "citation_pattern", "cited_ids", "documents", "without_documents"]

CITED = r"[\[【]([^\[\]【】\n]+?)\\?[\]】](?!\()"
"""`[id]` that is no Markdown link, also in bold, with escaped brackets or as 【id】."""
_DOCUMENT = re.compile(
    r"<document\b[^>]*?\bid\s*=\s*[\"']([^\"'>]+)[\"'][^>]*>(?:(.*?)</document>)?", re.IGNORECASE | re.DOTALL
)


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
    """The documents of a request by folded id, in order; one that is shown twice has both texts."""
    found: dict[str, str] = {}
    for text in _texts(request):
        for name, content in _DOCUMENT.findall(text):
            key = name.strip().casefold()
            found[key] = f"{found[key]}\n{content}" if key in found else content
    return found


def without_documents(request: Request | None) -> str:
    """What else its messages say."""
    return "\n".join(_DOCUMENT.sub(" ", text) for text in _texts(request))


def _texts(request: Request | None) -> list[str]:
    if request is None:
        return []
    return [*(message.text for message in request.messages), request.prompt or ""]
