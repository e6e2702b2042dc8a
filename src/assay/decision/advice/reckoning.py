"""From models in places to candidates: what each costs, where it would run, and what figures say of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache

import msgspec

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import CatalogPrice, prices_of
from assay.catalog.renown import only_popular
from assay.catalog.use import Use, ruling
from assay.catalog.weather import Standing, standing
from assay.decision.advice.candidate import Candidate, Rank, Removed
from assay.decision.advice.limits import Way, broken
from assay.decision.advice.machines import Machines, Placed
from assay.decision.advice.situation import Situation
from assay.envelope.monthly import Tariff
from assay.envelope.overheads import Overheads, assumed, defaults
from assay.envelope.owning import Tenure, missing, served_tariff
from assay.envelope.renting import hosted_tariff
from assay.envelope.workload import Workload

__all__ = ["Reckoner", "ways"]

_OLD_DAYS = 365
"""Figures older than this are said to be old: benchmarks leak into training, and models move on."""
_FEW_FIGURES = 2
_SIZES = (32_000, 128_000, 200_000, 256_000, 512_000)
"""Tokens of a request, in steps at which some hosts' rates become dearer."""


def ways(catalog: Catalog, asked: Situation, today: date) -> tuple[list[Way], list[Removed]]:
    """Every model in every place that no limit removes, and those that one does."""
    kept: list[Way] = []
    removed: list[Removed] = []
    for way in _all(catalog):
        found = broken(way, asked, catalog, today)
        if found is None:
            kept.append(way)
        else:
            removed.append(_out(way, *found))
    return kept, removed


def _all(catalog: Catalog) -> list[Way]:
    """A model at its first host that has a price (else its first), and open weights on machines of one's own."""
    found = []
    for model in catalog.models:
        offer = next((one for one in model.hosts if one.price is not None), model.hosted_at())
        if offer is not None:
            found.append(Way(model, "host", offer.host))
        if model.ecosystem == "open-weight":
            found.append(Way(model, "own", None))
    return found


def _out(way: Way, limit: str, reason: str) -> Removed:
    return Removed(model=way.model.id, place=way.place, at=way.at, limit=limit, reason=reason)


