"""The hard limits: each removes a model from a place, with the reason in words.

A limit is a pure function of the facts: `None` lets pass. What is unknown fails a permission (privacy, licence) and
passes an ability, as in `assay.envelope.constraints`: an ability is proved by the evals, a permission never is. Only
modalities must be known: a model that reads images is known for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from assay.catalog.days import ends_within
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import prices_of
from assay.catalog.use import Use, ruling, terms_of
from assay.config.schema import Deployment, Price
from assay.decision.advice.situation import Situation
from assay.envelope.candidate import Candidate
from assay.envelope.permission import impermissible

__all__ = ["LIMITS", "SOON_DAYS", "Way", "broken"]

SOON_DAYS = 90
"""A model that its maker switches off within so many days is not begun with."""
_THINKS_S = 5.0
"""A model that always thinks first is no candidate where the first word must come sooner; an assumption."""


class Way(NamedTuple):
    """A model in a place, before anything is reckoned.

    Attributes:
        at: the host's key; `None` on own machines, which are looked for later.
    """

    model: Model
    place: Literal["host", "own"]
    at: str | None


Limit = Callable[[Way, Situation, Catalog, date], str | None]


def broken(way: Way, asked: Situation, catalog: Catalog, today: date) -> tuple[str, str] | None:
    """The first limit that a way breaks and why; `None` = it stays."""
    for name, limit in LIMITS.items():
        reason = limit(way, asked, catalog, today)
        if reason is not None:
            return name, reason
    return None


def _retired(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    model = way.model
    if model.status in ("retired", "deprecated"):
        ends = f", switched off on {model.retires}" if model.retires else ""
        return f"its maker calls it {model.status}{ends}" + (f"; use {model.successor}" if model.successor else "")
    if model.retires is not None and way.place == "host" and ends_within(model.retires, SOON_DAYS, today):
        return f"its maker switches it off on {model.retires}, within {SOON_DAYS} days or in the past"
    return None


def _base(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    if way.model.variant != "base":
        return None
    return "a base model continues texts and follows no instruction; it is for tuning"


def _domain(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    domain = way.model.domain
    if domain is None or domain == asked.about.domain:
        return None
    return f"it was made for {domain}, not for {asked.task}"


def _privacy(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    if way.place == "own" or asked.privacy == "public":
        return None
    if asked.privacy == "regulated":
        return "regulated data stays on machines of your own"
    policy = catalog.policy(way.at or "")
    if policy is None or policy.trains_on_inputs is None:
        return f"what {way.at} does with inputs is not known, and some of yours are sensitive"
    if policy.trains_on_inputs in ("yes", "opt-out"):
        return f"{way.at} may train on inputs ({policy.trains_on_inputs}), and some of yours are sensitive"
    return None


def _device(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    return "the work is on the device itself, with or without a network" if _off_device(way, asked) else None


def _off_device(way: Way, asked: Situation) -> bool:
    return way.place == "host" and asked.about.own_device


def _team(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    personal = asked.device is not None
    if way.place == "host" or asked.team != "none" or personal or asked.privacy != "public":
        return None
    return "nobody is there to run a server (team none); name a --device that you have, if there is one"


def _licence(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    """Of weights that one runs; a host that serves open weights answers for its own licence."""
    model = way.model
    if way.place == "host" or model.ecosystem == "hosted":
        return None
    if model.licence is None:
        return "its licence is not known"
    if asked.licences is not None and model.licence.lower() not in {one.lower() for one in asked.licences}:
        return f"licence {model.licence!r} is not one of {', '.join(asked.licences)}"
    return _forbidden(catalog, model.licence)


@lru_cache(maxsize=512)
def _forbidden(catalog: Catalog, key: str) -> str | None:
    """Why weights under this licence may not be used in a company's work."""
    model = next(model for model in catalog.models if model.licence == key)
    found = ruling(model, catalog, Use(commercial=True))
    return found.reason if found.verdict == "forbidden" else None


def _permitted(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    """What the `[constraints]` of an `assay.toml` rule out, as on live requests."""
    if asked.limits is None:
        return None
    deployment = Deployment(model=way.model.id, host=way.at, private=way.place == "own")
    terms = terms_of(way.model, catalog, way.at)

    def price() -> Price | None:
        return prices_of([way.model], today)[way.model.id].price

    return impermissible(Candidate(way.model.id, deployment, way.model, terms, price), asked.limits, today)


def _modality(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    taken = way.model.input
    if not asked.modalities:
        return None
    if taken is None:
        return f"what it takes besides text is not known, and {', '.join(asked.modalities)} is needed"
    missing = [one for one in asked.modalities if one not in taken]
    return f"it takes no {' and no '.join(missing)}" if missing else None


def _context(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    most = way.model.context_tokens
    if most is None or most >= asked.context_tokens:
        return None
    return f"its context is {most:,} tokens; {asked.context_tokens:,} are needed"


def _language(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    known = way.model.languages
    missing = [one for one in asked.languages if known is not None and one not in known]
    return f"its maker does not name {', '.join(missing)} among its languages" if missing else None


def _tools(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    if asked.about.check != "tool-calls" or way.model.tools is not False:
        return None
    return "it calls no tools"


def _wait(way: Way, asked: Situation, catalog: Catalog, today: date) -> str | None:
    if asked.latency_s is None or asked.latency_s >= _THINKS_S or way.model.reasoning != "always":
        return None
    return f"it always thinks before it answers, and the first word must come within {asked.latency_s:g} s"


LIMITS: Mapping[str, Limit] = {
    "retirement": _retired,
    "variant": _base,
    "domain": _domain,
    "privacy": _privacy,
    "device": _device,
    "team": _team,
    "licence": _licence,
    "constraints": _permitted,
    "modality": _modality,
    "context": _context,
    "language": _language,
    "tools": _tools,
    "latency": _wait,
}
"""Name -> limit, in the order in which they are tried; price, memory and speed come after, as they must be reckoned."""
