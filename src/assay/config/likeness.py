"""Deployments that are like another one but for what they name: `like = "small"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.config.table import quoted
from assay.errors import ConfigError, did_you_mean

__all__ = ["EITHER", "OUTPUTS", "changed", "likened"]

EITHER = (
    ("system", "system_file"),
    ("template", "template_file"),
    ("examples", "examples_file"),
    ("reasoning_effort", "reasoning_tokens"),
)
"""Two ways to say the same thing."""
OUTPUTS = ("schema_file", "grammar_file", "choices")
"""The forms that an answer may have, of which it has one."""


def likened(deployments: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of deployments, as TOML gives them, with everything that each takes over from the one that it is like.

    Raises:
        ConfigError: there is no such deployment, or they are like one another in a circle.
    """
    done: dict[str, Any] = {}

    def whole(name: str, trail: tuple[str, ...]) -> Any:
        if name in done:
            return done[name]
        if name in trail:
            circle = " -> ".join((*trail[trail.index(name) :], name))
            raise ConfigError(f"deployments are like one another in a circle: {circle}")
        table = deployments[name]
        model = table.get("like") if isinstance(table, Mapping) else None
        if isinstance(model, str):
            if model not in deployments:
                near = did_you_mean(model, deployments.keys() - {name})
                raise ConfigError(f"deployments.{quoted(name)}.like: unknown {model!r}; {near}")
            table = changed(whole(model, (*trail, name)), table)
        done[name] = table
        return table

    return {name: whole(name, ()) for name in deployments}


def changed(table: Any, changes: Any) -> Any:
    """A table with changes: tables inside it are changed in turn, anything else is exchanged.

    Who says a thing in one of several ways does not take over another way of saying it.
    """
    if not isinstance(table, Mapping) or not isinstance(changes, Mapping):
        return changes
    said_otherwise = {one for group in (*EITHER, OUTPUTS) if changes.keys() & set(group) for one in group}
    kept = {key: value for key, value in table.items() if key not in said_otherwise}
    return kept | {key: changed(kept[key], value) if key in kept else value for key, value in changes.items()}
