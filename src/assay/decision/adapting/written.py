"""Adapted candidates as tables of an `assay.toml`: what was measured can be pinned and served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from assay.config.load import FILE_KEYS
from assay.config.schema import Config, Deployment, Settings
from assay.decision.adapting.adaptation import Adaptation, KindAdaptation
from assay.decision.adapting.variant import adapted_config

__all__ = ["adapted_table", "reasons_of"]


def adapted_table(config: Config, adaptation: Adaptation, folder: Path) -> dict[str, Any]:
    """The table of an adapted deployment; it says what it is like, and the prompts of the kinds that were won.

    A member of a grid is in no table of its own that another could be like: then everything is said.

    Args:
        config: that the candidate is of.
        adaptation: has an adapted candidate.
        folder: of the `assay.toml` that it is for: paths start there.
    """
    won = {kind.kind: kind.settings for kind in adaptation.kinds if kind.settings is not None}
    made_by_grid = {member.name for grid in config.grids.values() for member in grid.members}
    if adaptation.candidate in made_by_grid:
        whole = adapted_config(config.deployments[adaptation.candidate], won, adaptation.only_kinds)
        return _plain(_relative_deployment(whole, folder))
    table: dict[str, Any] = {"like": adaptation.candidate}
    if adaptation.only_kinds is not None:
        table["only_kinds"] = list(adaptation.only_kinds)
    return table | {"kinds": {kind: _plain(_relative(settings, folder)) for kind, settings in won.items()}}


def reasons_of(adaptation: Adaptation) -> tuple[str, ...]:
    """Where an adapted deployment comes from, in sentences."""
    won = [kind for kind in adaptation.kinds if kind.won is not None]
    return (
        f"{adaptation.candidate} with the prompts that `assay choose --adapt` found on dev samples.",
        *(f"{kind.kind}: {kind.reason}{_heldout(kind)}." for kind in won),
    )


def _heldout(kind: KindAdaptation) -> str:
    if kind.gain is None:
        return ""
    n = kind.gain.comparison.samples
    return f"; {kind.gain.adapted} of {n} held out, and {kind.gain.configured} as configured"


def _plain(section: Deployment | Settings) -> dict[str, Any]:
    table: dict[str, Any] = msgspec.to_builtins(section)
    return table


def _relative_deployment(deployment: Deployment, folder: Path) -> Deployment:
    weights = deployment.weights
    return msgspec.structs.replace(
        deployment,
        like=None,
        weights=weights if weights is None or ":" in weights else _from(weights, folder),
        script=_from(deployment.script, folder),
        ca_file=_from(deployment.ca_file, folder),
        settings=_relative(deployment.settings, folder),
        kinds={kind: _relative(settings, folder) for kind, settings in deployment.kinds.items()},
    )


def _relative(settings: Settings, folder: Path) -> Settings:
    return msgspec.structs.replace(settings, **{key: _from(getattr(settings, key), folder) for key in FILE_KEYS})


def _from(path: str | None, folder: Path) -> str | None:
    """A path as the file names it: from its own folder, where it is in there."""
    if path is None:
        return None
    inside = os.path.relpath(path, folder)
    return path if inside.startswith("..") else inside
