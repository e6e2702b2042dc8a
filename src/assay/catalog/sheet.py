"""Everything that is known of one model, in one value: what `assay models show` prints and its JSON says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import Any, TypedDict

import msgspec

from assay.catalog.entry_rows import entry_rows
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.offers import HostedAt
from assay.catalog.overview import Fact, ModelRow, details, row_of
from assay.catalog.prices import PriceSince, price_histories, price_on, prices_of
from assay.catalog.renown import only_popular
from assay.catalog.use import Ruling, Use, ruling
from assay.config.schema import Price

__all__ = ["Figure", "Offer", "PriceStep", "Sheet", "sheet"]


class PriceStep(TypedDict):
    """A price since a day; `since` is `None` where it is older than what the source remembers."""

    since: str | None
    price: dict[str, float] | None


class Offer(TypedDict):
    """A host that has the model: list price, its history, and what the host does with data. `None` = not known.

    Where long requests are dearer `price` has their rates, and `short_price` those of short ones.
    """

    host: str
    name: str
    moving: bool
    snapshots: list[str]
    note: str | None
    price: dict[str, float] | None
    short_price: dict[str, float] | None
    batch: dict[str, float] | None
    price_source: str
    price_as_of: str | None
    price_note: str | None
    history: list[PriceStep]
    data_policy: dict[str, Any] | None


class Figure(TypedDict):
    """A published benchmark figure, with who says so."""

    name: str
    score: float
    unit: str
    setting: str | None
    by: str
    as_of: str | None
    source: str
    verified: bool


class Sheet(TypedDict):
    """One model.

    `model` is its row in the list; `facts` say who says what; `licence` has the terms, `commercial` what they mean for
    commercial use; `hosts` offer it; `family` is the ledger of what stands around it; `warning` is said where nothing
    but popularity speaks for it.
    """

    model: ModelRow
    facts: list[Fact]
    licence: dict[str, Any] | None
    commercial: dict[str, Any]
    hosts: list[Offer]
    family: dict[str, Any] | None
    benchmarks: list[Figure]
    warning: str | None


def sheet(model: Model, catalog: Catalog, when: date) -> Sheet:
    """Everything about a model, with list prices of a day."""
    price = prices_of(catalog.models, when)[model.id]  # of all: what is kept then serves the next sheet too
    histories = price_histories(model)
    licence = catalog.licence(model.licence) if model.licence is not None else None
    family = catalog.family(model)
    verdict: Ruling = ruling(model, catalog, Use(commercial=True))
    return Sheet(
        model=row_of(model, catalog, price),
        facts=details(model),
        licence=entry_rows({str(model.licence): licence})[0] if licence is not None else None,
        commercial={**verdict._asdict(), "duties": list(verdict.duties)},
        hosts=[_offer(model, catalog, offer, when, histories.get(offer.host, ())) for offer in model.hosts],
        family=entry_rows({model.family: family})[0] if family is not None else None,
        benchmarks=_figures(model),
        warning=only_popular(model, catalog),
    )


def _offer(model: Model, catalog: Catalog, offer: HostedAt, when: date, history: tuple[PriceSince, ...]) -> Offer:
    found = price_on(model, when, host=offer.host)
    brief = msgspec.structs.replace(model, context_tokens=1)
    short = price_on(brief, when, host=offer.host) if found.by_length else None
    policy = catalog.policy(offer.host)
    return Offer(
        host=offer.host,
        name=offer.model,
        moving=offer.moving,
        snapshots=list(offer.snapshots),
        note=offer.note,
        price=_rates(found.price),
        short_price=_rates(short.price) if short is not None else None,
        batch=_rates(found.batch),
        price_source=found.source,
        price_as_of=found.as_of,
        price_note=found.note,
        history=[
            PriceStep(since=one.since.isoformat() if one.since else None, price=_rates(one.price.price))
            for one in _changes(history)
        ],
        data_policy=entry_rows({offer.host: policy})[0] if policy is not None else None,
    )


def _changes(history: Iterable[PriceSince]) -> list[PriceSince]:
    """Of steps with the same rates, which differ in what is not shown, the first."""
    return [next(steps) for _, steps in groupby(history, key=lambda one: one.price.price)]


def _rates(price: Price | None) -> dict[str, float] | None:
    rates: dict[str, float] | None = msgspec.to_builtins(price)
    return rates


def _figures(model: Model) -> list[Figure]:
    return [
        Figure(
            name=one.name,
            score=one.score,
            unit=one.unit,
            setting=one.setting,
            by=one.by,
            as_of=one.as_of or model.source_of(one).as_of,
            source=model.source_of(one).title,
            verified=model.source_of(one).verified,
        )
        for one in sorted(model.benchmarks, key=lambda one: one.name)
    ]
