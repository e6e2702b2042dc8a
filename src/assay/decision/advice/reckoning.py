"""From models in places to candidates: what each costs, where it would run, and what figures say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache

import msgspec

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import CatalogPrice, prices_for_length, prices_of
from assay.catalog.use import Use, ruling
from assay.catalog.weather import Standing, standing
from assay.decision.advice.ability import MODEST, bar_among
from assay.decision.advice.candidate import Candidate, Rank, Removed
from assay.decision.advice.doubts import THINKING_TOKENS, doubts, may_think, on_price, thinks, written_tokens
from assay.decision.advice.limits import Way, broken
from assay.decision.advice.machines import Machines, Served, Unfit
from assay.decision.advice.situation import Situation
from assay.decision.advice.tariffs import by_token, without_server
from assay.envelope.band import Band
from assay.envelope.hardware import Machine
from assay.envelope.monthly import Tariff
from assay.envelope.overheads import Overheads, defaults
from assay.envelope.owning import missing, served_tariff
from assay.envelope.workload import Workload
from assay.ledger.rows import MeasurementRow

__all__ = ["Reckoner", "ways"]

SMALLEST = 5
"""Models without a published figure that are reckoned on machines of one's own, the smallest first."""
_NOT_WORTH = "published figures put it below half of the bar, or none speaks of it: no machine was looked for"


def ways(catalog: Catalog, asked: Situation, today: date, *, own: bool = True) -> tuple[list[Way], list[Removed]]:
    """Every model in every place that no limit removes, and those that one does; without `own`, at hosts only."""
    kept: list[Way] = []
    removed: list[Removed] = []
    for way in _all(catalog):
        if way.place == "own" and not own:
            continue
        found = broken(way, asked, catalog, today)
        if found is None:
            kept.append(way)
        else:
            removed.append(_out(way, *found))
    return kept, removed


@lru_cache(maxsize=4)
def _all(catalog: Catalog) -> tuple[Way, ...]:
    """A model at one host, and open weights on machines of one's own.

    The host is the first whose price is known, if it can be with an address that is everybody's.
    """
    found = []
    for model in catalog.models:
        offers = [one for one in model.hosts if not catalog.host(one.host).self_hosted]
        offer = min(offers, key=lambda one: (one.price is None, catalog.host(one.host).is_personal), default=None)
        if offer is not None:
            at_host = model if offer is model.hosts[0] else msgspec.structs.replace(model, hosts=(offer,))
            found.append(Way(at_host, "host", offer.host))
        if model.ecosystem == "open-weight":
            found.append(Way(model, "own", None))
    return tuple(found)


@lru_cache(maxsize=4)
def _listed(catalog: Catalog, day: date) -> Mapping[str, CatalogPrice]:
    """List prices of a day, of each model at the host of its way."""
    return prices_of([way.model for way in _all(catalog) if way.place == "host"], day)


def _out(way: Way, limit: str, reason: str) -> Removed:
    return Removed(model=way.model.id, place=way.place, at=way.at, limit=limit, reason=reason)


