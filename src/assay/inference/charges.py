"""What one attempt did cost, and how that is known."""

from __future__ import annotations

import logging
from typing import NamedTuple

import msgspec

from assay.catalog.prices import CatalogPrice
from assay.config.schema import Price
from assay.dialects.billed import billed
from assay.envelope.cost import cost_usd, engine_cost_usd, extra_usd
from assay.errors import AssayError, ProviderError
from assay.inference.bounds import Bound
from assay.inference.deployment import LiveDeployment
from assay.ledger.rows import CostBasis
from assay.providers.provider import Meter
from assay.types import Form, Response, Unknown, Usage

__all__ = ["Charge", "Told", "charge", "told_by"]

log = logging.getLogger("assay.charges")

_DEARER = ("priority", "fast")
_CHEAPER = ("flex", "batch")
_WEB, _FILES = "web_search_call", "file_search_call"


class Told(NamedTuple):
    """What an answer told of its own cost.

    Attributes:
        usage: the host's last report; None = none came.
        finished: the answer had come to its end, so that the report is the whole.
        tier: how fast it was served, in the host's word.
        searches: web searches of the host's own; None = it used tools whose price nobody knows.
    """

    usage: Usage | None = None
    finished: bool = False
    tier: str | None = None
    searches: int | None = 0


class Charge(NamedTuple):
    """What is booked."""

    usd: float | None
    basis: CostBasis


def told_by(response: Response, *, works_there: bool = False) -> Told:
    """What an answer, as far as it has come, tells of its cost.

    Args:
        response: the fold of its events.
        works_there: the host was asked to use tools of its own.
    """
    tier = response.extra.get("service_tier") if response.extra else None
    finished = response.finish is not None or bool(response.embeddings)
    searches = _searches(response) if works_there else 0
    return Told(response.usage, finished, tier if isinstance(tier, str) else None, searches)


def _searches(response: Response) -> int | None:
    """Web searches among the parts of an answer; None = other tools were used, which cost nobody knows what."""
    kinds = [str(part.raw.get("type")) for part in response.parts if isinstance(part, Unknown)]
    calls = [kind for kind in kinds if kind.endswith("_call")]
    return len(calls) if all(kind == _WEB for kind in calls) else None


def charge(
    live: LiveDeployment, form: Form, meter: Meter, *, outcome: str, error: AssayError | None, told: Told, bound: Bound
) -> Charge:
    """What an attempt cost, and how that is known.

    Args:
        live: whom it asked.
        form: of the request.
        meter: what it measured.
        outcome: of the settlement.
        error: that ended it.
        told: what the answer told, as far as it came.
        bound: what it could cost at most; a host that reports more than can be is charged at it.
    """
    if outcome == "cached" or (form == "count" and live.config.dialect != "local"):
        return Charge(0.0, "none")
    if live.config.dialect == "local":
        usd = engine_cost_usd(meter.engine_s, live.config.usd_per_hour)
        return Charge(usd, "measured") if usd is not None else Charge(None, "unknown")
    refused = isinstance(error, ProviderError) and error.status is not None
    if meter.sent_bytes == 0 or refused:  # an answer with a status of an error is not billed by any host
        return Charge(0.0, "none")
    if form == "embedding" and told.usage is not None:
        told = told._replace(usage=msgspec.structs.replace(told.usage, output=0))
    if told.usage is not None and (outcome == "ok" or told.finished):
        known = _measured(live, told, told.usage)
        if known.usd is not None and (bound.usd is None or known.usd <= bound.usd):
            return known
        if known.usd is not None:
            log.warning(
                "%s reports %s input and %s output tokens, %.6f USD, which is more than could be (%.6f USD): "
                "it is charged at the bound",
                live.name, told.usage.input, told.usage.output, known.usd, bound.usd,
            )  # fmt: skip
    usd = bound.after(told.usage)
    return Charge(usd, "bound") if usd is not None else Charge(None, "unknown")


def _measured(live: LiveDeployment, told: Told, usage: Usage) -> Charge:
    """From the host's counts; `bound` where it was served in a way that costs less than the known rates."""
    listed = live.price_for(usage.input or 0)
    details = billed(usage.native)
    price, basis = _served_at(live, listed, told.tier or details.tier)
    if price is None or told.searches is None:
        return Charge(None, "unknown")
    usd = cost_usd(price, usage)
    if told.searches:
        details = details._replace(searches=details.searches + told.searches)
    more = extra_usd(price, listed.apart, details)
    return Charge(max(0.0, usd + more), basis) if usd is not None and more is not None else Charge(None, "unknown")


def _served_at(live: LiveDeployment, listed: CatalogPrice, tier: str | None) -> tuple[Price | None, CostBasis]:
    if tier is not None and tier in listed.tiers:
        return listed.tiers[tier].price, "measured"
    if tier in _DEARER and live.config.dialect != "anthropic":  # Anthropic's priority is paid for beforehand
        return None, "unknown"
    return listed.price, "bound" if tier in _CHEAPER else "measured"
