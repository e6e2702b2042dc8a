"""What one attempt did cost, and how that is known."""

from __future__ import annotations

import logging

import msgspec

from assay.catalog.prices import CatalogPrice
from assay.config.schema import Price
from assay.dialects.billed import PLAIN, billed
from assay.envelope.cost import cost_usd, engine_cost_usd, extra_usd
from assay.errors import AssayError, ProviderError
from assay.inference.bounds import Bound
from assay.inference.deployment import LiveDeployment
from assay.ledger.budgets import MOST_USD
from assay.ledger.rows import CostBasis
from assay.providers.provider import Meter
from assay.types import Form, Response, Unknown, Usage

__all__ = ["Charge", "charge"]

log = logging.getLogger("assay.charges")

_DEARER = ("priority", "fast")
_CHEAPER = ("flex", "batch")
_UNUSUAL = _DEARER + _CHEAPER
_MEASURED: CostBasis = "measured"
_WEB = "web_search_call"

Charge = tuple[float | None, CostBasis]
"""What is booked, in USD (None = nobody knows), and how it is known."""


def charge(
    live: LiveDeployment,
    form: Form,
    meter: Meter,
    *,
    outcome: str,
    error: AssayError | None,
    answer: Response,
    bound: Bound,
) -> Charge:
    """What an attempt cost, and how that is known.

    Args:
        live: whom it asked.
        form: of the request.
        meter: what it measured.
        outcome: of the settlement.
        error: that ended it.
        answer: as far as it came.
        bound: what it could cost at most; a host that reports more than can be is charged at it.
    """
    dialect = live.config.dialect
    if outcome == "cached" or (form == "count" and dialect != "local"):
        return 0.0, "none"
    if dialect == "local":
        usd = engine_cost_usd(meter.engine_s, live.config.usd_per_hour)
        return (min(usd, MOST_USD), "measured") if usd is not None else (None, "unknown")
    refused = error is not None and isinstance(error, ProviderError) and error.status is not None
    if meter.sent_bytes == 0 or refused:  # an answer with a status of an error is not billed by any host
        return 0.0, "none"
    usage = answer.usage
    if form == "embedding" and usage is not None:
        usage = msgspec.structs.replace(usage, output=0)
    if usage is not None and (outcome == "ok" or answer.finish is not None or answer.embeddings):  # the last report
        known = _measured(live, answer, usage, works_there=bound.works_there)
        usd = known[0]
        most = bound.usd if bound.usd is not None else MOST_USD
        if usd is not None and usd <= most:
            return known
        if usd is not None:
            log.warning(
                "%s reports %s input and %s output tokens, %.6f USD, which is more than could be (%.6f USD): "
                "it is charged at the bound",
                live.name, usage.input, usage.output, usd, most,
            )  # fmt: skip
            if bound.usd is None:
                return most, "bound"
    usd = bound.after(usage)
    return usd, "bound" if usd is not None else "unknown"


def _measured(live: LiveDeployment, answer: Response, usage: Usage, *, works_there: bool) -> Charge:
    """From the host's counts; `bound` where it was served in a way that costs less than the known rates."""
    listed = live.flat_price
    if listed is None:
        listed = live.price_for(usage.input or 0)
    details = billed(usage.native)
    told = answer.extra.get("service_tier") if answer.extra else None
    tier = told if told and isinstance(told, str) else details.tier  # how fast it was served, in the host's word
    price, basis = listed.price, _MEASURED
    if tier is not None and (tier in listed.tiers or tier in _UNUSUAL):
        price, basis = _served_at(live, listed, tier)
    searches = _searches(answer) if works_there else 0
    if price is None or searches is None:
        return None, "unknown"
    usd = cost_usd(price, usage)
    if searches:
        details = details._replace(searches=details.searches + searches)
    if usd is not None and details is not PLAIN:
        more = extra_usd(price, listed.apart, details)
        usd = max(0.0, usd + more) if more is not None else None
    return (usd, basis) if usd is not None else (None, "unknown")


def _searches(answer: Response) -> int | None:
    """Web searches among the parts of an answer; None = other tools were used, which cost nobody knows what."""
    kinds = [str(part.raw.get("type")) for part in answer.parts if isinstance(part, Unknown)]
    calls = [kind for kind in kinds if kind.endswith("_call")]
    return len(calls) if all(kind == _WEB for kind in calls) else None


def _served_at(live: LiveDeployment, listed: CatalogPrice, tier: str) -> tuple[Price | None, CostBasis]:
    """The rates of a tier that has some of its own, or is one of `_UNUSUAL`."""
    if tier in listed.tiers:
        return listed.tiers[tier].price, "measured"
    if tier in _DEARER and live.config.dialect != "anthropic":  # Anthropic's priority is paid for beforehand
        return None, "unknown"
    return listed.price, "bound" if tier in _CHEAPER else "measured"