class Reckoner:
    """Reckons candidates for one situation.

    Raises:
        CatalogError: the named device is not known.
    """

    def __init__(self, catalog: Catalog, asked: Situation, today: date) -> None:
        self._catalog, self._asked, self._today = catalog, asked, today
        self._machines = Machines(catalog, asked)
        self._load = Workload(
            requests_per_day=asked.requests_per_day,
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens,
        )
        self._tariffs: dict[tuple[str, str], tuple[Tariff, Tariff]] = {}

    def candidates(self, kept: Sequence[Way]) -> tuple[list[Candidate], list[Removed]]:
        """The candidates, and the models that fit on no machine or are too slow there."""
        prices = prices_of([self._sized(way.model) for way in kept if way.place == "host"], self._today)
        found: list[Candidate] = []
        removed: list[Removed] = []
        for way in kept:
            if way.place == "host":
                found.append(self._hosted(way, prices[way.model.id]))
                continue
            placed = self._machines.place(way.model)
            if isinstance(placed, str):
                removed.append(_out(way, "latency" if "first token" in placed else "memory", placed))
            else:
                found.append(self._owned(way, placed))
        return found, removed

    def scaled(self, one: Candidate, share: float) -> Candidate:
        """A candidate with its cost for a share of the requests; whole machines stay whole."""
        tariffs = self._tariffs.get((one.model, one.place))
        return one if tariffs is None else self._billed(one, *tariffs, share)

    def _sized(self, model: Model) -> Model:
        """The model as if its context were hardly longer than our requests: dearer rates above it are not reached.

        One of a few sizes, so that prices that were looked up for a day serve most situations.
        """
        size = next((size for size in _SIZES if size >= self._asked.context_tokens), None)
        if size is None or (model.context_tokens or 0) <= size:
            return model
        return msgspec.structs.replace(model, context_tokens=size)

    def _hosted(self, way: Way, price: CatalogPrice) -> Candidate:
        bare = self._candidate(way.model, "host", way.at or "")
        warned = msgspec.structs.replace(bare, price_as_of=price.as_of, warnings=(*bare.warnings, *_on_price(price)))
        tariffs = (
            hosted_tariff(price.price, self._load, overheads, batch=price.batch, basis=price.source)
            for overheads in (defaults(), _without_staff())
        )
        return self._kept(warned, *tariffs)

    def _owned(self, way: Way, placed: Placed) -> Candidate:
        tenure: Tenure = "have" if self._machines.named else "rent"
        bare = self._candidate(way.model, "own", placed.machine.key)
        unknown = missing(placed.machine, placed.speed, tenure)
        notes = [f"what it costs is not known: {unknown}"] if unknown else []
        if self._asked.team == "none":
            notes.append("nobody is there to run it (team none)")
        found = ruling(way.model, self._catalog, Use(commercial=True, accepted=self._asked.licences or ()))
        notes += [f"licence: {found.reason}"] if found.verdict == "ask" else []
        notes += [f"licence: {duty}" for duty in found.duties]
        warned = msgspec.structs.replace(bare, envelope=placed.envelope, warnings=(*bare.warnings, *notes))
        tariffs = (
            served_tariff(placed.machine, placed.speed, self._load, overheads, tenure=tenure)
            for overheads in (defaults(), _without_staff())
        )
        return self._kept(warned, *tariffs)

    def _kept(self, one: Candidate, whole: Tariff | None, bare: Tariff | None) -> Candidate:
        if whole is None or bare is None:
            return one
        self._tariffs[one.model, one.place] = whole, bare
        return self._billed(one, whole, bare, 1.0)

    def _billed(self, one: Candidate, whole: Tariff, bare: Tariff, share: float) -> Candidate:
        requests = self._asked.requests_per_day * share
        month, billed = whole.monthly(requests), bare.monthly(requests)
        each = billed.total.value / (requests * self._load.days_per_month) if requests else None
        envelope = one.envelope
        if envelope is not None and month.machines is not None:
            envelope = msgspec.structs.replace(envelope, machines=round(month.machines.value))
        return msgspec.structs.replace(
            one,
            usd_per_month=month.total.value,
            usd_per_month_range=(month.total.low, month.total.high),
            bill_usd_per_month=billed.total.value,
            usd_per_query=each,
            envelope=envelope,
        )

    def _candidate(self, model: Model, place: str, at: str) -> Candidate:
        found = standing(model, self._catalog, self._asked.about.need)
        return Candidate(
            model=model.id,
            name=model.name,
            maker=model.maker,
            family=model.family,
            ecosystem=model.ecosystem,
            place="host" if place == "host" else "own",
            at=at,
            usd_per_month=None,
            rank=_rank(found) if found is not None else None,
            warnings=self._warnings(model, found),
        )

    def _warnings(self, model: Model, found: Standing | None) -> tuple[str, ...]:
        """What figures and the maker's word leave open."""
        notes = [only_popular(model, self._catalog)]
        if found is None:
            notes.append(f"no published figure speaks of {self._asked.task}; only an eval can tell")
        else:
            notes += _on_figures(found, self._today)
        if model.status == "legacy":
            notes.append(
                "its maker calls it legacy" + (f"; its successor is {model.successor}" if model.successor else "")
            )
        if self._asked.languages and model.languages is None:
            notes.append(f"whether it was made for {', '.join(self._asked.languages)} is not known")
        return tuple(note for note in notes if note is not None)


@cache
def _without_staff() -> Overheads:
    """What is billed only: no hours of people."""
    return assumed(["hours=0", "evaluation_requests=0"])


def _rank(found: Standing) -> Rank:
    return Rank(
        share=found.share,
        low=found.low,
        high=found.high,
        models=found.models,
        figures=tuple(f"{one.name} {one.score:g}" for one in found.figures),
        by_others=found.by_others,
        oldest=found.oldest,
        newest=found.newest,
    )


def _on_figures(found: Standing, today: date) -> list[str]:
    notes = []
    if len(found.figures) < _FEW_FIGURES:
        notes.append("one published figure is all that speaks for it")
    if not found.by_others:
        notes.append("all of its figures are its maker's own")
    if found.newest < str(today - timedelta(days=_OLD_DAYS)):
        notes.append(f"its newest figure is of {found.newest}")
    return notes


def _on_price(price: CatalogPrice) -> list[str]:
    notes = ["its price is not known, so it comes after those whose price is"] if price.price is None else []
    return notes + ([f"price: {price.note}"] if price.note else [])
