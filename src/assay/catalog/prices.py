"""What models cost: by a team's own file, else on the list of a host (`assay.catalog.listed`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from assay.catalog.kept import keep, recall
from assay.catalog.listed import CatalogPrice, changed_on, changes_by_hour, listed
from assay.catalog.model import Model
from assay.catalog.offers import PriceRef

__all__ = [
    "CatalogPrice", "PriceSince", "price_history", "price_now", "price_of", "prices_by_hour", "prices_of",
]  # fmt: skip


def price_of(model: Model, when: datetime, *, host: str | None = None, input_tokens: int | None = None) -> CatalogPrice:
    """The list price of a model at a time.

    Args:
        model: a catalogue entry.
        when: aware; prices change, and some by the hour.
        host: whose price; default: the model's first host.
        input_tokens: size of one call, for prices in steps by context; default: the dearest step within the model's
            context.
    """
    if model.price_usd_per_mtok is not None:
        source = model.provenance("price_usd_per_mtok")
        own = model.price_usd_per_mtok
        return CatalogPrice(own, own, source.title if source else "", source.as_of if source else None)
    offer = model.hosted_at(host)
    if offer is None or offer.price is None:
        return CatalogPrice(None, None, "catalogue", note=f"no price is known of {model.id} at {host or 'any host'}")
    return listed(offer.price, when, model.context_tokens, input_tokens)


def price_now(model: Model, *, host: str | None = None) -> CatalogPrice:
    """As `price_of` at this moment, from what is kept of the day unless the price changes by the hour.

    Then its bound is that of the dearest hour: a call may begin in one hour and end in another.
    """
    now = datetime.now(UTC)
    offer = model.hosted_at(host)
    if model.price_usd_per_mtok is None and offer is not None and offer.price is not None:
        listing = _Listing(offer.price, model.context_tokens)
        found = _of_the_day([listing], now.date())[listing.key]
        return price_of(model, now, host=host)._replace(bound=found.bound) if found.by_hour else found
    return price_of(model, now, host=host)


def prices_of(models: Iterable[Model], when: date) -> dict[str, CatalogPrice]:
    """The list prices of many models on a day, by id: of each its first host that has a price.

    Where the price depends on the hour, it is that of the dearest hour. What was looked up is kept in the user's
    cache for this version of genai-prices and this day, since its import takes longer than most commands.
    """
    models = tuple(models)
    asked = {model.id: listing for model in models if (listing := _listing(model)) is not None}
    found = _of_the_day(asked.values(), when)
    return {
        model.id: found[asked[model.id].key] if model.id in asked else price_of(model, _noon(when)) for model in models
    }


def prices_by_hour(
    model: Model, when: date, *, host: str | None = None, input_tokens: int | None = None
) -> tuple[CatalogPrice, ...]:
    """The prices of a day (UTC): one, or 24 where it changes by the hour. Arguments as of `price_of`."""
    offer = model.hosted_at(host)
    ref = offer.price if offer is not None else None
    hours = range(24) if ref is not None and changes_by_hour(ref) else (12,)
    moments = (datetime.combine(when, time(hour), UTC) for hour in hours)
    return tuple(price_of(model, moment, host=host, input_tokens=input_tokens) for moment in moments)


class PriceSince(NamedTuple):
    """A price and the first day of it; `None` = since before what the source remembers."""

    since: date | None
    price: CatalogPrice


def price_history(model: Model, *, host: str | None = None) -> tuple[PriceSince, ...]:
    """What a model has cost at a host (default: its first that has a price), oldest first; empty = nobody knows."""
    offers = (offer for offer in model.hosts if offer.price is not None and host in (None, offer.host))
    offer = next(offers, None)
    if offer is None or offer.price is None:
        return ()
    starts = changed_on(offer.price)
    days = ((starts[0] - timedelta(days=1)) if starts else datetime.now(UTC).date(), *starts)
    found = [_dearest_hour(_Listing(offer.price, model.context_tokens), day) for day in days]
    return tuple(PriceSince(since, price) for since, price in zip((None, *starts), found, strict=True))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


class _Listing(NamedTuple):
    """What a looked-up price depends on, apart from the day."""

    ref: PriceRef
    context_tokens: int | None

    @property
    def key(self) -> str:
        return f"{self.ref.provider} {self.ref.model} {self.context_tokens}"


def _listing(model: Model) -> _Listing | None:
    if model.price_usd_per_mtok is not None:
        return None
    return next((_Listing(offer.price, model.context_tokens) for offer in model.hosts if offer.price is not None), None)


def _of_the_day(listings: Iterable[_Listing], when: date) -> dict[str, CatalogPrice]:
    """Their prices by key, and whatever else is kept of that day."""
    edition = _edition(when)
    known = (recall("prices", edition, dict[str, CatalogPrice]) if edition else None) or {}
    missing = [listing for listing in listings if listing.key not in known]
    if missing:
        known |= {listing.key: _dearest_hour(listing, when) for listing in missing}
        if edition:
            keep("prices", edition, known)
    return known


def _edition(when: date) -> str | None:
    """Which data of genai-prices holds on this day, without importing it; `None` = it was changed in this process."""
    snapshots = sys.modules.get("genai_prices.data_snapshot")
    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None or getattr(snapshots, "_custom_snapshot", None) is not None:
        return None
    data = Path(spec.origin).with_name("data.py").stat()
    return f"{data.st_size}-{data.st_mtime_ns}-{len(CatalogPrice._fields)}-{when.isoformat()}"


def _dearest_hour(listing: _Listing, when: date) -> CatalogPrice:
    hours = range(24) if changes_by_hour(listing.ref) else (12,)
    found = [listed(listing.ref, datetime.combine(when, time(hour), UTC), listing.context_tokens) for hour in hours]
    return max(found, key=lambda one: (one.price.input, one.price.output) if one.price else (-1.0, -1.0))
