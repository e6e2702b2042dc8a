"""A warning where nothing but popularity speaks for a model: many copies are no evidence of quality."""

from __future__ import annotations

from assay.catalog.load import Catalog
from assay.catalog.model import Model

__all__ = ["only_popular"]

_WIDELY = 50
"""Derivatives from which a family counts as popular: fewer are found around almost any family that is talked of."""


def only_popular(model: Model, catalog: Catalog) -> str | None:
    """What to say of a model whose family is widely derived from, and of which no published figure is known.

    `None` where there is a figure, or no popularity either.
    """
    family = catalog.family(model)
    if family is None or (family.derivatives or 0) < _WIDELY or model.benchmarks:
        return None
    return (
        f"only its popularity speaks for {model.id} "
        f"({family.derivatives:,} models or more derive from {family.name}): "
        "no published figure of it is known; measure it on your own work"
    )
