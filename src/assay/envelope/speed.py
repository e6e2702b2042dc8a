"""How fast a model answers on a machine: tokens a second and time to the first, each as a range.

    step    = bytes read / (efficiency x bandwidth) + sequences x 2 x active parameters / (compute efficiency x FLOPS)
    decode  = 1 / step of one sequence          bytes read: active weights, and the cache at half of the context
    most    = sequences / step of all           weights are read once for all of them; each has a cache of its own
    prefill = compute efficiency x FLOPS / (2 x active parameters without embeddings)
    first   = prompt / prefill + one step

Efficiencies are medians with their 10th and 90th percentile over 283 community measurements of the decode rate on one
GPU, after 98 of 381 were dropped that were above the physical ceiling (docs/LOG.md). The second term hardly matters on
a GPU; on a processor with few cores it is what limits a small model. Several devices: a range from layers one after the
other (the bandwidth of one) to all at once (of all), with the geometric mean between them; that was not measured here.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from assay.catalog.model import Model
from assay.envelope.band import Band
from assay.envelope.estimate import Estimate
from assay.envelope.hardware import Machine
from assay.envelope.memory import published
from assay.envelope.quantisation import quantisation_of
from assay.envelope.runtime import STATE_VALUE_BYTES, runtime_of
from assay.envelope.shape import Shape, shape_of
from assay.envelope.sizes import Sizes, sizes_of

__all__ = ["Speed", "speed", "speed_of"]

SMALL_PARAMETERS = 2_000_000_000


DENSE = Band(0.58, 0.38, 0.86)
"""Of the bandwidth, as the next three: median, 10th and 90th percentile of the share that is reached."""
SMALL = Band(0.43, 0.28, 0.64)
"""Under 2 B parameters: the spread about the median is taken to be that of larger dense models."""
MIXTURE = Band(0.31, 0.08, 0.62)
"""Mixtures of experts; the 90th percentile was not told: twice the median, within which 81 % were."""
READ = Band(0.48, 0.35, 0.9)
"""On a processor, of the bandwidth that its threads read with: seven measurements of five models on two machines, with
what the second term takes off (docs/LOG.md)."""
COMPUTE = Band(0.4, 0.2, 0.7)
"""Of a GPU's or Apple chip's peak rate in prefill. An assumption: nobody measured it for this formula."""
PROCESSOR = Band(0.4, 0.2, 0.8)
"""Of a processor's peak rate: 32 to 49 x 1e9 operations a second and core in prefill (docs/LOG.md)."""


class Speed(NamedTuple):
    """Ranges. `prefill_tok_s` and `first_token_s` are `None` where the machine's FLOPS are not known.

    Attributes:
        decode_tok_s: tokens a second of one answer that runs alone.
        prefill_tok_s: tokens a second of reading a prompt.
        first_token_s: until the first token, for the prompt that was asked for.
        most_tok_s: tokens a second of all concurrent answers together.
    """

    decode_tok_s: Estimate
    prefill_tok_s: Estimate | None
    first_token_s: Estimate | None
    most_tok_s: Estimate


def speed(
    model: Model,
    machine: Machine,
    *,
    quantisation: str | None,
    context_tokens: int,
    sequences: int = 1,
    prompt_tokens: int = 512,
) -> Speed | None:
    """How fast a model is on a machine; `None`: its size, or the machine's bandwidth, is not known.

    Args:
        model: its facts.
        machine: what it runs on.
        quantisation: number format of the weights; default: as they are published.
        context_tokens: context of each sequence; on average half of it is there.
        sequences: at the same time.
        prompt_tokens: length of the prompt, for the time to the first token.

    Raises:
        CatalogError: no such quantisation is known.
    """
    name = quantisation or published(model)
    if name is None:
        return None
    shape = shape_of(model)
    sizes = sizes_of(model, shape, quantisation_of(name))
    if sizes is None:
        return None
    return speed_of(
        shape, sizes, machine, context_tokens=context_tokens, sequences=sequences, prompt_tokens=prompt_tokens
    )


