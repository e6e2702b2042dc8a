"""Adapted candidates as tables of an `assay.toml`: what was measured can be pinned and served."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from assay.config.schema import Config, Deployment, Settings
from assay.decision.adapting.adaptation import Adaptation
from assay.decision.adapting.variant import adapted_config

__all__ = ["adapted_tables", "adapted_toml"]

_HEAD = """\
# Deployments with the prompts that `assay choose --adapt` found; {won}.
# Put these tables into {file}: then `assay choose` finds what was measured, and `assay pin` freezes it.

"""
_SETTINGS_PATHS = ("schema_file", "grammar_file", "system_file", "template_file", "examples_file")


def adapted_tables(config: Config, adaptations: Sequence[Adaptation], folder: Path) -> dict[str, Any]:
    """Name -> table of each adapted deployment.

    Args:
        config: that the candidates are of.
        adaptations: of one call.
        folder: of the `assay.toml` that they are for: paths start there.
    """
    return {
        one.adapted: _table(_adapted(config.deployments[one.candidate], one), folder)
        for one in adaptations
        if one.adapted is not None
    }


def adapted_toml(config: Config, adaptations: Sequence[Adaptation], file: Path) -> str:
    """The same as text, with a head that says what to do with it. Empty where nothing won.

    Args:
        config: that the candidates are of.
        adaptations: of one call.
        file: the `assay.toml` that they are for.
    """
    tables = adapted_tables(config, adaptations, file.parent)
    if not tables:
        return ""
    won = "; ".join(f"{one.adapted}: {', '.join(_won(one))}" for one in adaptations if one.adapted is not None)
    body = tomli_w.dumps({"deployments": tables}, multiline_strings=False)
    return _HEAD.format(won=won, file=file.name) + body


def _won(one: Adaptation) -> list[str]:
    return [kind.kind for kind in one.kinds if kind.won is not None]


def _adapted(deployment: Deployment, one: Adaptation) -> Deployment:
    won = {kind.kind: kind.settings for kind in one.kinds if kind.settings is not None}
    return adapted_config(deployment, won, one.only_kinds)


def _table(deployment: Deployment, folder: Path) -> dict[str, Any]:
    weights = deployment.weights
    relative = msgspec.structs.replace(
        deployment,
        weights=weights if weights is None or ":" in weights else _from(weights, folder),
        script=_from(deployment.script, folder),
        ca_file=_from(deployment.ca_file, folder),
        settings=_relative(deployment.settings, folder),
        kinds={kind: _relative(settings, folder) for kind, settings in deployment.kinds.items()},
    )
    table: dict[str, Any] = msgspec.to_builtins(relative)
    return table


def _relative(settings: Settings, folder: Path) -> Settings:
    paths = {key: _from(getattr(settings, key), folder) for key in _SETTINGS_PATHS}
    return msgspec.structs.replace(settings, **paths)


def _from(path: str | None, folder: Path) -> str | None:
    """A path as the file names it: from its own folder, where it is in there."""
    if path is None:
        return None
    inside = os.path.relpath(path, folder)
    return path if inside.startswith("..") else inside
