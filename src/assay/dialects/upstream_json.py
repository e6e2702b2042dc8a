"""Values in the JSON that an upstream sent: of the type that they should have, or told as unreadable."""

from __future__ import annotations

from typing import Any

__all__ = ["need_object", "need_text", "text_or_none"]


def text_or_none(value: object) -> str | None:
    """A text that says something; what is empty, or of another type, is not known."""
    return value if isinstance(value, str) and value else None


def need_text(value: object) -> str:
    """A text.

    Raises:
        TypeError: it is none; see `chunk_stream.UNREADABLE`.
    """
    if isinstance(value, str):
        return value
    raise TypeError(f"{value!r:.100} is not a string")


def need_object(value: object) -> dict[str, Any]:
    """An object.

    Raises:
        TypeError: it is none; see `chunk_stream.UNREADABLE`.
    """
    if isinstance(value, dict):
        return value
    raise TypeError(f"{value!r:.100} is not an object")
