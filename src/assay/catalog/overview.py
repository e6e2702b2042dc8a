"""The catalogue as rows: what `assay models` prints and its JSON says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

import msgspec

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import price_of

__all__ = ["Fact", "ModelRow", "ModelWeights", "details", "overview"]


class ModelWeights(TypedDict):
    """Weights that packages carry."""

    quantisation: str | None
    bytes: int | None
    packages: list[str]


class ModelRow(TypedDict):
    """One model, JSON-able; every key is always there, and `None` is unknown."""

    id: str
    name: str
    family: str
    maker: str
    ecosystem: str
    variant: str | None
    domain: str | None
    licence: str | None
    parameters: int | None
    context_tokens: int | None
    max_output_tokens: int | None
    input: list[str] | None
    output: list[str] | None
    tools: bool | None
    structured_output: bool | None
    prefill: bool | None
    knowledge_cutoff: str | None
    released: str | None
    status: str | None
    retires: str | None
    successor: str | None
    hosts: list[str]
    weights: list[ModelWeights]
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None
    price_source: str | None
    price_as_of: str | None
    price_note: str | None
    unverified: list[str]


class Fact(TypedDict):
    """One fact with its provenance, JSON-able; an unknown fact has only its name."""

    fact: str
    value: object
    source: str | None
    as_of: str | None
    verified: bool | None
    note: str | None


def overview(catalog: Catalog, when: datetime | None = None) -> list[ModelRow]:
    """A row per model, sorted by id.

    Args:
        catalog: what to show.
        when: look list prices up as of then (costs the import of genai-prices); `None` leaves them out.
    """
    return [_row(model, when) for model in catalog.models]


def details(model: Model) -> list[Fact]:
    """Every fact of one model, known or not, with its source."""
    return [_fact(model, name) for name in Model.FACTS]


def _fact(model: Model, name: str) -> Fact:
    source = model.provenance(name)
    return Fact(
        fact=name,
        value=msgspec.to_builtins(getattr(model, name)),
        source=source.title if source else None,
        as_of=source.as_of if source else None,
        verified=source.verified if source else None,
        note=model.notes.get(name),
    )


def _row(model: Model, when: datetime | None) -> ModelRow:
    found = price_of(model, when) if when is not None and model.ecosystem == "hosted" else None
    price = found.price if found else None
    return ModelRow(
        id=model.id,
        name=model.name,
        family=model.family,
        maker=model.maker,
        ecosystem=model.ecosystem,
        variant=model.variant,
        domain=model.domain,
        licence=model.licence,
        parameters=model.parameters,
        context_tokens=model.context_tokens,
        max_output_tokens=model.max_output_tokens,
        input=_listed(model.input),
        output=_listed(model.output),
        tools=model.tools,
        structured_output=model.structured_output,
        prefill=model.prefill,
        knowledge_cutoff=model.knowledge_cutoff,
        released=model.released,
        status=model.status,
        retires=model.retires,
        successor=model.successor,
        hosts=[offer.host for offer in model.hosts],
        weights=[
            ModelWeights(quantisation=item.quantisation, bytes=item.bytes, packages=list(item.requirements))
            for item in model.weights
        ],
        input_usd_per_mtok=price.input if price else None,
        output_usd_per_mtok=price.output if price else None,
        price_source=found.source if found else None,
        price_as_of=found.as_of if found else None,
        price_note=found.note if found else None,
        unverified=list(model.unverified),
    )


def _listed(values: Iterable[str] | None) -> list[str] | None:
    return list(values) if values is not None else None
