"""What a request belongs together with: the session that stickiness hangs on."""

from __future__ import annotations

from typing import Any

from assay.types import Request

__all__ = ["session_of"]

_FIELDS = ("safety_identifier", "user", "metadata.user_id", "conversation", "prompt_cache_key")
"""Clients' own words for who asks, then for what belongs together; a person stays in one arm over all conversations."""


def session_of(request: Request) -> str | None:
    """The header `x-assay-session`, else the first of the format's own fields that is given; None = it has none."""
    if request.session is not None:
        return request.session
    said = (_text(request.extra, field) for field in _FIELDS)
    return next((text for text in said if text), None)


def _text(extra: dict[str, Any], field: str) -> str | None:
    """A field whose path is told with dots; `conversation` may be an object with an id."""
    value: Any = extra
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else None
