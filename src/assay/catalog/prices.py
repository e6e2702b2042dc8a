"""What models cost: by a team's own file, else on the list of a host (`assay.catalog.listed`).

genai-prices takes longer to import than most commands may take, and its prices change on known days only. So what
was looked up once, with its whole history, is kept in the user's cache for as long as genai-prices stays the same.
"""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from assay.catalog.kept import keep, recall
from assay.catalog.listed import CatalogPrice, changed_on, changes_by_hour, listed
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt, PriceRef

__all__ = [
    "LENGTHS", "CatalogPrice", "PriceSince", "length_of", "price_histories", "price_now", "price_of", "price_on",
    "prices_by_hour", "prices_for_length", "prices_of",
]  # fmt: skip


LENGTHS = (32_000, 100_000, 128_000, 199_999, 200_000, 272_000, 512_000, 524_288)
"""Tokens above which rates are dearer somewhere, as genai-prices has them: what was looked up for these few is kept. A
step between two of them counts from the lower one on."""


class PriceSince(NamedTuple):
    """A price and the first day of it; `None` = since before what the source remembers.

    Where it changes by the hour, it is that of the dearest hour.
    """

    since: date | None
    price: CatalogPrice


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
        return _own(model)
    offer = model.hosted_at(host)
    if offer is None or offer.price is None:
        return _unknown(model, host)
    return listed(offer.price, when, model.context_tokens, input_tokens)


def price_now(model: Model, *, host: str | None = None, length: int | None = None) -> CatalogPrice:
    """As `price_of` at this moment, from what is kept unless the price changes by the hour.

    Then its bound is that of the dearest hour: a call may begin in one hour and end in another.

    Args:
        model: a catalogue entry.
        host: whose price; default: the model's first host.
        length: input tokens of the call at most, one of `length_of`; default: as many as the model's context has.
    """
    if length is not None:
        model = structs.replace(model, context_tokens=length)
    now = datetime.now(UTC)
    found = price_on(model, now.date(), host=host)
    return price_of(model, now, host=host)._replace(bound=found.bound) if found.by_hour else found


def price_on(model: Model, day: date, *, host: str | None = None) -> CatalogPrice:
    """As `price_of` on a day (UTC), in its dearest hour."""
    offer = model.hosted_at(host)
    if model.price_usd_per_mtok is not None:
        return _own(model)
    if offer is None or offer.price is None:
        return _unknown(model, host)
    listing = _Listing(offer.price, model.context_tokens)
    return _on(_histories([listing])[listing.key], day)


def prices_of(models: Iterable[Model], when: date) -> dict[str, CatalogPrice]:
    """The list prices of many models on a day, by id: of each its first host that has a price, in the dearest hour."""
    models = tuple(models)
    listings = {model.id: _listings(model) for model in models}
    found = _histories(one for several in listings.values() for one in several)

    def price(model: Model) -> CatalogPrice:
        if model.price_usd_per_mtok is not None:
            return _own(model)
        first = next(iter(listings[model.id]), None)
        return _on(found[first.key], when) if first is not None else _unknown(model, None)

    return {model.id: price(model) for model in models}


def prices_for_length(
    found: Mapping[str, CatalogPrice], models: Iterable[Model], when: date, tokens: float
) -> dict[str, CatalogPrice]:
    """Prices of `prices_of`, with those of requests of so many tokens where long ones are dearer.

    The next of a few lengths stands for them; where they are longer than all of these, the dearest rate stays.
    """
    length = length_of(tokens)
    if length is None:
        return dict(found)
    by_length = [model for model in models if found[model.id].by_length]
    short = prices_of([structs.replace(model, context_tokens=length) for model in by_length], when)
    return {**found, **{name: one if one.by_length else one._replace(note=None) for name, one in short.items()}}


def length_of(tokens: float) -> int | None:
    """The next of the few lengths that prices are looked up for; `None` = longer than all of them."""
    at = bisect_left(LENGTHS, tokens)
    return LENGTHS[at] if at < len(LENGTHS) else None


