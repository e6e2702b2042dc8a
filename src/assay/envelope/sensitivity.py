"""Which input moves the bill most: each one alone, half less and half more, or over the range that it may be in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from msgspec import structs

from assay.config.schema import Price
from assay.envelope.hardware import Machine
from assay.envelope.scenario import Scenario
from assay.errors import ConfigError, did_you_mean
from assay.types import Value

__all__ = ["CHANGE", "INPUTS", "Swing", "ranges_of", "tornado"]

CHANGE = 0.5
"""Share by which an input without a range of its own is lowered and raised."""
_WORK = ("requests_per_day", "input_tokens", "output_tokens", "cached_share", "batch_share", "peak_factor")
_ASSUMED = ("usd_per_staff_hour", "usd_per_kwh", "pue", "peak_utilisation", "amortise_months", "host_share")
_MACHINE = {"rent": ("usd_per_hour",), "buy": ("usd", "watts"), "have": ("watts",), "host": ()}
_RATES = {"price_of_input": ("input", "cached_input", "cache_write"), "price_of_output": ("output",)}
_SPEEDS = {"speed_of_reading": "prefill_tok_s", "speed_of_writing": "most_tok_s"}
INPUTS = (
    *_WORK, *_ASSUMED, "device_usd", "device_usd_per_hour", "device_watts", *_RATES, *_SPEEDS, "fallback_share",
)  # fmt: skip
"""Everything that can be varied."""
_BOUNDS = {
    "cached_share": (0.0, 1.0), "batch_share": (0.0, 1.0), "fallback_share": (0.0, 1.0), "peak_factor": (1.0, 24.0),
    "peak_utilisation": (0.01, 1.0), "pue": (1.0, 5.0), "amortise_months": (1.0, 240.0),
}  # fmt: skip
_ANY = (0.0, 1e15)


class Swing(Value, frozen=True, kw_only=True):
    """USD a month when one input is at its low and at its high end, everything else as it was.

    Attributes:
        name: of the input.
        at_low, at_high: what it is there, in its own unit.
        usd_low, usd_high: what the bill is there.
    """

    name: str
    at_low: float
    at_high: float
    usd_low: float
    usd_high: float

    @property
    def width(self) -> float:
        """How far it moves the bill."""
        return abs(self.usd_high - self.usd_low)


class _Input(NamedTuple):
    """One input: its name, its range where nobody stated one, and the scenario in which it has another value."""

    name: str
    low: float
    high: float
    at: Callable[[float], Scenario]


def tornado(scenario: Scenario, ranges: Mapping[str, tuple[float, float]] | None = None) -> tuple[Swing, ...]:
    """Every input by how far it moves the bill, the strongest first; what moves nothing is left out.

    Args:
        scenario: with a bill.
        ranges: of inputs by their names in `INPUTS`; the others by half, speeds as estimated.

    Raises:
        ConfigError: a stated range cannot be.
    """
    stated = ranges or {}
    swings = [
        _swing(one, *stated.get(one.name, (one.low, one.high)))
        for one in _inputs(scenario)
        if one.name in stated or one.high > one.low
    ]
    return tuple(sorted((one for one in swings if one.width > 1e-9), key=lambda one: -one.width))


def ranges_of(texts: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Ranges as the command line has them: `NAME=LOW:HIGH`.

    Raises:
        ConfigError: there is no such input (the nearest is named), or it cannot be in this range.
    """
    found = {}
    for text in texts:
        name, _, ends = text.partition("=")
        if name not in INPUTS:
            raise ConfigError(f"there is no input {name!r} to vary; {did_you_mean(name, INPUTS)}")
        try:
            low, high = (float(end) for end in ends.split(":"))
        except ValueError:
            raise ConfigError(f"range {text!r}: expected NAME=LOW:HIGH, like requests_per_day=1e4:1e6") from None
        least, most = _BOUNDS.get(name, _ANY)
        if not least <= low <= high <= most:
            raise ConfigError(f"range {text!r}: expected two numbers from {least:g} to {most:g}, the lower one first")
        found[name] = (low, high)
    return found


