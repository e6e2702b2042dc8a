"""Which input moves the bill most: each one alone, half less and half more, or over the range that it may be in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from assay.config.schema import Price
from assay.envelope.estimate import Estimate
from assay.envelope.hardware import Machine
from assay.envelope.scenario import Scenario
from assay.types import Value

__all__ = ["CHANGE", "Swing", "tornado"]

CHANGE = 0.5
_WORK = ("requests_per_day", "input_tokens", "output_tokens", "cached_share", "batch_share", "peak_factor")
_ASSUMED = ("usd_per_staff_hour", "usd_per_kwh", "pue", "peak_utilisation", "amortise_months", "host_share")
_MACHINE = {"rent": ("usd_per_hour",), "buy": ("usd", "watts"), "have": ("watts",), "host": ()}
_MOST = {"cached_share": 1.0, "batch_share": 1.0, "peak_utilisation": 1.0, "peak_factor": 24.0, "pue": 5.0}
_LEAST = {"peak_factor": 1.0, "pue": 1.0, "amortise_months": 1.0}


class Swing(Value, frozen=True, kw_only=True):
    """USD a month when one input is at its low and at its high end, everything else as it was.

    Attributes:
        name: of the input.
        at_low, at_high: what it is there, in its own unit; speeds as a factor of the estimate.
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


def tornado(scenario: Scenario, change: float = CHANGE) -> tuple[Swing, ...]:
    """Every input by how far it moves the bill, the strongest first; what moves nothing is left out.

    Args:
        scenario: with a bill.
        change: share by which an input without a range of its own is lowered and raised.
    """
    swings = [
        Swing(name=name, at_low=low, at_high=high, usd_low=_usd(lower), usd_high=_usd(higher))
        for name, low, high, lower, higher in _cases(scenario, change)
    ]
    return tuple(sorted((one for one in swings if one.width > 1e-9), key=lambda one: -one.width))


def _usd(scenario: Scenario) -> float:
    bill = scenario.monthly()
    return bill.total.value if bill is not None else 0.0


_Case = tuple[str, float, float, Scenario, Scenario]


def _cases(scenario: Scenario, change: float) -> Iterator[_Case]:
    for part, names in (("workload", _WORK), ("overheads", _ASSUMED)):
        for name in names:
            yield from _varied(scenario, part, name, change)
    if scenario.machine is not None:
        for name in _MACHINE[scenario.tenure]:
            yield from _varied(scenario, "machine", name, change)
    yield from _prices(scenario, change)
    yield from _speeds(scenario)
    if scenario.fallback is not None:
        yield from _varied(scenario, "fallback", "share", change)


def _varied(scenario: Scenario, part: str, name: str, change: float) -> Iterator[_Case]:
    """One field of one part of the scenario, lowered and raised within what it can be."""
    whole = getattr(scenario, part)
    value = getattr(whole, name)
    if not value:
        return
    low = max(_LEAST.get(name, 0.0), value * (1.0 - change))
    high = min(_ceiling(scenario, name), value * (1.0 + change))
    shown = "fallback share" if part == "fallback" else f"device {name}" if part == "machine" else name
    lower, higher = (structs.replace(scenario, **{part: _with(whole, name, end)}) for end in (low, high))
    yield shown.replace("_", " "), low, high, lower, higher


def _with(whole: Any, name: str, value: float) -> Any:
    """The part with one field exchanged; an instruction never exceeds its input."""
    if isinstance(whole, Machine):
        return Machine(**{**whole._asdict(), name: value})
    more = {"instruction_tokens": min(whole.instruction_tokens, value)} if name == "input_tokens" else {}
    return structs.replace(whole, **{name: value}, **more)


def _ceiling(scenario: Scenario, name: str) -> float:
    if name == "cached_share":
        return 1.0 - scenario.workload.written_share
    return 1.0 if name == "share" else _MOST.get(name, float("inf"))


def _prices(scenario: Scenario, change: float) -> Iterator[_Case]:
    """The rates of input and of output, cached and batched ones with them."""
    for name, fields in (
        ("price of input", ("input", "cached_input", "cache_write")),
        ("price of output", ("output",)),
    ):
        if scenario.price is None:
            return
        value = getattr(scenario.price, fields[0])
        ends = [_priced(scenario, fields, 1.0 + sign * change) for sign in (-1.0, 1.0)]
        yield name, value * (1.0 - change), value * (1.0 + change), ends[0], ends[1]


def _priced(scenario: Scenario, fields: tuple[str, ...], factor: float) -> Scenario:
    def scaled(price: Price | None) -> Price | None:
        if price is None:
            return None
        known = {name: getattr(price, name) for name in fields}
        return structs.replace(price, **{name: rate * factor for name, rate in known.items() if rate is not None})

    return structs.replace(scenario, price=scaled(scenario.price), batch=scaled(scenario.batch))


def _speeds(scenario: Scenario) -> Iterator[_Case]:
    """Both speeds of a machine over the range of their estimate."""
    speed = scenario.speed
    if speed is None:
        return
    for name, field in (("speed of reading", "prefill_tok_s"), ("speed of writing", "most_tok_s")):
        estimate: Estimate | None = getattr(speed, field)
        if estimate is None:
            continue
        ends = [
            structs.replace(scenario, speed=speed._replace(**{field: estimate._replace(value=rate)}))
            for rate in (estimate.low, estimate.high)
        ]
        yield name, estimate.low, estimate.high, ends[0], ends[1]
