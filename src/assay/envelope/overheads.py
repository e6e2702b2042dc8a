"""What a model costs beside tokens and machines: hours of people, power, checks. Defaults with sources, as data."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, structs

from assay.catalog.entry import Entry, Evidenced
from assay.envelope.band import Band
from assay.envelope.monthly import Line
from assay.errors import ConfigError, did_you_mean

__all__ = ["Hours", "Overheads", "assumed", "defaults", "staff_lines"]

FILE = Path(__file__).parent / "overheads.toml"
Amount = Annotated[float, Meta(ge=0, le=1e9)]
Part = Annotated[float, Meta(ge=0, le=1)]
Months = Annotated[float, Meta(ge=1, le=240)]


class Hours(Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of staff a month, by what they are for.

    Attributes:
        serving: keeping it up: updates, capacity, faults, bills.
        monitoring: looking at what it answers and what people say of it.
        red_teaming: attacking it, and mending what gave way.
        evaluation: keeping samples and graders true, reading results.
        rollback: keeping the last version ready, and trying that it is.
    """

    serving: Amount
    monitoring: Amount
    red_teaming: Amount
    evaluation: Amount
    rollback: Amount


class Overheads(Evidenced, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Assumptions on all but tokens and machines; `provenance` tells who says so.

    Attributes:
        usd_per_staff_hour: what an hour of staff costs.
        usd_per_kwh: price of electricity.
        pue: power of the room by power of the machines in it.
        idle_power_share: draw of a machine that waits, by its full one.
        peak_utilisation: share of a machine's throughput that is used in the busiest hour.
        amortise_months: life of a bought machine.
        host_share: price and power of the computer around the devices, by theirs.
        tuning_months: life of a tuned model.
        evaluation_requests: samples asked a month, to see that nothing got worse.
        hosted: hours where somebody else runs the model.
        self_served: hours where the team does.
    """

    FACTS: ClassVar[tuple[str, ...]] = (
        "usd_per_staff_hour", "usd_per_kwh", "pue", "idle_power_share", "peak_utilisation", "amortise_months",
        "host_share", "tuning_months", "evaluation_requests", "hosted", "self_served",
    )  # fmt: skip

    usd_per_staff_hour: Amount
    usd_per_kwh: Amount
    pue: Annotated[float, Meta(ge=1, le=5)]
    idle_power_share: Part
    peak_utilisation: Annotated[float, Meta(gt=0, le=1)]
    amortise_months: Months
    host_share: Amount
    tuning_months: Months
    evaluation_requests: Amount
    hosted: Hours
    self_served: Hours


@cache
def defaults() -> Overheads:
    """The assumptions that come with assay."""
    return msgspec.toml.decode(FILE.read_bytes(), type=Overheads)


def assumed(changes: Iterable[str], base: Overheads | None = None) -> Overheads:
    """The assumptions with some replaced.

    Args:
        changes: `usd_per_kwh=0.3`, `self_served.serving=8`; `hours=0` takes all hours away.
        base: what they replace; default: those that come with assay.

    Raises:
        ConfigError: there is no such assumption (the nearest is named), or it cannot have this value.
    """
    values = msgspec.to_builtins(base or defaults())
    for change in changes:
        name, _, text = change.partition("=")
        _replace(values, name.strip(), _number(change, text))
        _given(values, name.strip())
    try:
        return msgspec.convert(values, Overheads)
    except msgspec.ValidationError as error:
        raise ConfigError(f"an assumption cannot be: {error}") from error


def _number(change: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"assumption {change!r}: expected NAME=NUMBER, like usd_per_kwh=0.3") from None


def _replace(values: dict[str, Any], name: str, value: float) -> None:
    if name == "hours":
        for part in ("hosted", "self_served"):
            values[part] = dict.fromkeys(Hours.__struct_fields__, value)
        return
    whose, _, field = name.rpartition(".")
    table = values.get(whose) if whose else values
    if not isinstance(table, dict) or not isinstance(table.get(field), int | float):
        raise ConfigError(f"there is no assumption {name!r}; {did_you_mean(name, _names())}")
    table[field] = value


def _given(values: dict[str, Any], name: str) -> None:
    """From now on the user says so."""
    values.setdefault("sources", {})["given"] = {"title": "given with --assume"}
    for fact in ("hosted", "self_served") if name == "hours" else (name.partition(".")[0],):
        values.setdefault("evidence_for", {})[fact] = "given"


def _names() -> list[str]:
    """Everything that `assumed` can replace."""
    plain = [name for name in Overheads.FACTS if name not in ("hosted", "self_served")]
    return [
        "hours",
        *plain,
        *(f"{whose}.{field}" for whose in ("hosted", "self_served") for field in Hours.__struct_fields__),
    ]


def staff_lines(
    overheads: Overheads, hours: Hours, evaluation_usd: float = 0.0, tuning_usd: float = 0.0
) -> tuple[Line, ...]:
    """USD a month for people, for the tokens of evaluation, and for tuning spread over its life."""
    rate = overheads.usd_per_staff_hour
    lines = [
        Line(name.replace("_", "-"), Band.exactly(spent * rate), f"{spent:g} h x {rate:g} USD")
        for name, spent in structs.asdict(hours).items()
    ]
    asked = f"{overheads.evaluation_requests:g} samples a month"
    lines.append(Line("evaluation runs", Band.exactly(evaluation_usd), asked))
    months = overheads.tuning_months
    lines.append(Line("tuning", Band.exactly(tuning_usd / months), f"{tuning_usd:,.0f} USD over {months:g} months"))
    return tuple(line for line in lines if line.usd.high > 0)