def price_histories(model: Model) -> dict[str, tuple[PriceSince, ...]]:
    """What a model has cost at each of its hosts that has a price, oldest first."""
    offers = [(offer.host, _listing(offer, model)) for offer in model.hosts]
    listings = {host: listing for host, listing in reversed(offers) if listing is not None}
    found = _histories(listings.values())
    return {host: found[listing.key] for host, listing in listings.items()}


def prices_by_hour(
    model: Model, when: date, *, host: str | None = None, input_tokens: int | None = None
) -> tuple[CatalogPrice, ...]:
    """The prices of a day (UTC): one, or 24 where it changes by the hour. Arguments as of `price_of`."""
    offer = model.hosted_at(host)
    ref = offer.price if offer is not None else None
    moments = _hours(when, several=ref is not None and changes_by_hour(ref))
    return tuple(price_of(model, moment, host=host, input_tokens=input_tokens) for moment in moments)


class _Listing(NamedTuple):
    """What a looked-up price depends on, apart from the time."""

    ref: PriceRef
    context_tokens: int | None

    @property
    def key(self) -> str:
        return f"{self.ref.provider} {self.ref.model} {self.context_tokens}"


def _listing(offer: HostedAt, model: Model) -> _Listing | None:
    return _Listing(offer.price, model.context_tokens) if offer.price is not None else None


def _listings(model: Model) -> list[_Listing]:
    """At each of its hosts: once genai-prices is there, the others' prices cost little."""
    return [one for offer in model.hosts if (one := _listing(offer, model)) is not None]


def _own(model: Model) -> CatalogPrice:
    source = model.provenance("price_usd_per_mtok")
    own = model.price_usd_per_mtok
    return CatalogPrice(own, own, source.title if source else "", source.as_of if source else None)


def _unknown(model: Model, host: str | None) -> CatalogPrice:
    return CatalogPrice(None, None, "catalogue", note=f"no price is known of {model.id} at {host or 'any host'}")


def _on(history: Iterable[PriceSince], day: date) -> CatalogPrice:
    """The price that holds on a day, of a history from old to new."""
    return [one.price for one in history if one.since is None or one.since <= day][-1]


def _histories(listings: Iterable[_Listing]) -> dict[str, tuple[PriceSince, ...]]:
    """Their histories by key, and whatever else is kept."""
    edition = _edition()
    known = (recall("prices", edition, dict[str, tuple[PriceSince, ...]]) if edition else None) or {}
    missing = [listing for listing in listings if listing.key not in known]
    if missing:
        known |= {listing.key: _history(listing) for listing in missing}
        if edition:
            keep("prices", edition, known)
    return known


def _edition() -> str | None:
    """Which data genai-prices has, and how they are read here; without importing it.

    `None` = they were changed in this process.
    """
    snapshots = sys.modules.get("genai_prices.data_snapshot")
    spec = find_spec("genai_prices")
    if spec is None or spec.origin is None or getattr(snapshots, "_custom_snapshot", None) is not None:
        return None
    paths = (Path(spec.origin).with_name("data.py"), Path(__file__).with_name("listed.py"), Path(__file__))
    return _digest(tuple((path, path.stat().st_mtime_ns) for path in paths))


@cache
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    """Of what is in them: images and package managers give every version the same time."""
    digest = hashlib.sha256()
    for path, _ in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _history(listing: _Listing) -> tuple[PriceSince, ...]:
    starts = changed_on(listing.ref)
    first = starts[0] - timedelta(days=1) if starts else datetime.now(UTC).date()
    several = changes_by_hour(listing.ref)
    steps = zip((None, *starts), (first, *starts), strict=True)
    return tuple(PriceSince(since, _dearest_hour(listing, day, several=several)) for since, day in steps)


def _dearest_hour(listing: _Listing, day: date, *, several: bool) -> CatalogPrice:
    found = [listed(listing.ref, moment, listing.context_tokens) for moment in _hours(day, several=several)]
    return max(found, key=lambda one: (one.price.input, one.price.output) if one.price else (-1.0, -1.0))


def _hours(day: date, *, several: bool) -> list[datetime]:
    return [datetime.combine(day, time(hour), UTC) for hour in (range(24) if several else (12,))]
