"""A deployment as the hard constraints look at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from assay.catalog.model import Model
from assay.catalog.use import NO_TERMS, Terms
from assay.config.schema import Deployment, Price

__all__ = ["Candidate"]


def _unknown() -> Price | None:
    return None


class Candidate(NamedTuple):
    """A deployment by name.

    Attributes:
        model: what the catalogue knows of its model; `None` = nothing.
        terms: what is known of licence and host.
        price: looks up what its tokens cost, only where a constraint needs it; `None` = not known.
    """

    name: str
    deployment: Deployment
    model: Model | None
    terms: Terms = NO_TERMS
    price: Callable[[], Price | None] = _unknown
