"""Candidates beside each other: the bill of each, where they cross, what moves them. This is what `--json` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.catalog.entry import Source
from assay.envelope.band import Band
from assay.envelope.breakeven import break_even
from assay.envelope.monthly import Monthly, Tariff
from assay.envelope.overheads import Overheads
from assay.envelope.scenario import PromptTax, Scenario, prompt_tax
from assay.envelope.sensitivity import Swing, tornado
from assay.envelope.traffic import Traffic
from assay.envelope.workload import Workload
from assay.types import Value

__all__ = ["Assumption", "Bill", "BillLine", "Bills", "Crossing", "assumptions_of", "bills_of"]


class BillLine(Value, frozen=True, kw_only=True):
    """One line of a month's bill.

    Attributes:
        name: what is paid for.
        usd, usd_low, usd_high: a month, with the range where a speed is estimated.
        basis: how it came about.
    """

    name: str
    usd: float
    usd_low: float
    usd_high: float
    basis: str


class Crossing(Value, frozen=True, kw_only=True):
    """Where machines and a host cost the same.

    Attributes:
        against: the hosted candidate.
        first: requests a day from which machines can be cheaper; `None` = at no volume.
        always: requests a day from which they always are; `None` = never for good.
        first_if_fast, first_if_slow: the first one, were the machines as fast or as slow as the estimate allows.
        reason: in words.
    """

    against: str
    first: float | None
    always: float | None
    first_if_fast: float | None
    first_if_slow: float | None
    reason: str


class Bill(Value, frozen=True, kw_only=True):
    """One candidate.

    Attributes:
        name: of the candidate, with the machine that it runs on.
        tenure: `host`, `rent`, `buy` or `have`.
        usd_per_month, usd_low, usd_high: all lines together; `None` = unknown, never 0.
        usd_per_1000: of 1,000 requests, everything included.
        lines: what it is made of.
        machines, machines_low, machines_high: whole machines; `None` where somebody else runs them.
        requests_per_machine: requests a day, bunched as they come, that one machine carries.
        utilisation: share of the month that the machines work.
        break_even: against each hosted candidate; in long lists this and the next two are left out.
        prompt_tax: what the fixed instruction costs.
        sensitivity: how far each input moves the bill, the strongest first.
        unknown: why there is no bill.
        notes: what must be said beside it.
    """

    name: str
    tenure: str
    usd_per_month: float | None
    usd_low: float | None
    usd_high: float | None
    usd_per_1000: float | None
    lines: tuple[BillLine, ...]
    machines: float | None
    machines_low: float | None
    machines_high: float | None
    requests_per_machine: float | None
    utilisation: float | None
    break_even: tuple[Crossing, ...]
    prompt_tax: PromptTax | None
    sensitivity: tuple[Swing, ...]
    unknown: str | None
    notes: tuple[str, ...]


class Assumption(Value, frozen=True, kw_only=True):
    """One assumption with who says so.

    Attributes:
        name: as `--assume` takes it.
        value: in the unit of its name.
        source: who says so.
        verified: whether it was looked up or given, and not assumed.
        note: what it means.
    """

    name: str
    value: float
    source: str
    verified: bool
    note: str | None


class Bills(Value, frozen=True, kw_only=True):
    """What `assay cost --json` prints.

    Attributes:
        workload: the work.
        traffic: where it was observed: all of it, then kind by kind; empty for a described workload.
        bills: the candidates, the cheapest first, those without a price last.
        assumptions: all but tokens and machines.
    """

    workload: Workload
    traffic: tuple[Traffic, ...]
    bills: tuple[Bill, ...]
    assumptions: tuple[Assumption, ...]


def bills_of(
    scenarios: Sequence[Scenario], traffic: tuple[Traffic, ...] = (), *, details: bool = True,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> Bills:  # fmt: skip
    """The candidates beside each other.

    Args:
        scenarios: at least one; all have the same work and assumptions.
        traffic: where the work was observed.
        details: with break-even, prompt tax and sensitivity, which take a hundred times as long as the bill.
        ranges: of inputs, for the sensitivity; see `tornado`.
    """
    hosts = [one for one in scenarios if one.tenure == "host" and one.reason is None]
    swings = [tornado(one, ranges) if details and one.reason is None else () for one in scenarios]
    pairs = zip(scenarios, swings, strict=True)
    bills = sorted((_bill(one, hosts, details, moved) for one, moved in pairs), key=_order)
    first = scenarios[0]
    return Bills(
        workload=first.workload, traffic=traffic, bills=tuple(bills), assumptions=assumptions_of(first.overheads)
    )


def _order(bill: Bill) -> tuple[bool, float]:
    return (bill.usd_per_month is None, bill.usd_per_month or 0.0)


def _bill(scenario: Scenario, hosts: Sequence[Scenario], details: bool, swings: tuple[Swing, ...]) -> Bill:
    tariff, month = scenario.tariff(), scenario.monthly()
    total = month.total if month is not None else None
    machines = month.machines if month is not None else None
    carried = tariff.machine_requests_per_day if tariff is not None else None
    requests = scenario.workload.requests_per_month
    return Bill(
        name=scenario.name,
        tenure=scenario.tenure,
        usd_per_month=total.value if total else None,
        usd_low=total.low if total else None,
        usd_high=total.high if total else None,
        usd_per_1000=total.value / requests * 1000 if total and requests else None,
        lines=_lines(month),
        machines=machines.value if machines else None,
        machines_low=machines.low if machines else None,
        machines_high=machines.high if machines else None,
        requests_per_machine=carried.value if carried else None,
        utilisation=month.utilisation if month is not None else None,
        break_even=tuple(_crossings(scenario, hosts)) if details else (),
        prompt_tax=prompt_tax(scenario) if details else None,
        sensitivity=swings,
        unknown=scenario.reason,
        notes=(*scenario.notes, *(tariff.notes if tariff is not None else ()), *_lacking(scenario, machines)),
    )


def _lacking(scenario: Scenario, machines: Band | None) -> list[str]:
    """One machine that is there does not make many."""
    if scenario.tenure != "have" or machines is None or machines.value <= 1:
        return []
    return [f"{machines.value:,.0f} machines are needed; only their power is counted, as if all of them were there"]


def _lines(month: Monthly | None) -> tuple[BillLine, ...]:
    return tuple(
        BillLine(name=line.name, usd=line.usd.value, usd_low=line.usd.low, usd_high=line.usd.high, basis=line.basis)
        for line in (month.lines if month is not None else ())
    )


def _crossings(scenario: Scenario, hosts: Sequence[Scenario]) -> list[Crossing]:
    served = scenario.tariff()
    if served is None or served.machine_requests_per_day is None:
        return []
    tariffs = [(host.name, host.tariff()) for host in hosts]
    return [
        _crossing(name, served, served.machine_requests_per_day, host) for name, host in tariffs if host is not None
    ]


def _crossing(name: str, served: Tariff, carried: Band, host: Tariff) -> Crossing:
    likely, fast, slow = (break_even(served, host, each) for each in (carried.value, carried.high, carried.low))
    return Crossing(
        against=name,
        first=likely.first,
        always=likely.always,
        first_if_fast=fast.first,
        first_if_slow=slow.first,
        reason=likely.reason,
    )


def assumptions_of(overheads: Overheads) -> tuple[Assumption, ...]:
    """Every assumption by the name under which it can be replaced."""
    found = []
    for fact in Overheads.FACTS:
        value, source = getattr(overheads, fact), overheads.provenance(fact)
        if isinstance(value, int | float):
            found.append(_assumption(fact, value, source, overheads.notes.get(fact)))
            continue
        for field in value.__struct_fields__:
            note = f"{field.replace('_', '-')}, {overheads.notes.get(fact, '')}"
            found.append(_assumption(f"{fact}.{field}", getattr(value, field), source, note))
    return tuple(found)


def _assumption(name: str, value: float, source: Source | None, note: str | None) -> Assumption:
    return Assumption(
        name=name, value=value, source=source.title if source else "unknown",
        verified=source.verified if source else False, note=note,
    )  # fmt: skip
