"""Our facts held against another catalogue's: where they agree, where they differ, and what only one of them knows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Literal, NamedTuple

from assay.catalog.model import Model
from assay.catalog.offers import HostedAt
from assay.catalog.prices import prices_by_hour
from assay.catalog.second_source import Listed, Second

__all__ = ["Compared", "compare"]

Verdict = Literal["agrees", "differs", "only ours", "only theirs"]
_RATES = ("input", "output", "cached_input")
_FACTS = ("context_tokens", "max_output_tokens", "knowledge_cutoff", "released", "retires")


class Compared(NamedTuple):
    """One fact of one model at one host, said twice.

    Attributes:
        ours, theirs: USD per million tokens, tokens or days; `None` = not known there.
    """

    model: str
    host: str
    fact: str
    verdict: Verdict
    ours: float | int | str | None
    theirs: float | int | str | None
    source: str


def compare(models: Iterable[Model], second: Second, when: date) -> list[Compared]:
    """Every fact that either knows, of each model at each host that both list.

    Rates are those of the smallest call; where they change by the hour, one hour that agrees is enough. What a model
    can do is compared at its maker's own host only: others may serve it with less. A day that one knows more exactly
    than the other agrees as far as both go.
    """
    found: list[Compared] = []
    for model in models:
        for place, offer in enumerate(model.hosts):
            theirs = second.find(offer.host, offer.model)
            if theirs is None:
                continue
            said = [*_rates(model, offer, theirs, when)]
            if place == 0 and model.ecosystem == "hosted":
                said += [(fact, getattr(model, fact), _fact(model, theirs, fact)) for fact in _FACTS]
            found += [
                Compared(model.id, offer.host, fact, _verdict(ours, other), ours, other, second.name)
                for fact, ours, other in said
                if ours is not None or other is not None
            ]
    return found


def _rates(model: Model, offer: HostedAt, theirs: Listed, when: date) -> Iterator[tuple[str, Any, Any]]:
    found = prices_by_hour(model, when, host=offer.host, input_tokens=1)
    for rate in _RATES:
        other = getattr(theirs, rate)
        hours = [getattr(one.price, rate, None) for one in found]
        yield rate, next((ours for ours in hours if _verdict(ours, other) == "agrees"), hours[0]), other


def _fact(model: Model, theirs: Listed, fact: str) -> Any:
    if fact != "context_tokens" or theirs.input_tokens is None:
        return getattr(theirs, fact)
    whole = theirs.input_tokens + (theirs.max_output_tokens or 0)
    return whole if whole == model.context_tokens else theirs.input_tokens


def _verdict(ours: Any, theirs: Any) -> Verdict:
    if ours is None:
        return "only theirs"
    if theirs is None:
        return "only ours"
    return "agrees" if _same(ours, theirs) else "differs"


def _same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, str) and isinstance(theirs, str):
        shorter = min(len(ours), len(theirs))
        return ours[:shorter] == theirs[:shorter]
    return bool(ours == theirs) if isinstance(ours, int) else _rounded(ours, theirs)


def _rounded(ours: float, theirs: float) -> bool:
    """Whether two rates are the same but for the rounding of one of them, to cents at the coarsest."""
    places = max(2, min(_places(ours), _places(theirs)))
    return math.isclose(ours, theirs, rel_tol=1e-3) or abs(ours - theirs) <= 0.5 * 10**-places + 1e-9


def _places(rate: float) -> int:
    return len(f"{rate:.9f}".rstrip("0").partition(".")[2])