def _swing(one: _Input, low: float, high: float) -> Swing:
    usd = [_usd(one.at(end)) for end in (low, high)]
    return Swing(name=one.name.replace("_", " "), at_low=low, at_high=high, usd_low=usd[0], usd_high=usd[1])


def _usd(scenario: Scenario) -> float:
    bill = scenario.monthly()
    return bill.total.value if bill is not None else 0.0


def _inputs(scenario: Scenario) -> Iterator[_Input]:
    """What this scenario depends on."""
    for name in _WORK:
        yield _input(name, getattr(scenario.workload, name), partial(_working, scenario, name))
    for name in _ASSUMED:
        yield _input(name, getattr(scenario.overheads, name), partial(_assuming, scenario, name))
    if scenario.machine is not None:
        for field in _MACHINE[scenario.tenure]:
            yield _input(f"device_{field}", getattr(scenario.machine, field), partial(_built, scenario, field))
    if scenario.price is not None:
        for name, fields in _RATES.items():
            yield _input(name, getattr(scenario.price, fields[0]), partial(_priced, scenario, fields))
    if scenario.fallback is not None:
        yield _input("fallback_share", scenario.fallback.share, partial(_falling, scenario))
    yield from _speeds(scenario)


def _input(name: str, value: float, at: Callable[[float], Scenario]) -> _Input:
    """With half less and half more as its range, as far as it can be."""
    least, most = _BOUNDS.get(name, _ANY)
    return _Input(name, max(least, value * (1.0 - CHANGE)), min(most, value * (1.0 + CHANGE)), at)


def _speeds(scenario: Scenario) -> Iterator[_Input]:
    """Both speeds of a machine, over the range of their estimate."""
    for name, field in _SPEEDS.items():
        estimate = getattr(scenario.speed, field, None)
        if estimate is not None:
            yield _Input(name, estimate.low, estimate.high, partial(_running, scenario, field))


def _working(scenario: Scenario, name: str, value: float) -> Scenario:
    """Another workload: an instruction never exceeds its input, nor what is cached and written all of it."""
    work = scenario.workload
    more = {}
    if name == "input_tokens":
        more = {"instruction_tokens": min(work.instruction_tokens, value)}
    elif name == "cached_share":
        more = {"written_share": min(work.written_share, 1.0 - value)}
    return structs.replace(scenario, workload=structs.replace(work, **{name: value}, **more))


def _assuming(scenario: Scenario, name: str, value: float) -> Scenario:
    return structs.replace(scenario, overheads=structs.replace(scenario.overheads, **{name: value}))


def _built(scenario: Scenario, field: str, value: float) -> Scenario:
    if scenario.machine is None:
        return scenario
    return structs.replace(scenario, machine=Machine(**{**scenario.machine._asdict(), field: value}))


def _falling(scenario: Scenario, share: float) -> Scenario:
    if scenario.fallback is None:
        return scenario
    return structs.replace(scenario, fallback=structs.replace(scenario.fallback, share=share))


def _running(scenario: Scenario, field: str, rate: float) -> Scenario:
    if scenario.speed is None:
        return scenario
    estimate = getattr(scenario.speed, field)
    return structs.replace(scenario, speed=scenario.speed._replace(**{field: estimate._replace(value=rate)}))


def _priced(scenario: Scenario, fields: tuple[str, ...], rate: float) -> Scenario:
    """With another rate of the first of these fields; the others, and those of batches, change alike."""
    now = getattr(scenario.price, fields[0])
    factor = rate / now if now else 1.0

    def scaled(price: Price | None) -> Price | None:
        if price is None:
            return None
        known = {name: getattr(price, name) for name in fields}
        return structs.replace(price, **{name: each * factor for name, each in known.items() if each is not None})

    return structs.replace(scenario, price=scaled(scenario.price), batch=scaled(scenario.batch))