class Reckoner:
    """Reckons candidates for one situation.

    Raises:
        CatalogError: the named device is not known.
    """

    def __init__(self, catalog: Catalog, asked: Situation, today: date, measured: Mapping[str, MeasurementRow]) -> None:
        self._catalog, self._asked, self._today = catalog, asked, today
        self._machines = Machines(catalog, asked, measured)
        self._standings: dict[str, Standing | None] = {}
        self._tariffs: dict[tuple[str, str], Tariff] = {}

    def candidates(self, kept: Sequence[Way]) -> tuple[list[Candidate], list[Removed]]:
        """The candidates, and the models that fit on no machine or are too slow there."""
        prices = self._prices([way.model for way in kept if way.place == "host"])
        found: list[Candidate] = []
        removed: list[Removed] = []
        worth = self._worth(kept)
        for way in kept:
            if way.place == "host":
                found.append(self._hosted(way, prices[way.model.id]))
                continue
            if way.model.id not in worth:
                removed.append(_out(way, "figures", _NOT_WORTH))
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

    def _worth(self, kept: Sequence[Way]) -> set[str]:
        """Models that are worth a machine of one's own: figures put them above half of the bar, or they are tiny.

        On a machine that is there the best may be any of those that have a figure.
        """
        found = {way.model.id: standing for way in kept if (standing := self._standing(way.model)) is not None}
        least = 0.0 if self._machines.named else MODEST * (bar_among(self._asked, list(found.values())) or 0.0)
        unknown = [way.model for way in kept if way.place == "own" and way.model.id not in found]
        tiny = sorted(unknown, key=lambda one: one.parameters or math.inf)[:SMALLEST]
        return {one for one, standing in found.items() if standing.share >= least} | {model.id for model in tiny}

    def scaled(self, one: Candidate, share: float) -> Candidate:
        """A candidate with its cost for a share of the requests; whole machines stay whole."""
        tariff = self._tariffs.get((one.model, one.place))
        return one if tariff is None else self._billed(one, tariff, share)

    def _load(self, model: Model) -> Workload:
        """The work as this model does it: one that always thinks writes more than the answer."""
        asked = self._asked
        return Workload(
            requests_per_day=asked.requests_per_day,
            input_tokens=asked.input_tokens,
            output_tokens=written_tokens(model, asked),
        )

    def _prices(self, models: Sequence[Model]) -> dict[str, CatalogPrice]:
        """List prices of requests that are as long as the longest of ours."""
        found = _listed(self._catalog, self._today)
        return prices_for_length(found, models, self._today, self._asked.context_tokens)

    def _hosted(self, way: Way, price: CatalogPrice) -> Candidate:
        bare = self._candidate(way.model, "host", way.at or "")
        warned = msgspec.structs.replace(
            bare,
            price_as_of=price.as_of,
            thinking_usd_per_query=self._thinking_usd(way.model, price),
            warnings=(*bare.warnings, *on_price(price)),
        )
        return self._kept(warned, by_token(price.price, self._load(way.model)) if price.price is not None else None)

    def _thinking_usd(self, model: Model, price: CatalogPrice) -> float | None:
        """What thinking that is not counted adds to a query."""
        if not self._may_think_more(model) or price.price is None:
            return None
        return THINKING_TOKENS * price.price.output / 1e6

    def _may_think_more(self, model: Model) -> bool:
        return may_think(model, self._asked) and not thinks(model, self._asked)

    def _served(self, way: Way) -> Candidate | Removed:
        """On a machine of one's own, if there is one that it fits on and that carries the volume."""
        served = self._machines.serve(way.model)
        if isinstance(served, Unfit):
            return _out(way, served.limit, served.reason)
        one = self._owned(way, served)
        tariff = self._tariffs.get((one.model, one.place))
        machines = tariff.machines(self._asked.requests_per_day) if tariff is not None else None
        if self._machines.named and machines is not None and machines.value > 1:
            return _out(way, "volume", self._too_much(served.machine.key, machines))
        return one

    def _too_much(self, key: str, machines: Band) -> str:
        return (
            f"{key} does not carry {self._asked.requests_per_day:,.10g} requests a day: "
            f"{machines.value:,.0f} of it would ({machines.low:,.0f} to {machines.high:,.0f})"
        )

    def _owned(self, way: Way, placed: Served) -> Candidate:
        tenure = self._machines.tenure
        overheads = without_server() if self._asked.about.own_device else defaults()
        bare = self._candidate(way.model, "own", placed.machine.key)
        unknown = missing(placed.machine, placed.speed, tenure)
        notes = [f"what it costs is not known: {unknown}"] if unknown else []
        if tenure == "buy":
            notes.append(_bought(placed.machine, overheads))
        if self._asked.team == "none":
            notes.append("nobody is there to run it (team none)")
        found = ruling(way.model, self._catalog, Use(commercial=True, accepted=self._asked.licences or ()))
        notes += [f"licence: {found.reason}"] if found.verdict == "ask" else []
        notes += [f"licence: {duty}" for duty in found.duties]
        adds = 0.0 if self._may_think_more(way.model) else None
        warned = msgspec.structs.replace(
            bare, envelope=placed.envelope, thinking_usd_per_query=adds, warnings=(*bare.warnings, *notes)
        )
        load = self._load(way.model)
        return self._kept(warned, served_tariff(placed.machine, placed.speed, load, overheads, tenure=tenure))

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
            warnings=doubts(model, found, self._asked, self._catalog, self._today),
        )


def _bought(machine: Machine, overheads: Overheads) -> str:
    return (
        f"priced as bought, {machine.usd or 0.0:,.0f} USD a machine and what stands around it, paid off over "
        f"{overheads.amortise_months:g} months: name the one that is there (--device)"
    )


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
