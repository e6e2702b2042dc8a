"""What is wrong with a data file, or would make a reader stumble, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

from assay.catalog.entry import Evidenced
from assay.catalog.file import File, read
from assay.catalog.load import Catalog, builtin
from assay.catalog.model import Model
from assay.errors import CatalogError

__all__ = ["Finding", "lint"]


class Finding(NamedTuple):
    """One thing that was found.

    Attributes:
        kind: a `mistake` keeps the file from being read; a `finding` is for whoever reviews it.
        entry: model, family or other key that it is about; empty = the file.
    """

    kind: Literal["mistake", "finding"]
    entry: str
    message: str


def lint(data: bytes, name: str) -> list[Finding]:
    """Everything that is found in a file, beside the shipped catalogue; `name` is what messages call it."""
    try:
        file = read(data, name)
    except CatalogError as error:
        return [Finding("mistake", "", str(error))]
    try:
        beside = Catalog([("shipped", _without(file, builtin())), (name, file)])
    except CatalogError as error:
        return [Finding("mistake", "", f"{name}: {error}")]
    return [
        Finding("finding", entry, message)
        for found in (_unused(file), *(_model(model, beside) for model in file.models))
        for entry, message in found
    ]


def _without(file: File, catalog: Catalog) -> File:
    """The shipped entries that this file does not replace."""
    own = {model.id for model in file.models}
    return File(
        as_of=file.as_of,
        models=tuple(model for model in catalog.models if model.id not in own),
        families=catalog.families,
        hosts=catalog.hosts,
        licences=catalog.licences,
        devices=catalog.devices,
    )


def _unused(file: File) -> Iterator[tuple[str, str]]:
    """Sources that no fact names: a leftover, or a fact that names the wrong one."""
    tables: tuple[Mapping[str, Evidenced], ...] = (file.families, file.licences, file.data_policies, file.devices)
    stated: list[Evidenced] = [*file.models, *(entry for table in tables for entry in table.values())]
    used = {key for entry in stated for key in (entry.evidence, *entry.evidence_for.values())}
    used |= {key for host in file.hosts.values() for key in (host.evidence, *host.evidence_for.values())}
    for model in file.models:
        used |= {offer.evidence for offer in model.hosts} | {item.evidence for item in model.weights}
        used |= {figure.evidence for figure in model.benchmarks}
        used |= {item.hub.evidence for item in model.weights if item.hub is not None}
    for key in sorted(set(file.sources) - used):
        yield "", f"no fact names the source {key!r}; remove it, or name it where it belongs"


def _model(model: Model, catalog: Catalog) -> Iterator[tuple[str, str]]:
    for message in (*_offers(model, catalog), *_shape(model), *_dates(model)):
        yield model.id, message


def _offers(model: Model, catalog: Catalog) -> Iterator[str]:
    """What is rented has a host, what is owned a licence and files whose digest is known."""
    if model.ecosystem == "hosted":
        if not model.hosts and model.price_usd_per_mtok is None:
            yield "is hosted and names no host; add [[models.hosts]]"
        if model.licence is not None or model.weights:
            yield "is hosted and has a licence or weights; is it open-weight?"
    else:
        if model.licence is None:
            yield "has no licence; what is unknown counts as not allowed"
        elif catalog.licence(model.licence) is None:
            yield f"has the licence {model.licence!r}, of which the catalogue knows no terms; add it under [licences]"
        if any(item.sha256 is None or item.bytes is None for item in model.weights):
            yield "has weights without sha256 or bytes, which `assay pull` cannot verify"
    for offer in model.hosts:
        if offer.host not in catalog.hosts:
            yield f"is offered at {offer.host!r}, which is no host of the catalogue (assay models --hosts)"


def _shape(model: Model) -> Iterator[str]:
    """Numbers of a shape that contradict each other."""
    for part, whole in (("active_parameters", "parameters"), ("experts_used", "experts"), ("kv_heads", "heads"),
                        ("windowed_layers", "layers"), ("recurrent_layers", "layers"),
                        ("context_trained_tokens", "context_tokens")):  # fmt: skip
        less, more = getattr(model, part), getattr(model, whole)
        if less is not None and more is not None and less > more:
            yield f"has {part} = {less:,} above {whole} = {more:,}"
    if model.mixture_of_experts is False and model.active_parameters is not None:
        yield "is no mixture of experts and has active_parameters"
    if model.mixture_of_experts is False and model.experts is not None:
        yield "is no mixture of experts and has experts"
    if model.mixture_of_experts and model.active_parameters is None:
        yield "is a mixture of experts without active_parameters, so that its speed cannot be estimated"


def _dates(model: Model) -> Iterator[str]:
    order = ("knowledge_cutoff", "released", "deprecated", "retires")
    known = [(fact, day) for fact in order if (day := getattr(model, fact)) is not None]
    for (earlier, first), (later, second) in pairwise(known):
        shorter = min(len(first), len(second))
        if first[:shorter] > second[:shorter]:
            yield f"has {earlier} = {first} after {later} = {second}"
