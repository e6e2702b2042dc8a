"""The catalogue as rows: what `assay models` prints, filters, sorts and exports, and what its JSON says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple, TypedDict, cast

import msgspec

from assay.catalog.listed import CatalogPrice
from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.prices import prices_of
from assay.catalog.terms import DataPolicy
from assay.catalog.use import Use, ruling

__all__ = ["Fact", "Known", "ModelRow", "ModelWeights", "details", "known", "overview", "row_of"]


class ModelWeights(TypedDict):
    """A file of weights that can be had."""

    quantisation: str | None
    bytes: int | None
    packages: list[str]
    hub: str | None


class ModelRow(TypedDict):
    """One model, JSON-able; every key is always there, and `None` is unknown.

    The facts are those of `assay.catalog.model.Model`. Then follow `openness`; list prices of the first of its `hosts`
    that has one; `commercial`, the verdict on commercial use (`allowed`, `ask`, `forbidden`); the terms of its licence;
    what its first host does with data; its family's ledger; and the best published figure for each benchmark.
    `facts_known` counts the facts that are known, `unverified` names those of them that nobody looked up.
    """

    id: str
    name: str
    family: str
    maker: str
    ecosystem: str
    variant: str | None
    domain: str | None
    licence: str | None
    gated: bool | None
    opens: list[str] | None
    languages: list[str] | None
    architecture: str | None
    mixture_of_experts: bool | None
    parameters: int | None
    active_parameters: int | None
    experts: int | None
    experts_used: int | None
    layers: int | None
    hidden: int | None
    heads: int | None
    kv_heads: int | None
    head_dim: int | None
    vocabulary: int | None
    sliding_window: int | None
    windowed_layers: int | None
    kv_rank: int | None
    rope_dim: int | None
    cache_share: float | None
    full_kv_heads: int | None
    full_head_dim: int | None
    shared_kv_layers: int | None
    recurrent_layers: int | None
    state_bytes: int | None
    precision: str | None
    context_tokens: int | None
    context_trained_tokens: int | None
    max_output_tokens: int | None
    input: list[str] | None
    output: list[str] | None
    tools: bool | None
    structured_output: bool | None
    prefill: bool | None
    reasoning: str | None
    knowledge_cutoff: str | None
    released: str | None
    status: str | None
    deprecated: str | None
    retires: str | None
    successor: str | None
    engines: list[str] | None
    forms: list[str] | None
    recipes: list[str] | None
    openness: str | None
    hosts: list[str]
    weights: list[ModelWeights]
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None
    cached_input_usd_per_mtok: float | None
    cache_write_usd_per_mtok: float | None
    batch_input_usd_per_mtok: float | None
    batch_output_usd_per_mtok: float | None
    price_source: str | None
    price_as_of: str | None
    price_note: str | None
    price_by_length: bool | None
    commercial: str
    osi_approved: bool | None
    commercial_use: str | None
    user_cap: int | None
    attribution: bool | None
    naming: str | None
    output_training: str | None
    use_policy: bool | None
    regions_excluded: list[str] | None
    share_alike: bool | None
    trains_on_inputs: str | None
    retention_days: int | None
    zero_retention: str | None
    data_regions: list[str] | None
    distillation: str | None
    derivatives: int | None
    patches: str | None
    safety_filters: list[str] | None
    licence_stability: str | None
    talent: str | None
    benchmarks: dict[str, float]
    facts_known: int
    unverified: list[str]


class Fact(TypedDict):
    """One fact with its provenance, JSON-able; an unknown fact has only its name."""

    fact: str
    value: object
    source: str | None
    as_of: str | None
    verified: bool | None
    note: str | None


class Known(NamedTuple):
    """How much of some rows is known, and how much of that nobody looked up."""

    facts: int
    unverified: int

    @property
    def share(self) -> float:
        """The share of what is known that is unverified."""
        return self.unverified / self.facts if self.facts else 0.0


def known(rows: Iterable[ModelRow]) -> Known:
    """The count of facts in some rows."""
    counts = [(row["facts_known"], len(row["unverified"])) for row in rows]
    return Known(sum(facts for facts, _ in counts), sum(unverified for _, unverified in counts))


def overview(catalog: Catalog, when: date | None = None) -> list[ModelRow]:
    """A row per model, sorted by id.

    Args:
        catalog: what to show.
        when: look list prices up as of that day; `None` leaves them out.
    """
    prices = prices_of(catalog.models, when) if when is not None else {}
    return [row_of(model, catalog, prices.get(model.id)) for model in catalog.models]


def details(model: Model) -> list[Fact]:
    """Every fact of one model, known or not, with its source."""
    return [_fact(model, name) for name in Model.FACTS]


def row_of(model: Model, catalog: Catalog, price: CatalogPrice | None = None) -> ModelRow:
    """One model with what the catalogue knows around it."""
    facts = {fact: _plain(getattr(model, fact)) for fact in Model.FACTS if fact != "price_usd_per_mtok"}
    row = {
        "id": model.id,
        "name": model.name,
        "family": model.family,
        **facts,
        "openness": model.openness,
        "hosts": [offer.host for offer in model.hosts],
        "weights": _weights(model),
        **_rates(price),
        **_terms(model, catalog),
        **_policy(model, catalog),
        **_around(model, catalog),
        "benchmarks": _figures(model),
        "facts_known": len(model.known),
        "unverified": list(model.unverified),
    }
    return cast(ModelRow, row)  # its keys are held against those of `ModelRow` by a test


def _fact(model: Model, name: str) -> Fact:
    source = model.provenance(name)
    return Fact(
        fact=name,
        value=_plain(msgspec.to_builtins(getattr(model, name))),
        source=source.title if source else None,
        as_of=source.as_of if source else None,
        verified=source.verified if source else None,
        note=model.notes.get(name),
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _weights(model: Model) -> list[ModelWeights]:
    return [
        ModelWeights(
            quantisation=item.quantisation,
            bytes=item.bytes,
            packages=list(item.requirements),
            hub=f"{item.hub.repo}/{item.hub.file}" if item.hub is not None else None,
        )
        for item in model.weights
    ]


def _rates(found: CatalogPrice | None) -> dict[str, Any]:
    price = found.price if found is not None else None
    batch = found.batch if found is not None else None
    return {
        "input_usd_per_mtok": price.input if price else None,
        "output_usd_per_mtok": price.output if price else None,
        "cached_input_usd_per_mtok": price.cached_input if price else None,
        "cache_write_usd_per_mtok": price.cache_write if price else None,
        "batch_input_usd_per_mtok": batch.input if batch else None,
        "batch_output_usd_per_mtok": batch.output if batch else None,
        "price_source": found.source if found else None,
        "price_as_of": found.as_of if found else None,
        "price_note": found.note if found else None,
        "price_by_length": found.by_length if price and found else None,
    }


def _terms(model: Model, catalog: Catalog) -> dict[str, Any]:
    licence = catalog.licence(model.licence) if model.licence is not None else None
    flags = ("osi_approved", "commercial_use", "user_cap", "attribution", "naming", "output_training", "use_policy",
             "regions_excluded", "share_alike")  # fmt: skip
    verdict = ruling(model, catalog, Use(commercial=True)).verdict
    return {"commercial": verdict, **{flag: _plain(getattr(licence, flag, None)) for flag in flags}}


def _policy(model: Model, catalog: Catalog) -> dict[str, Any]:
    """Of a rented model; what is in the team's own hands has no policy but its own."""
    offer = model.hosted_at() if model.ecosystem == "hosted" else None
    policy = catalog.policy(offer.host) if offer is not None else None
    names = {"regions": "data_regions"}
    return {names.get(fact, fact): _plain(getattr(policy, fact, None)) for fact in DataPolicy.FACTS}


def _around(model: Model, catalog: Catalog) -> dict[str, Any]:
    family = catalog.family(model)
    facts = ("derivatives", "patches", "safety_filters", "licence_stability", "talent")
    return {fact: _plain(getattr(family, fact, None)) for fact in facts}


def _figures(model: Model) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for figure in model.benchmarks:
        found[figure.name] = max(figure.score, found.get(figure.name, figure.score))
    return found