def speed_of(
    shape: Shape, sizes: Sizes, machine: Machine, *, context_tokens: int, sequences: int, prompt_tokens: int
) -> Speed | None:
    """As `speed`, for a model whose shape and sizes are there already."""
    if machine.bandwidth_bytes_s is None or not shape.active or shape.parameters is None:  # a vocabulary only: 0
        return None
    work = _Work(shape, sizes, machine, context_tokens)
    method, one = _method(shape, sizes, machine), work.steps_s(1)
    at_once = one if sequences == 1 else work.steps_s(sequences)
    decode = _estimate([1.0 / step for step in one], method, "tok/s")
    most = _estimate([sequences / step for step in at_once], method, "tok/s")
    read = work.prefills_tok_s()
    if read is None:
        return Speed(decode, None, None, most)
    compute = work.rates
    how = f"{compute.value:g} ({compute.low:g} to {compute.high:g}) of the peak rate"
    first = [prompt_tokens / rate + step for rate, step in zip(read, one, strict=True)]
    return Speed(
        decode,
        _estimate(read, how, "tok/s"),
        _estimate([first[0], first[2], first[1]], f"{how}; {method}", "s"),  # the slow end is the high one
        most,
    )


def _estimate(values: list[float], method: str, unit: Literal["s", "tok/s"]) -> Estimate:
    """From the value, the low and the high end."""
    value, low, high = values
    return Estimate(value, low, high, method, unit)


class _Work:
    """What one step has to do, and how long it takes: lists hold the value, the slow and the fast end, as a `Band`."""

    __slots__ = ("_cache", "_flops", "_forward", "_machine", "_reach", "_shape", "_shares", "_sizes", "rates")

    def __init__(self, shape: Shape, sizes: Sizes, machine: Machine, context_tokens: int) -> None:
        self._shape, self._sizes, self._machine = shape, sizes, machine
        (self._shares, _), self.rates, self._reach = _share(shape, machine), _compute(machine), _reach(machine)
        active = shape.active or 0
        self._flops = 2.0 * active
        self._forward = 2.0 * max(active - shape.embedding, active // 2)
        half = context_tokens / 2
        full = shape.full_layers * shape.full_values * half
        windowed = shape.windowed_layers * shape.windowed_values * min(half, shape.window)
        state = shape.state_values * STATE_VALUE_BYTES
        self._cache = (full + windowed) * runtime_of(machine.kind).value_bytes + state

    def steps_s(self, sequences: int) -> list[float]:
        """Seconds of one step of so many sequences."""
        bandwidth, flops = self._machine.bandwidth_bytes_s or 1.0, self._machine.flops
        read = self._sizes.read(self._shape, sequences) + sequences * self._cache
        work = 0.0 if flops is None else sequences * self._flops / flops
        return [
            (read / (share * bandwidth) + work / rate) / part
            for share, rate, part in zip(self._shares, self.rates, self._reach, strict=True)
        ]

    def prefills_tok_s(self) -> list[float] | None:
        """Tokens of a prompt in a second; `None`: the machine's FLOPS are not known."""
        flops = self._machine.flops
        if flops is None:
            return None
        parts = zip(self.rates, self._reach, strict=True)
        return [rate * part * flops / self._forward for rate, part in parts]


def _reach(machine: Machine) -> Band:
    """Share of all devices' rate that one model gets, and what is doubtful about the rate."""
    if machine.count == 1 and machine.doubt == 1.0:
        return _WHOLE
    alone = 1.0 / machine.count
    return Band(math.sqrt(alone), alone / machine.doubt, machine.doubt)


def _compute(machine: Machine) -> Band:
    return PROCESSOR if machine.kind == "cpu" else COMPUTE


def _share(shape: Shape, machine: Machine) -> tuple[Band, str]:
    """Of the bandwidth, and what it is the share of."""
    if shape.is_mixture:
        return MIXTURE, "a mixture of experts"
    if machine.kind == "cpu":
        return READ, "a processor"
    return (SMALL, "a small model") if (shape.parameters or 0) < SMALL_PARAMETERS else (DENSE, "a dense model")


_WHOLE = Band(1.0, 1.0, 1.0)


def _method(shape: Shape, sizes: Sizes, machine: Machine) -> str:
    band, kind = _share(shape, machine)
    several = f"; {machine.count} devices, one after the other or all at once" if machine.count > 1 else ""
    doubt = f"; bandwidth and FLOPS within x{machine.doubt:g}" if machine.doubt > 1 else ""
    share = f"{band.value:g} ({band.low:g} to {band.high:g}) of the bandwidth for {kind}"
    return f"formula: {share}; {sizes.basis}{several}{doubt}"
