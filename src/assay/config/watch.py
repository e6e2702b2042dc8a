"""The table `[watch]` of an `assay.toml`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from assay.config.table import Section

__all__ = ["Watch"]


class Watch(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `assay watch` asks hosted deployments day after day, to notice a model that was changed behind its name.

    Attributes:
        deployments: whom it asks; default: the hosted deployments that the pins use, or else the last decision.
        suite: folder of the suite that canaries are from; default: `decide.suite`.
        canaries_per_day: samples of it, always the same ones; 0 = none, so that only border inputs are watched.
        borders: prompts whose answer hangs by a hair, found by `assay watch --find-borders`; 0 = none.
        alarms_per_year: false alarms of one deployment in a year at most, on the average.
    """

    deployments: tuple[str, ...] | None = None
    suite: str | None = None
    canaries_per_day: Annotated[int, Meta(ge=0, le=10_000)] = 50
    borders: Annotated[int, Meta(ge=0, le=200)] = 20
    alarms_per_year: Annotated[float, Meta(ge=0.01, le=100)] = 1.0
