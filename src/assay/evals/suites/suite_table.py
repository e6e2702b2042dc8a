"""`suite.toml`: its tables as they are written."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from assay.config.table import Section
from assay.evals.suites.samples import GraderSpec
from assay.types import Label

__all__ = ["KindTable", "ProfileTable", "Reducer", "SuiteTable"]

Reducer = Literal["mean", "all", "any", "majority"]


class KindTable(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[kinds."NAME"]` of `suite.toml`.

    Attributes:
        samples: JSONL file.
        bar: share of samples to pass; default: the caller's.
        gate: run in full, and nothing is chosen for the kinds it guards unless it passes.
        guards: kinds that this gate stands before; default: all.
        graders: `{ check = "normalised", ... }`; all must pass.
        label: privacy label of the kind's requests.
        tools_file: JSON list of the tools that every request offers: `{ name, description, parameters }` each.
        p95_latency_s: nothing slower is chosen; samples of the kind are then asked one at a time.
        repeats: each sample is asked so often, which shows how steady an answer is.
        reducer: what the values of the repeats come to: their mean, or 1 where `all`, `any` or the `majority` passed.
    """

    samples: str
    description: str = ""
    bar: Annotated[float, Meta(gt=0, le=1)] | None = None
    gate: bool = False
    guards: tuple[str, ...] | None = None
    graders: tuple[GraderSpec, ...]
    label: Label = Label.UNLABELLED
    tools_file: str | None = None
    p95_latency_s: Annotated[float, Meta(gt=0)] | None = None
    repeats: Annotated[int, Meta(ge=1, le=1000)] = 1
    reducer: Reducer = "mean"


class ProfileTable(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[profiles.NAME]`: the kinds that watch for one failure that the team cannot afford."""

    kinds: Annotated[tuple[str, ...], Meta(min_length=1)]
    description: str = ""


class SuiteTable(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`suite.toml`."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: str
    description: str = ""
    kinds: dict[str, KindTable]
    profiles: dict[str, ProfileTable] = {}
