"""Where a model would run, if one ran it oneself: the machine that was named, else the cheapest to be had."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, NamedTuple

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.decision.advice.candidate import Envelope
from assay.decision.advice.doubts import written_tokens
from assay.decision.advice.situation import Situation
from assay.envelope.device import machine
from assay.envelope.fit import Fit
from assay.envelope.hardware import GIB, Machine, machine_of
from assay.envelope.measured import measured_on
from assay.envelope.owning import Tenure
from assay.envelope.placing import Placed, fit_as_measured, placed
from assay.envelope.speed import Speed
from assay.ledger.rows import MeasurementRow

__all__ = ["Machines", "Served", "Unfit"]

COUNTS = (1, 2, 4, 8)
"""Devices that are rented together."""
MOST_SEQUENCES = 32
"""Answers at the same time that one machine must have room for; a larger volume needs more machines."""
LEAST_BITS = 4.0
"""Weights in fewer bits are offered by nobody unasked: a machine that cannot hold so many need not be looked at."""


class Served(NamedTuple):
    """A model on a machine.

    Attributes:
        envelope: with as many answers at the same time as the situation asks for.
        speed: with as many as do the most work, which is what it costs by.
    """

    machine: Machine
    envelope: Envelope
    speed: Speed | None


class Unfit(NamedTuple):
    """Why a model runs on no machine."""

    limit: Literal["memory", "latency", "answer"]
    reason: str


class Machines:
    """The machines that a situation allows, the cheapest first."""

    def __init__(self, catalog: Catalog, asked: Situation, measured: Mapping[str, MeasurementRow]) -> None:
        """Raises a `CatalogError` where the named device is not known; `measured` here, by model."""
        self._catalog, self._asked, self._measured = catalog, asked, measured
        self.named = asked.device is not None
        self.tenure: Tenure = "have" if self.named else "rent" if asked.privacy == "public" else "buy"
        named = (machine(catalog, asked.device),) if asked.device is not None else None
        self._machines = named or _priced(catalog, self.tenure)

    def serve(self, model: Model) -> Served | Unfit:
        """The first machine that the model fits on and is fast enough on, else the reason why there is none."""
        least = 0.0 if model.id in self._measured else (model.parameters or 0) * LEAST_BITS / 8
        unfit: Unfit | None = None
        for one in self._machines:
            if one.usable_bytes < least:
                continue
            found = self._on(model, one)
            if isinstance(found, Served):
                return found
            unfit = found
            if found.reason.startswith("not known"):
                break
        return unfit or Unfit("memory", self._too_small(least))

    def _too_small(self, least_bytes: float) -> str:
        largest = max(self._machines, key=lambda one: one.usable_bytes, default=None)
        if largest is None:
            return "no price of a machine is known"
        gib = largest.usable_bytes / GIB
        return f"it needs more than {least_bytes / GIB:,.0f} GiB; {largest.name} has {gib:,.0f} for models"

    def _on(self, model: Model, one: Machine) -> Served | Unfit:
        asked, row = self._asked, self._measured.get(model.id)
        found = fit_as_measured(
            self._catalog, model, one, row, context_tokens=asked.context_tokens,
            sequences=min(asked.sequences, MOST_SEQUENCES), prompt_tokens=asked.input_tokens,
        )  # fmt: skip
        if found.verdict not in ("fits", "tight"):
            return Unfit("memory", "; ".join(found.reasons))
        tokens = written_tokens(model, asked)
        slow = self._slow(found) or self._long(found, tokens)
        if slow is not None:
            return slow
        busy = placed(
            self._catalog, model, one, quantisation=found.quantisation, context_tokens=asked.context_tokens,
            prompt_tokens=asked.input_tokens, measured=found.measured,
        )  # fmt: skip
        return Served(one, _envelope(found, tokens), busy.speed if isinstance(busy, Placed) else None)

    def _slow(self, found: Fit) -> Unfit | None:
        """Why the first word comes too late even where the machine is as fast as it may be."""
        first = found.speed.first_token_s if found.speed is not None else None
        limit = self._asked.latency_s
        if limit is None or first is None or first.low <= limit:
            return None
        return Unfit(
            "latency",
            f"its first token comes after {first.low:.2g} to {first.high:.2g} s on {found.machine.name}, not {limit:g}",
        )

    def _long(self, found: Fit, tokens: int) -> Unfit | None:
        """Why a whole answer takes too long."""
        limit, rate = self._asked.answer_s, found.speed
        if limit is None or rate is None:
            return None
        begun = rate.first_token_s.value if rate.first_token_s is not None else 0.0
        took = begun + tokens / rate.decode_tok_s.value
        if took <= limit:
            return None
        return Unfit(
            "answer", f"an answer of {tokens:,} tokens takes some {took:,.0f} s on {found.machine.name}, not {limit:g}"
        )


@lru_cache(maxsize=4)
def _priced(catalog: Catalog, tenure: Tenure) -> tuple[Machine, ...]:
    """All that a rent is known of, in the usual numbers, the cheapest first.

    What is bought is one of them too: a device that hosts rent out is known to stand in servers.
    """
    found = [
        machine_of(key if count == 1 else f"{key}x{count}", device, gib=None, count=count)
        for key, device in catalog.devices.items()
        if device.usd_per_hour is not None and device.memory_gib is not None
        for count in COUNTS
    ]
    if tenure == "buy":
        bought = (one for one in found if one.usd is not None and one.watts is not None)
        return tuple(sorted(bought, key=lambda one: (one.usd or 0.0, -one.usable_bytes)))
    return tuple(sorted(found, key=lambda one: (one.usd_per_hour or 0.0, -one.usable_bytes)))


def _envelope(found: Fit, tokens: int) -> Envelope:
    rate = found.speed
    first = rate.first_token_s if rate is not None else None
    return Envelope(
        machine=found.machine.key,
        machines=1,
        verdict=found.verdict,
        quantisation=found.quantisation,
        memory_bytes=found.memory.total if found.memory is not None else None,
        free_bytes=found.free_bytes,
        decode_tok_s=(rate.decode_tok_s.low, rate.decode_tok_s.high) if rate is not None else None,
        first_token_s=(first.low, first.high) if first is not None else None,
        answer_s=_answer_s(rate, tokens) if rate is not None else None,
        measured=measured_on(found.measured) if found.measured is not None else None,
    )


def _answer_s(rate: Speed, tokens: int) -> tuple[float, float]:
    first, each = rate.first_token_s, rate.decode_tok_s
    begun = (first.low, first.high) if first is not None else (0.0, 0.0)
    return begun[0] + tokens / each.high, begun[1] + tokens / each.low
