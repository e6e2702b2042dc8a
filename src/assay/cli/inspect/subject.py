"""What a name on the command line means: a deployment, a file, or a model of the catalogue; as in `app.open_for`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from assay.catalog.load import Catalog
from assay.catalog.located import weights_of
from assay.catalog.model import Model
from assay.cli.places import catalog_of
from assay.config.load import load_if_any
from assay.config.schema import Deployment
from assay.errors import WeightsError
from assay.weights.anatomy import Anatomy, anatomy
from assay.weights.store import Store

__all__ = ["Subject", "subject"]


class Subject(NamedTuple):
    """What is looked at.

    Attributes:
        model: what the catalogue knows; None = nothing.
        anatomy: what its file says; None = there is none here, `missing` says why.
    """

    model: Model | None
    anatomy: Anatomy | None
    missing: str = ""


def subject(name: str, config: str | None) -> Subject:
    """The subject of this name.

    Raises:
        CatalogError: there is nothing of this name.
        WeightsError: its file is damaged.
    """
    catalog, deployments = _known(config)
    deployment, path = deployments.get(name), Path(name).expanduser()
    if deployment is None and path.exists():
        return Subject(None, anatomy(path))
    if deployment is None and path.suffix in (".gguf", ".safetensors"):
        raise WeightsError(f"weights {name}: no such file")
    model = catalog.get(deployment.model if deployment else name)
    if deployment is None and model is None:
        catalog.find(name)  # raises, naming the nearest
    return _held(deployment or Deployment(model=model.id if model else name, dialect="local"), model)


def _known(config: str | None) -> tuple[Catalog, dict[str, Deployment]]:
    loaded = load_if_any(config)
    return catalog_of(loaded), loaded.config.deployments if loaded is not None else {}


def _held(deployment: Deployment, model: Model | None) -> Subject:
    """The file that a deployment runs on, if there is one and it is here."""
    if deployment.dialect != "local":
        return Subject(model, None, "its weights are not here: it is reached at a host")
    try:
        file = weights_of(deployment, model, Store())
    except WeightsError as error:
        return Subject(model, None, str(error))
    if file is None and model is not None and model.ecosystem == "hosted":
        return Subject(model, None, "it is hosted: its weights are not given out")
    if file is None:
        return Subject(model, None, "no file of its weights is known")
    return Subject(model, anatomy(file))
