"""The ways in which a candidate can be had: at its host by the token, or on a machine: rented, bought, or there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.envelope.estimate import Estimate
from assay.envelope.hardware import Machine
from assay.envelope.named import Named
from assay.envelope.overheads import Overheads
from assay.envelope.owning import Tenure
from assay.envelope.placing import MOST, Placed, placed
from assay.envelope.scenario import Fallback, Scenario
from assay.envelope.speed import Speed
from assay.envelope.workload import Workload
from assay.ledger.rows import MeasurementRow
from assay.types import Value

__all__ = ["Serving", "Situation", "hosted_way", "served_ways"]

LEAST_CONTEXT = 2048


class Situation(Value, frozen=True, kw_only=True):
    """What is the same for every candidate.

    Attributes:
        workload: the work.
        overheads: assumptions on all but tokens and machines.
        fallback: who answers what a candidate cannot.
        tuning_usd: what tuning costs once; see `Scenario`.
    """

    workload: Workload
    overheads: Overheads
    fallback: Fallback | None = None
    tuning_usd: float = 0.0


class Serving(Value, frozen=True, kw_only=True):
    """How a model is served by the team itself.

    Attributes:
        catalog: where licences are looked up.
        machine: on what.
        tenures: how the machine is had, one way each.
        quantisation: number format; default: the most exact one in which enough fits.
        context_tokens: of each answer with its prompt; default: twice the mean, at least 2,048, at most the model's.
        sequences: answers at a time, at most.
        prefill_tok_s, output_tok_s: given rates of reading and of all answers together, each instead of its estimate.
        measured: what was measured on this machine, by model.
    """

    catalog: Catalog
    machine: Machine
    tenures: tuple[Tenure, ...]
    quantisation: str | None = None
    context_tokens: int | None = None
    sequences: int = MOST
    prefill_tok_s: float | None = None
    output_tok_s: float | None = None
    measured: Mapping[str, MeasurementRow] = {}


def hosted_way(candidate: Named, situation: Situation) -> Scenario:
    """At its host, by the token."""
    known = candidate.rate is not None
    note = candidate.note
    nobody = "no host's price is known; name a machine with --device" if candidate.is_open else "nobody knows its price"
    return _scenario(
        candidate.name, "host", situation, price=candidate.rate, batch=candidate.batch, price_basis=candidate.basis,
        unknown=None if known else note or nobody, notes=(note,) if known and note else (),
    )  # fmt: skip


def served_ways(candidate: Named, serving: Serving, situation: Situation) -> list[Scenario]:
    """On machines, one scenario for each way to come to them; each says why, where its cost is not known.

    Raises:
        CatalogError: no such quantisation is known.
    """
    found = _speed(candidate, serving, situation.workload)
    speed, notes, unknown = (None, (), found) if isinstance(found, str) else (*found, None)
    return [
        _scenario(
            f"{candidate.name} on {serving.machine.key}", tenure, situation, machine=serving.machine, speed=speed,
            unknown=unknown, notes=notes,
        )
        for tenure in serving.tenures
    ]  # fmt: skip


def _scenario(name: str, tenure: Literal["host"] | Tenure, situation: Situation, **facts: Any) -> Scenario:
    backup = situation.fallback
    return Scenario(
        name=name,
        tenure=tenure,
        workload=situation.workload,
        overheads=situation.overheads,
        fallback=backup if backup is not None and backup.name != name else None,  # nobody is one's own fallback
        tuning_usd=situation.tuning_usd,
        **facts,
    )


def _speed(candidate: Named, serving: Serving, workload: Workload) -> tuple[Speed, tuple[str, ...]] | str:
    """The speed with what must be said of it, or why it is not known."""
    if serving.prefill_tok_s is not None and serving.output_tok_s is not None:
        return _given(serving.prefill_tok_s, serving.output_tok_s), ("speed: as you gave it",)
    model = candidate.model
    if model is None:
        return f"{candidate.name} is not in the catalogue; give --prefill-tok-s and --output-tok-s as you measured them"
    if model.ecosystem == "hosted":
        return f"the weights of {model.id} cannot be had"
    mean = math.ceil(workload.input_tokens + workload.output_tokens)
    if serving.context_tokens is not None and serving.context_tokens < mean:
        return f"a context of {serving.context_tokens:,} tokens does not hold a mean request of {mean:,}"
    found = placed(
        serving.catalog,
        model,
        serving.machine,
        quantisation=serving.quantisation,
        context_tokens=serving.context_tokens or _context(mean, model),
        prompt_tokens=round(workload.input_tokens),
        most=serving.sequences,
        measured=serving.measured.get(model.id),
    )
    return found if isinstance(found, str) else _with_given(found, serving)


def _context(mean: int, model: Model) -> int:
    """Room for requests of twice the mean, as far as the model has it, but for a mean one in any case."""
    wanted = max(LEAST_CONTEXT, 2 * mean)
    return wanted if model.context_tokens is None else max(mean, min(wanted, model.context_tokens))


def _with_given(found: Placed, serving: Serving) -> tuple[Speed, tuple[str, ...]]:
    """The estimate, with one of its two rates as it was given."""
    rates = {"prefill_tok_s": serving.prefill_tok_s, "most_tok_s": serving.output_tok_s}
    given = {name: _given_rate(rate) for name, rate in rates.items() if rate is not None}
    speed = found.speed._replace(**given)
    words = {"prefill_tok_s": "rate of reading: as you gave it", "most_tok_s": "rate of writing: as you gave it"}
    return speed, (_said(found._replace(speed=speed)), *(words[name] for name in given))


def _given(prefill_tok_s: float, output_tok_s: float) -> Speed:
    read, written = _given_rate(prefill_tok_s), _given_rate(output_tok_s)
    return Speed(decode_tok_s=written, prefill_tok_s=read, first_token_s=None, most_tok_s=written)


def _given_rate(rate: float) -> Estimate:
    return Estimate(rate, rate, rate, "given", "tok/s")


def _said(found: Placed) -> str:
    most = found.speed.most_tok_s
    together = f"{found.sequences} answers at a time; all together" if found.sequences > 1 else "one answer at a time;"
    rates = f"{most.value:,.0f} tok/s ({most.low:,.0f} to {most.high:,.0f})"
    return f"{found.quantisation}, {together} {rates}, {most.method}"
