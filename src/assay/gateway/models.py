"""`/v1/models`: what can be called, in OpenAI's form or, for its clients, in Anthropic's.

Beside either form stands what the catalogue knows of a model's end, where it knows any: `status`, `deprecated` and
`retires` (days, as exactly as they are known) and `successor`; of a route, that of the first of its models to go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from assay.catalog.model import Model
from assay.errors import RequestError, did_you_mean
from assay.gateway.visit import Visit
from assay.inference.deployment import LiveDeployment
from assay.inference.route import LiveRoute

Targets = Mapping[str, LiveDeployment | LiveRoute]

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

    def listed(self, targets: Targets, visit: Visit) -> dict[str, Any]:
        """All that the client's key may call.

        Raises:
            RequestError: a parameter of the page is wrong.
        """
        names = [name for name in targets if visit.terms.allows(name)]
        if not speaks_anthropic(visit):
            return {"object": "list", "data": [{**self._openai(name), **_end(name, targets)} for name in names]}
        page, more = _page(names, visit)
        return {
            "data": [{**self._anthropic(name), **_end(name, targets)} for name in page],
            "has_more": more,
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }

    def one(self, name: str, targets: Targets, visit: Visit) -> dict[str, Any]:
        """One of them.

        Raises:
            RequestError: there is no such name, or none that the client's key may call (404).
        """
        if name not in targets or not visit.terms.allows(name):
            known = filter(visit.terms.allows, targets)
            raise RequestError(f"unknown model {name!r}; {did_you_mean(name, known)}", field="model", status=404)
        said = self._anthropic(name) if speaks_anthropic(visit) else self._openai(name)
        return {**said, **_end(name, targets)}

    def _openai(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._since_s, "owned_by": "assay"}

    def _anthropic(self, name: str) -> dict[str, Any]:
        created = datetime.fromtimestamp(self._since_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"type": "model", "id": name, "display_name": name, "created_at": created}


def _end(name: str, targets: Targets) -> dict[str, str]:
    """What is known of the end of the model below this name, or of the first of several to go."""
    ending = min(_ending(name, targets), key=lambda model: model.retires or "~", default=None)  # "~": after all days
    if ending is None:
        return {}
    said = {fact: getattr(ending, fact) for fact in ("status", "deprecated", "retires", "successor")}
    return {fact: value for fact, value in said.items() if value is not None}


def _ending(name: str, targets: Targets) -> Iterator[Model]:
    """The rented models below this name whose end is in sight; weights that one has do not end."""
    target = targets.get(name)
    if isinstance(target, LiveRoute):
        for candidate in target.candidates:
            yield from _ending(candidate, targets)
    elif target is not None and target.model is not None and not target.config.is_private:
        model = target.model
        if model.retires is not None or model.deprecated is not None or model.status in ("deprecated", "retired"):
            yield model


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
