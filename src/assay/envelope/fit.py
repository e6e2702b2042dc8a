"""Does a model fit onto a machine? A verdict with its memory, speed and limits, before anything is downloaded.

Closed forms only, some 0.1 ms each: thousands of models and devices are compared in a second. A measurement on this
very machine replaces what it measured, and is marked.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.use import Ruling, ruling, use_of
from assay.config.schema import Constraints
from assay.envelope.file import FileFacts
from assay.envelope.hardware import GIB, Machine
from assay.envelope.measured import measured_memory, measured_speed
from assay.envelope.memory import Memory, Plan, plan_of, published
from assay.envelope.quantisation import QUANTISATIONS, Quantisation, choices, quantisation_of
from assay.envelope.runtime import runtime_of
from assay.envelope.shape import Shape, shape_of
from assay.envelope.sizes import Sizes, sized, sizes_of
from assay.envelope.speed import Speed, speed_of
from assay.errors import CatalogError
from assay.ledger.rows import MeasurementRow

__all__ = ["TIGHT_SHARE", "Fit", "Option", "Verdict", "fit", "options", "rank"]

Verdict = Literal["fits", "tight", "no", "unknown"]
TIGHT_SHARE = 0.9
"""Of the usable memory: above it an estimate within 10 % may be wrong about whether it fits."""
READING_TOK_S = 5.0
"""About as fast as people read: 240 words a minute, 1.3 tokens a word."""


class Fit(NamedTuple):
    """What came of it. `None` = not known.

    Attributes:
        verdict: `tight` = it fits by the estimate, and needs more than nine tenths of the usable memory.
        reasons: what decides, in words.
        missing: facts that are needed and not known, where the verdict is `unknown`.
        quantisation: number format of the weights that the figures are for.
        memory: bytes by what for; `free_bytes` is what is left of the usable memory, negative where it does not fit.
        most_context_tokens: the longest context for so many sequences: by the memory, and by the model itself.
        most_sequences: of the context that was asked for, at the same time; `None` also where they need no memory.
        speed: ranges; `None`: the machine's bandwidth is not known.
        licence: what the licence says of the use that the constraints state.
        measured: the measurement that stands in the estimate's place.
    """

    model: Model
    machine: Machine
    verdict: Verdict
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    quantisation: str | None
    memory: Memory | None
    memory_basis: str
    most_context_tokens: int | None
    most_sequences: int | None
    speed: Speed | None
    licence: Ruling
    measured: MeasurementRow | None

    @property
    def free_bytes(self) -> int | None:
        """What is left of the usable memory."""
        return None if self.memory is None else self.machine.usable_bytes - self.memory.total


class Option(NamedTuple):
    """One number format that the model can be had in."""

    quantisation: str
    total_bytes: int
    verdict: Verdict
    basis: str


class _Asked(NamedTuple):
    context_tokens: int
    sequences: int
    prompt_tokens: int


class _Needs(NamedTuple):
    """What candidates are made of."""

    model: Model
    shape: Shape
    machine: Machine
    asked: _Asked
    file: FileFacts | None


class _Candidate(NamedTuple):
    """Weights in one format, and what they need."""

    name: str
    sizes: Sizes
    plan: Plan
    memory: Memory


def fit(
    catalog: Catalog,
    model: Model,
    machine: Machine,
    *,
    context_tokens: int = 8192,
    sequences: int = 1,
    constraints: Constraints | None = None,
    quantisation: str | None = None,
    prompt_tokens: int = 512,
    file: FileFacts | None = None,
    measured: MeasurementRow | None = None,
) -> Fit:
    """The verdict for one model on one machine.

    Args:
        catalog: where its licence is looked up.
        model: its facts.
        machine: what it shall run on.
        context_tokens: context of each sequence.
        sequences: at the same time.
        constraints: what the use must keep to; default: nothing is stated.
        quantisation: number format of the weights; default: the most exact of those that exist that fits.
        prompt_tokens: length of the prompt, for the time to the first token.
        file: a GGUF file: then weights and shape are exact.
        measured: what was measured of it on this machine; it does not count for another one.

    Raises:
        CatalogError: no such quantisation is known.
    """
    asked = _Asked(context_tokens, sequences, prompt_tokens)
    terms = ruling(model, catalog, use_of(constraints or _NOTHING_STATED))
    if model.ecosystem == "hosted":
        return _without(model, machine, terms, "no", (f"{model.id} is hosted: its weights cannot be had",), ())
    shape = file.shape if file is not None else shape_of(model)
    missing = _missing(model, shape, quantisation, file)
    if missing:
        return _without(model, machine, terms, "unknown", (f"not known: {', '.join(missing)}",), missing)
    needs = _Needs(model, shape, machine, asked, file)
    kinds = _kinds(model, machine, quantisation, file)
    if not kinds:
        why = f"no quantised form of it is known that an engine on {machine.name} reads"
        return _without(model, machine, terms, "unknown", (why,), ("forms",))
    return _judged(terms, needs, _chosen(needs, kinds), measured if machine.is_here else None)


_NOTHING_STATED = Constraints()


def options(
    model: Model, machine: Machine, *, context_tokens: int, sequences: int, file: FileFacts | None = None
) -> tuple[Option, ...]:
    """Every format that the model can be had in for this machine, the most exact first."""
    shape = file.shape if file is not None else shape_of(model)
    if _missing(model, shape, None, file):
        return ()
    needs = _Needs(model, shape, machine, _Asked(context_tokens, sequences, 1), file)
    found = [_candidate(needs, kind) for kind in _kinds(model, machine, None, file)]
    return tuple(
        Option(one.name, one.memory.total, _fits(one.memory, machine.usable_bytes), one.sizes.basis) for one in found
    )


def rank(one: Fit) -> tuple[int, int, int, int, str]:
    """To sort by, the best first: what fits and may be used, is fast enough to be read, then the largest.

    Size is no proof of quality; it only says where to begin to measure.
    """
    fast = one.speed is not None and one.speed.decode_tok_s.value >= READING_TOK_S
    order: tuple[Verdict, ...] = ("fits", "tight", "no", "unknown")
    licence = ("allowed", "ask", "forbidden").index(one.licence.verdict)
    return order.index(one.verdict), licence, 0 if fast else 1, -(one.model.parameters or 0), one.model.id


# ------------------------------------------------------------------------------------------------ parts


def _missing(model: Model, shape: Shape, quantisation: str | None, file: FileFacts | None) -> tuple[str, ...]:
    if file is not None:  # without tensors it is the head of several, or nothing at all
        return () if file.sizes.file else ("the tensors of its weights",)
    missing = list(shape.missing)
    if shape.parameters is None and not _is_sized(model, quantisation):
        missing.append("parameters")
    if quantisation is None and model.forms is None and published(model) is None:
        missing.append("forms or precision")
    return tuple(missing)


def _is_sized(model: Model, quantisation: str | None) -> bool:
    """Whether the size of a file is known, of this format or of any: then memory is known without parameters."""
    return bool(sized(model)) if quantisation is None else quantisation.lower() in sized(model)


def _kinds(
    model: Model, machine: Machine, quantisation: str | None, file: FileFacts | None
) -> tuple[Quantisation | None, ...]:
    """The formats to choose from, the most exact first; `None` stands for that of the file."""
    if file is not None:
        return (None,)
    if quantisation is not None:
        return (quantisation_of(quantisation),)
    found = choices(model, machine.kind)
    return found if model.parameters is not None else tuple(one for one in found if one.name.lower() in sized(model))


def _candidate(needs: _Needs, kind: Quantisation | None) -> _Candidate:
    model, shape, machine, asked, file = needs
    if kind is None and file is not None:
        name, sizes = file.quantisation or "GGUF", file.sizes
    else:
        named = kind or QUANTISATIONS["bf16"]
        found = sizes_of(model, shape, named)
        if found is None:
            raise CatalogError(f"{model.id}: neither its parameters nor the size of a file is known")
        name, sizes = named.name, found
    plan = plan_of(shape, sizes, runtime_of(machine.kind), machine.count)
    return _Candidate(name, sizes, plan, plan.memory(asked.context_tokens, asked.sequences))


def _chosen(needs: _Needs, kinds: tuple[Quantisation | None, ...]) -> _Candidate:
    """The most exact that fits; else the most exact that is tight; else the smallest."""
    usable, smallest = needs.machine.usable_bytes, _candidate(needs, kinds[-1])
    least = _fits(smallest.memory, usable)
    if least == "no":
        return smallest
    tight: _Candidate | None = None
    for kind in kinds[:-1]:
        one = _candidate(needs, kind)
        verdict = _fits(one.memory, usable)
        if verdict == "fits":
            return one
        if verdict == "tight" and tight is None:
            tight = one
    return smallest if least == "fits" or tight is None else tight


def _fits(memory: Memory, usable_bytes: int) -> Verdict:
    if memory.total > usable_bytes:
        return "no"
    return "tight" if memory.total > TIGHT_SHARE * usable_bytes else "fits"


def _judged(terms: Ruling, needs: _Needs, chosen: _Candidate, measured: MeasurementRow | None) -> Fit:
    model, shape, machine, asked, _ = needs
    if measured is not None and not _is_of(measured, chosen):
        measured = None
    memory, basis = _memory(chosen, measured)
    surplus = memory.total - chosen.memory.total  # what the measurement found beside the estimate
    usable = machine.usable_bytes - surplus
    longest = chosen.plan.most_tokens(usable, asked.sequences)
    if shape.context_tokens is not None:
        longest = shape.context_tokens if longest is None else min(longest, shape.context_tokens)
    verdict, reasons = _verdict(memory, machine, shape, asked)
    return Fit(
        model=model,
        machine=machine,
        verdict=verdict,
        reasons=reasons,
        missing=(),
        quantisation=chosen.name,
        memory=memory,
        memory_basis=basis,
        most_context_tokens=longest,
        most_sequences=chosen.plan.most_sequences(usable, asked.context_tokens),
        speed=_speed(shape, chosen.sizes, machine, asked, measured),
        licence=terms,
        measured=measured,
    )


def _verdict(memory: Memory, machine: Machine, shape: Shape, asked: _Asked) -> tuple[Verdict, tuple[str, ...]]:
    limit = shape.context_tokens
    if limit is not None and asked.context_tokens > limit:
        return "no", (f"its context is {limit:,} tokens, not {asked.context_tokens:,}",)
    verdict = _fits(memory, machine.usable_bytes)
    needs = f"{memory.total / GIB:,.1f} of {machine.usable_bytes / GIB:,.1f} GiB"
    if verdict == "no":
        needs += _how_many(memory, machine)
    words = {
        "fits": f"it needs {needs}",
        "tight": f"it needs {needs}: more than {TIGHT_SHARE:.0%}, which an estimate may be wrong by",
        "no": f"it needs {needs}",
    }
    unknown = () if limit is not None else ("the longest context that it supports is not known",)
    return verdict, (words[verdict], *unknown)


def _how_many(memory: Memory, machine: Machine) -> str:
    """How many such devices would hold it; each has the overhead of a process."""
    if machine.kind != "gpu":
        return ""
    each = memory.overhead // machine.count
    room = machine.usable_bytes // machine.count - each
    return f": {-(-(memory.total - memory.overhead) // room):,} such devices would hold it" if room > 0 else ""


def _memory(chosen: _Candidate, measured: MeasurementRow | None) -> tuple[Memory, str]:
    found = None if measured is None else measured_memory(measured, chosen.plan, chosen.memory)
    return found or (chosen.memory, f"formula; {chosen.sizes.basis}")


def _is_of(measured: MeasurementRow, chosen: _Candidate) -> bool:
    """Whether the same file was measured, as far as its format tells."""
    return measured.quantisation is None or measured.quantisation.lower() == chosen.name.lower()


def _speed(
    shape: Shape, sizes: Sizes, machine: Machine, asked: _Asked, measured: MeasurementRow | None
) -> Speed | None:
    guess = speed_of(shape, sizes, machine, **asked._asdict())
    if measured is None:
        return guess
    return measured_speed(measured, guess, sequences=asked.sequences, prompt_tokens=asked.prompt_tokens)


def _without(
    model: Model, machine: Machine, terms: Ruling, verdict: Verdict, reasons: tuple[str, ...], missing: tuple[str, ...]
) -> Fit:
    """A verdict without figures."""
    return Fit(model, machine, verdict, reasons, missing, None, None, "", None, None, None, terms, None)
