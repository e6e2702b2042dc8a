"""From a model to its file of weights: what may be pulled, and what is on this machine already."""

from __future__ import annotations

from pathlib import Path

import msgspec

from assay.catalog.load import Catalog
from assay.catalog.model import Model
from assay.catalog.offers import Weights
from assay.config.schema import Deployment
from assay.errors import CatalogError, WeightsError, did_you_mean
from assay.weights.locate import PACKAGE, locate
from assay.weights.store import Store
from assay.weights.wanted import HubFile, Licence, PackagePart, Wanted

__all__ = ["find_weights", "wanted", "weights_of"]


def wanted(catalog: Catalog, name: str, *, sha256: str | None = None) -> Wanted:
    """The file of weights that `name` stands for.

    Args:
        catalog: where it is looked up.
        name: id or alias of a model; `NAME:Q8_0` chooses a quantisation, else it is the first that is listed.
        sha256: digest of the file, for an entry that states none.

    Raises:
        CatalogError: there is no such model or quantisation, its weights cannot be had, or no digest is known.
    """
    short, _, quantisation = name.partition(":")
    model = catalog.find(short)
    entry = _entry(model, quantisation)
    if entry.sha256 is not None and sha256 not in (None, entry.sha256):
        raise CatalogError(f"{model.id}: the catalogue states the sha256 {entry.sha256}, not {sha256}")
    digest = entry.sha256 or sha256
    if digest is None:
        raise CatalogError(
            f"{model.id}: no digest is known, so nothing could be verified; give the file's own with --sha256"
        )
    packaged = zip(entry.requirements, entry.files, strict=True) if entry.requirements else ()
    return Wanted(
        model=model.id,
        sha256=digest,
        size_bytes=entry.bytes,
        quantisation=entry.quantisation,
        licence=_licence(catalog, model),
        hub=HubFile(repo=entry.hub.repo, file=entry.hub.file, revision=entry.hub.revision) if entry.hub else None,
        parts=tuple(
            PackagePart(requirement=requirement, member=file.removeprefix(PACKAGE)) for requirement, file in packaged
        ),
        installed=entry.source,
    )


def find_weights(model: Model, store: Store) -> Path:
    """The first of a model's files that is here: pulled into the store, or in an installed package.

    Raises:
        WeightsError: none is; says what to do.
    """
    for entry in model.weights:
        if (held := store.find(sha256=entry.sha256, model=model.id)) is not None:
            return held.path
        if entry.source is not None:
            try:
                return locate(entry.source)
            except WeightsError:
                continue
    unusable = [
        f"{one.path} is not used: {one.problem}; " for one in store.held() if one.name == model.id and one.problem
    ]
    raise WeightsError(f"the weights of {model.id} are not here; {''.join(unusable)}assay pull {model.id}")


def weights_of(deployment: Deployment, model: Model | None, store: Store) -> Path | None:
    """The file that a local deployment runs on; `None` if it names none and the catalogue knows none.

    Raises:
        WeightsError: the file is not here; says what to do.
    """
    if deployment.weights is not None:
        return locate(deployment.weights)
    return find_weights(model, store) if model is not None and model.weights else None


def _entry(model: Model, quantisation: str) -> Weights:
    if not model.weights:
        why = "it is hosted" if model.ecosystem == "hosted" else "the catalogue knows no file of its weights"
        raise CatalogError(f"{model.id} cannot be pulled: {why}")
    if not quantisation:
        return model.weights[0]
    known = {entry.quantisation.lower(): entry for entry in model.weights if entry.quantisation}
    if quantisation.lower() not in known:
        near = did_you_mean(quantisation.lower(), known)
        raise CatalogError(f"{model.id}: no quantisation {quantisation!r} in the catalogue; {near}")
    return known[quantisation.lower()]


def _licence(catalog: Catalog, model: Model) -> Licence:
    """The model's licence with its terms. What is not known to be open is not open."""
    source = model.provenance("licence")
    stated = None
    if source is not None:
        stated = f"{source.title}, {source.as_of}{'' if source.verified else ' (unverified)'}"
    known = catalog.licence(model.licence) if model.licence is not None else None
    plain = Licence(id=model.licence or "unknown", stated_by=stated)
    if known is None:
        return plain
    return msgspec.structs.replace(
        plain, title=known.name, url=known.url, summary=known.summary, is_open=known.osi_approved
    )
