"""From models in places to candidates: what each costs, where it would run, and what figures say of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import CatalogPrice, prices_of
from assay.catalog.renown import only_popular
from assay.catalog.use import Use, ruling
from assay.catalog.weather import Standing, standing
from assay.decision.advice.candidate import Candidate, Rank, Removed
from assay.decision.advice.limits import Way, broken
from assay.decision.advice.machines import Machines, Served, Unfit
from assay.decision.advice.situation import Situation
from assay.envelope.monthly import Tariff
from assay.envelope.overheads import defaults
from assay.envelope.owning import Tenure, missing, served_tariff
from assay.envelope.renting import hosted_tariff
from assay.envelope.workload import Workload

__all__ = ["Reckoner", "ways"]

_OLD_DAYS = 365
"""Figures older than this are said to be old: benchmarks leak into training, and models move on."""
_FEW_FIGURES = 2
SMALLEST = 5
"""Models without a published figure that are reckoned on machines of one's own, the smallest first."""
_UNKNOWN = "no published figure speaks of {task}, and smaller models without one are reckoned; put it into an eval"
THINKING_TOKENS = 1_500
"""Written before each answer by a model that cannot be told not to think, where the task's answer does not count them
already. An assumption: it differs tenfold between models at one list price, and the ledger shows what it is."""
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
    """A model at one host, and open weights on machines of one's own.

    The host is the first whose price is known, if it can be with an address that is everybody's.
    """
    found = []
    for model in catalog.models:
        offers = [one for one in model.hosts if not catalog.host(one.host).self_hosted]
        offer = min(offers, key=lambda one: (one.price is None, catalog.host(one.host).is_personal), default=None)
        if offer is not None:
            found.append(Way(msgspec.structs.replace(model, hosts=(offer,)), "host", offer.host))
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
        self._standings: dict[str, Standing | None] = {}
        self._tariffs: dict[tuple[str, str], Tariff] = {}

    def candidates(self, kept: Sequence[Way]) -> tuple[list[Candidate], list[Removed]]:
        """The candidates, and the models that fit on no machine or are too slow there."""
        prices = prices_of([self._sized(way.model) for way in kept if way.place == "host"], self._today)
        found: list[Candidate] = []
        removed: list[Removed] = []
        small = self._smallest(kept)
        for way in kept:
            if way.place == "host":
                found.append(self._hosted(way, prices[way.model.id]))
                continue
            if self._standing(way.model) is None and way.model.id not in small:
                removed.append(_out(way, "figures", _UNKNOWN.format(task=self._asked.task)))
                continue
            served = self._served(way)
            if isinstance(served, Candidate):
                found.append(served)
            else:
                removed.append(served)
        return found, removed

    def _standing(self, model: Model) -> Standing | None:
        if model.id not in self._standings:
            self._standings[model.id] = standing(model, self._catalog, self._asked.about.need)
        return self._standings[model.id]

    def _smallest(self, kept: Sequence[Way]) -> frozenset[str]:
        """Of the models without a figure the smallest: one of them may be the cheapest that will do."""
        unknown = [way.model for way in kept if way.place == "own" and self._standing(way.model) is None]
        return frozenset(model.id for model in sorted(unknown, key=lambda one: one.parameters or math.inf)[:SMALLEST])

    def scaled(self, one: Candidate, share: float) -> Candidate:
        """A candidate with its cost for a share of the requests; whole machines stay whole."""
        tariff = self._tariffs.get((one.model, one.place))
        return one if tariff is None else self._billed(one, tariff, share)

    def _load(self, model: Model) -> Workload:
        """The work as this model does it: one that always thinks writes more than the answer."""
        asked = self._asked
        thinking = THINKING_TOKENS if _thinks(model, asked) else 0
        return Workload(
            requests_per_day=asked.requests_per_day,
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens + thinking,
        )

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
        return self._kept(
            warned, hosted_tariff(price.price, self._load(way.model), defaults(), batch=price.batch, basis=price.source)
        )

    def _served(self, way: Way) -> Candidate | Removed:
        """On a machine of one's own, if there is one that it fits on and that carries the volume."""
        served = self._machines.serve(way.model)
        if isinstance(served, Unfit):
            return _out(way, served.limit, served.reason)
        one = self._owned(way, served)
        tariff = self._tariffs.get((one.model, one.place))
        machines = tariff.machines(self._asked.requests_per_day) if tariff is not None else None
        if self._machines.named and machines is not None and machines.low > 1:
            least, key = machines.low, served.machine.key
            return _out(
                way,
                "volume",
                f"{key} does not carry {self._asked.requests_per_day:,g} requests a day: "
                f"{least:,.0f} of it would, at best",
            )
        return one

    def _owned(self, way: Way, placed: Served) -> Candidate:
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
        load = self._load(way.model)
        return self._kept(warned, served_tariff(placed.machine, placed.speed, load, defaults(), tenure=tenure))

    def _kept(self, one: Candidate, tariff: Tariff | None) -> Candidate:
        if tariff is None:
            return one
        self._tariffs[one.model, one.place] = tariff
        return self._billed(one, tariff, 1.0)

    def _billed(self, one: Candidate, tariff: Tariff, share: float) -> Candidate:
        """With its cost. What stands still whatever the volume is hours of people, all else is billed."""
        requests = self._asked.requests_per_day * share
        month = tariff.monthly(requests)
        total = month.total
        bill = total.value - sum(line.usd.value for line in tariff.per_month)
        envelope = one.envelope
        if envelope is not None and month.machines is not None:
            envelope = msgspec.structs.replace(envelope, machines=round(month.machines.value))
        return msgspec.structs.replace(
            one,
            usd_per_month=total.value,
            usd_per_month_range=(total.low, total.high),
            bill_usd_per_month=bill,
            usd_per_query=bill / (requests * tariff.days_per_month) if requests else None,
            envelope=envelope,
        )

    def _candidate(self, model: Model, place: str, at: str) -> Candidate:
        found = self._standing(model)
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
        if _thinks(model, self._asked):
            notes.append(f"it always thinks first: {THINKING_TOKENS:,} tokens an answer are added, an assumption")
        if model.status == "legacy":
            notes.append(
                "its maker calls it legacy" + (f"; its successor is {model.successor}" if model.successor else "")
            )
        if self._asked.languages and model.languages is None:
            notes.append(f"whether it was made for {', '.join(self._asked.languages)} is not known")
        return tuple(note for note in notes if note is not None)


def _thinks(model: Model, asked: Situation) -> bool:
    return model.reasoning == "always" and not asked.about.thinks


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
    if price.note and (price.price is None or price.note.startswith("dearer above")):
        notes.append(f"price: {price.note}")
    return notes
