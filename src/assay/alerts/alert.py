"""Something that a person should know of, in a sentence and in figures."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

__all__ = ["Alert", "What", "body_of"]

What = Literal["budget", "breaker", "drift", "retirement"]


class Alert(NamedTuple):
    """Something to tell.

    Attributes:
        what: the sort of it.
        about: of what it is; what has been told is not told again.
        text: for people: names and figures, nothing of what was asked or answered.
        facts: the same for machines.
        again_after_s: it is told again when it happens again so much later; None = never.
    """

    what: What
    about: str
    text: str
    facts: dict[str, Any]
    again_after_s: float | None = None


def body_of(what: str, about: str, text: str, facts: dict[str, Any]) -> bytes:
    """The JSON that is sent: `text`, which chat programs show, and `alert`, which programs read."""
    return msgspec.json.encode({"text": text, "alert": {"what": what, "about": about, **facts}})
