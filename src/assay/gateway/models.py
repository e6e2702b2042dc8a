"""`/v1/models`: what can be called, in OpenAI's form or, for its clients, in Anthropic's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from assay.errors import RequestError, did_you_mean
from assay.gateway.visit import Visit

_PAGE = 20  # Anthropic's default length of a page
_LONGEST_PAGE = 1000


class Models:
    """The names of all targets.

    Args:
        since_s: when they began to be served, seconds since the epoch: what both forms call created. Nothing is known
            of when a model was made.
    """

    def __init__(self, since_s: float) -> None:
        self._since_s = int(since_s)

    def listed(self, names: Iterable[str], visit: Visit) -> dict[str, Any]:
        """All of them.

        Raises:
            RequestError: a parameter of the page is wrong.
        """
        known = list(names)
        if not speaks_anthropic(visit):
            return {"object": "list", "data": [self._openai(name) for name in known]}
        page, more = _page(known, visit)
        return {
            "data": [self._anthropic(name) for name in page],
            "has_more": more,
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }

    def one(self, name: str, names: Iterable[str], visit: Visit) -> dict[str, Any]:
        """One of them.

        Raises:
            RequestError: there is no such name (404).
        """
        known = tuple(names)
        if name not in known:
            raise RequestError(f"unknown model {name!r}; {did_you_mean(name, known)}", field="model", status=404)
        return self._anthropic(name) if speaks_anthropic(visit) else self._openai(name)

    def _openai(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._since_s, "owned_by": "assay"}

    def _anthropic(self, name: str) -> dict[str, Any]:
        created = datetime.fromtimestamp(self._since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"type": "model", "id": name, "display_name": name, "created_at": created}


def speaks_anthropic(visit: Visit) -> bool:
    """Whether the client is one of Anthropic's: all of them say which version they speak."""
    return visit.header("anthropic-version") is not None


def _page(known: list[str], visit: Visit) -> tuple[list[str], bool]:
    """The names of the page that is asked for, and whether more follow in its direction."""
    size = _limit(visit.parameter("limit"))
    after, before = visit.parameter("after_id"), visit.parameter("before_id")
    if before is not None:
        rest = known[: _place(known, before, "before_id")]
        return rest[-size:], len(rest) > size
    rest = known[_place(known, after, "after_id") + 1 :] if after is not None else known
    return rest[:size], len(rest) > size


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not text.isdecimal() or len(text) > 4 or not 1 <= int(text) <= _LONGEST_PAGE:
        raise RequestError(f"limit: {text!r} is not a whole number from 1 to {_LONGEST_PAGE}", field="limit")
    return int(text)


def _place(known: list[str], name: str, field: str) -> int:
    if name not in known:
        raise RequestError(f"{field}: there is no model {name!r}", field=field)
    return known.index(name)
