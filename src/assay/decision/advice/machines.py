"""Where a model would run, if one ran it oneself: the machine that was named, else the cheapest to be rented."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.decision.advice.candidate import Envelope
from assay.decision.advice.situation import Situation
from assay.envelope.device import machine
from assay.envelope.hardware import Machine, machine_of
from assay.envelope.memory import Memory, memory, why
from assay.envelope.quantisation import choices
from assay.envelope.speed import Speed, speed

__all__ = ["Machines", "Placed"]

COUNTS = (1, 2, 4, 8)
"""Devices that are rented together."""
MOST_SEQUENCES = 32
"""Answers at the same time that one machine is planned for; more of them need more machines."""
LEAST_BITS = 4.0
"""No model is 4 bits a weight and smaller at once: below that, its memory need not be reckoned."""
TIGHT = 0.9
"""Share of the memory above which a model fits tightly."""


class Placed(NamedTuple):
    """A model on a machine.

    Attributes:
        speed: with as many answers at the same time as the machine is planned for.
    """

    machine: Machine
    envelope: Envelope
    speed: Speed | None


class Machines:
    """The machines that a situation allows, the cheapest first."""

    def __init__(self, catalog: Catalog, asked: Situation) -> None:
        """Raises a `CatalogError` where the named device is not known."""
        self._asked = asked
        self.named = asked.device is not None
        self._machines = (machine(catalog, asked.device),) if asked.device is not None else _rented(catalog)

    def place(self, model: Model) -> Placed | str:
        """The first machine that the model fits on and is fast enough on; else the reason why there is none."""
        missing = why(model, "q4_k_m")
        if missing:
            return f"its memory cannot be told: {', '.join(missing)} not known"
        least = (model.parameters or 0) * LEAST_BITS / 8
        able = [one for one in self._machines if one.usable_bytes > least]
        slow: str | None = None
        for one in able:
            placed = self._on(model, one)
            if placed is None:
                continue
            slow = self._slow(placed)
            if slow is None:
                return placed
        largest = max(self._machines, key=lambda one: one.usable_bytes, default=None)
        return slow or (
            f"it does not fit into {largest.name}" if largest is not None else "no machine to rent is known"
        )

    def _on(self, model: Model, one: Machine) -> Placed | None:
        """The model on one machine in the most exact form that fits."""
        sequences = min(self._asked.sequences, MOST_SEQUENCES)
        for form in choices(model, one.kind):
            need = memory(
                model, quantisation=form.name, context_tokens=self._asked.context_tokens, sequences=sequences,
                devices=one.count,
            )  # fmt: skip
            if need is not None and need.total <= one.usable_bytes:
                fast = speed(
                    model, one, quantisation=form.name, context_tokens=self._asked.context_tokens, sequences=sequences,
                    prompt_tokens=self._asked.input_tokens,
                )  # fmt: skip
                return Placed(one, _envelope(one, form.name, need, fast), fast)
        return None

    def _slow(self, placed: Placed) -> str | None:
        """Why the first word comes too late even where the machine is as fast as it may be."""
        limit, first = self._asked.latency_s, placed.envelope.first_token_s
        if limit is None or first is None or first[0] <= limit:
            return None
        return f"its first token comes after {first[0]:.2g} to {first[1]:.2g} s on {placed.machine.name}, not {limit:g}"


@lru_cache(maxsize=4)
def _rented(catalog: Catalog) -> tuple[Machine, ...]:
    """All that a rent is known of, in the usual numbers, the cheapest first."""
    found = [
        machine_of(key if count == 1 else f"{key}x{count}", device, gib=None, count=count)
        for key, device in catalog.devices.items()
        if device.usd_per_hour is not None and device.memory_gib is not None
        for count in COUNTS
    ]
    return tuple(sorted(found, key=lambda one: (one.usd_per_hour or 0.0, -one.usable_bytes)))


def _envelope(one: Machine, quantisation: str, need: Memory, fast: Speed | None) -> Envelope:
    first = fast.first_token_s if fast is not None else None
    return Envelope(
        machine=one.key,
        machines=1,
        verdict="tight" if need.total > TIGHT * one.usable_bytes else "fits",
        quantisation=quantisation,
        memory_bytes=need.total,
        free_bytes=one.usable_bytes - need.total,
        decode_tok_s=(fast.decode_tok_s.low, fast.decode_tok_s.high) if fast is not None else None,
        first_token_s=(first.low, first.high) if first is not None else None,
    )
