"""A verdict as a row of JSON: stable keys, units in their names, `null` for what is not known."""

from __future__ import annotations

from assay.catalog.use import Ruling
from assay.envelope.estimate import Estimate
from assay.envelope.fit import Fit, Verdict
from assay.envelope.hardware import AUTO, Machine
from assay.envelope.measured import measured_on
from assay.envelope.upkeep import Burden
from assay.types import Value

__all__ = ["DeviceRow", "FitRow", "OptionRow", "RangeRow", "device_row", "fit_row"]

PRIVATE_HERE = "private: nothing leaves this machine"
PRIVATE_THERE = "private where the device is yours; a rented one is as private as who runs it"


class DeviceRow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What it was fitted onto: all devices together.

    Attributes:
        usable_bytes: what models may have of the memory; of this machine, what is free now.
        flops: dense 16-bit floating-point operations a second; of a processor 32-bit ones.
        basis: where bandwidth and rate come from; they may be wrong by the factor `doubt` either way.
    """

    key: str
    name: str
    kind: str
    count: int
    memory_bytes: int
    usable_bytes: int
    bandwidth_bytes_s: float | None
    flops: float | None
    watts: float | None
    basis: str
    doubt: float


class RangeRow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A figure with its 10th and 90th percentile, or the spread of a measurement; `method` says how it is known."""

    value: float
    low: float
    high: float
    method: str


class LicenceRow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What the licence says of the use that the constraints state; `term` is the fact that decides."""

    id: str | None
    verdict: str
    term: str
    reason: str
    duties: tuple[str, ...]


class OptionRow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A number format that the weights can be had in."""

    quantisation: str
    total_bytes: int
    verdict: str
    basis: str


class FitRow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One model on one machine.

    Attributes:
        verdict: `fits`; `tight`: needs more than nine tenths of the usable memory; `no`; or `unknown`, for the facts
            that `missing` names.
        quantisation: number format of the weights that the figures are for.
        weights_bytes, cache_bytes, compute_bytes, overhead_bytes: what the memory is needed for; with `free_bytes`,
            which is negative where it does not fit, they add up to the usable memory.
        context_tokens, sequences: what was asked for.
        most_context_tokens: longest context for so many sequences; most_sequences: most of this context.
        decode_tok_s: one answer alone; `most_tok_s`: all concurrent answers together.
        first_token_s: for a prompt of `prompt_tokens`.
        joules_per_token: power under load by the tokens a second of one answer; `null` without either.
        measured: `measured here, DATE` where a measurement stands in the estimates' place.
        options, burden, failures: of a single model only: formats, support burden, what is left when it fails.
    """

    model: str
    parameters: int | None
    verdict: Verdict
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    quantisation: str | None
    file: str | None
    weights_bytes: int | None
    cache_bytes: int | None
    compute_bytes: int | None
    overhead_bytes: int | None
    total_bytes: int | None
    free_bytes: int | None
    memory_basis: str
    context_tokens: int
    sequences: int
    prompt_tokens: int
    most_context_tokens: int | None
    most_sequences: int | None
    decode_tok_s: RangeRow | None
    prefill_tok_s: RangeRow | None
    first_token_s: RangeRow | None
    most_tok_s: RangeRow | None
    licence: LicenceRow
    privacy: str
    watts: float | None
    joules_per_token: float | None
    measured: str | None
    options: tuple[OptionRow, ...] = ()
    burden: Burden | None = None
    failures: tuple[str, ...] = ()


def device_row(machine: Machine) -> DeviceRow:
    """A machine, JSON-able."""
    return DeviceRow(**{name: getattr(machine, name) for name in DeviceRow.__struct_fields__})


def fit_row(one: Fit, *, context_tokens: int, sequences: int, prompt_tokens: int, file: str | None = None) -> FitRow:
    """A verdict, JSON-able.

    Args:
        one: the verdict.
        context_tokens: that was asked for, of each sequence.
        sequences: that were asked for.
        prompt_tokens: of the prompt, for the time to the first token.
        file: the file of weights that it speaks of exactly.
    """
    memory, speed = one.memory, one.speed
    decode = speed.decode_tok_s if speed else None
    watts = one.machine.watts
    return FitRow(
        model=one.model.id,
        parameters=one.model.parameters,
        verdict=one.verdict,
        reasons=one.reasons,
        missing=one.missing,
        quantisation=one.quantisation,
        file=file,
        weights_bytes=memory.weights if memory else None,
        cache_bytes=memory.cache if memory else None,
        compute_bytes=memory.compute if memory else None,
        overhead_bytes=memory.overhead if memory else None,
        total_bytes=memory.total if memory else None,
        free_bytes=one.free_bytes,
        memory_basis=one.memory_basis,
        context_tokens=context_tokens,
        sequences=sequences,
        prompt_tokens=prompt_tokens,
        most_context_tokens=one.most_context_tokens,
        most_sequences=one.most_sequences,
        decode_tok_s=_range(decode),
        prefill_tok_s=_range(speed.prefill_tok_s if speed else None),
        first_token_s=_range(speed.first_token_s if speed else None),
        most_tok_s=_range(speed.most_tok_s if speed else None),
        licence=_licence(one.model.licence, one.licence),
        privacy=PRIVATE_HERE if one.machine.key == AUTO else PRIVATE_THERE,
        watts=watts,
        joules_per_token=watts / decode.value if watts and decode else None,
        measured=measured_on(one.measured) if one.measured else None,
    )


def _range(one: Estimate | None) -> RangeRow | None:
    return None if one is None else RangeRow(value=one.value, low=one.low, high=one.high, method=one.method)


def _licence(licence: str | None, found: Ruling) -> LicenceRow:
    return LicenceRow(id=licence, verdict=found.verdict, term=found.term, reason=found.reason, duties=found.duties)
