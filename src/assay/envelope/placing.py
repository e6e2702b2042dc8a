"""How a model is put on a machine to do the most work: in which number format, and how many answers at a time."""

from __future__ import annotations

from typing import NamedTuple

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.envelope.fit import Fit, fit
from assay.envelope.hardware import Machine
from assay.envelope.quantisation import QUANTISATIONS
from assay.envelope.speed import Speed, speed
from assay.ledger.rows import MeasurementRow

__all__ = ["ENOUGH", "MOST", "Placed", "fit_as_measured", "placed"]

ENOUGH = 8
"""Answers at a time for which a less exact format is taken; weights are read once for all of them."""
MOST = 64
"""Answers at a time that are reckoned with at most; estimates for more were compared with nothing."""


class Placed(NamedTuple):
    """A model on a machine.

    Attributes:
        quantisation: number format of the weights.
        sequences: answers at a time.
        speed: with so many.
    """

    quantisation: str
    sequences: int
    speed: Speed


def placed(
    catalog: Catalog, model: Model, machine: Machine, *, quantisation: str | None, context_tokens: int,
    prompt_tokens: int, most: int = MOST, measured: MeasurementRow | None = None,
) -> Placed | str:  # fmt: skip
    """The most exact format in which enough answers fit at a time, else one, with as many as fit.

    Args:
        catalog: where licences are looked up.
        model: its facts.
        machine: what it runs on.
        quantisation: this format; default: one that the model can be had in.
        context_tokens: of each answer with its prompt.
        prompt_tokens: of the prompt.
        most: answers at a time.
        measured: what was measured of it on this machine, where that is the machine: one answer at a time.

    Returns:
        Why not, in words, where it does not fit or something is not known.

    Raises:
        CatalogError: no such quantisation is known.
    """
    known = _measured(catalog, model, machine, quantisation, context_tokens, prompt_tokens, measured)
    if known is not None:
        return known
    found = _fitting(catalog, model, machine, quantisation, context_tokens, min(ENOUGH, most))
    if found.quantisation is None or found.verdict in ("no", "unknown"):
        return "; ".join(found.reasons)
    sequences = min(most, found.most_sequences or most)
    rate = speed(
        model, machine, quantisation=found.quantisation, context_tokens=context_tokens, sequences=sequences,
        prompt_tokens=prompt_tokens,
    )  # fmt: skip
    if rate is None:
        return f"the bandwidth of {machine.name}, or how much of {model.id} a token needs, is not known"
    return Placed(found.quantisation, sequences, rate)


def fit_as_measured(
    catalog: Catalog, model: Model, machine: Machine, row: MeasurementRow | None, *, quantisation: str | None = None,
    context_tokens: int = 8192, sequences: int = 1, prompt_tokens: int = 512,
) -> Fit:  # fmt: skip
    """As `fit`, in the number format that was measured on this machine, if it fits so; else by the estimate.

    Args:
        catalog: where its licence is looked up.
        model: its facts.
        machine: what it shall run on.
        row: what was measured of the model, where anything was; it says nothing of other machines and formats.
        quantisation: this format; default: the measured one, else the most exact that fits.
        context_tokens: context of each sequence.
        sequences: at the same time.
        prompt_tokens: of the prompt.

    Raises:
        CatalogError: no such quantisation is known.
    """

    def found(kind: str | None, measured: MeasurementRow | None) -> Fit:
        return fit(
            catalog, model, machine, context_tokens=context_tokens, sequences=sequences, quantisation=kind,
            prompt_tokens=prompt_tokens, measured=measured,
        )  # fmt: skip

    if row is not None and machine.is_here and (row.quantisation is None or row.quantisation.lower() in QUANTISATIONS):
        one = found(quantisation or row.quantisation, row)
        if one.measured is not None and one.verdict in ("fits", "tight"):
            return one
    return found(quantisation, None)


def _measured(
    catalog: Catalog, model: Model, machine: Machine, quantisation: str | None, context_tokens: int,
    prompt_tokens: int, row: MeasurementRow | None,
) -> Placed | None:  # fmt: skip
    """As it was measured; `None` where that was another format, or nothing was."""
    if row is None:
        return None
    found = fit_as_measured(
        catalog, model, machine, row, quantisation=quantisation, context_tokens=context_tokens,
        prompt_tokens=prompt_tokens,
    )  # fmt: skip
    if found.measured is None or found.speed is None or found.quantisation is None:
        return None
    return Placed(found.quantisation, 1, found.speed)


def _fitting(
    catalog: Catalog, model: Model, machine: Machine, quantisation: str | None, context_tokens: int, enough: int
) -> Fit:
    """With enough answers at a time; if they do not fit, with one."""
    several, one = (
        fit(catalog, model, machine, context_tokens=context_tokens, sequences=sequences, quantisation=quantisation)
        for sequences in (enough, 1)
    )
    return one if several.verdict == "no" else several
