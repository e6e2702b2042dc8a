"""Making a check from its specification: `{ check = "regex", pattern = "..." }`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from assay import plugins
from assay.checks.check import Check
from assay.errors import ConfigError


def make_check(spec: Mapping[str, Any]) -> Check:
    """The check that `spec` names, with its other keys as options.

    Raises:
        ConfigError: no `check`, or an option is wrong.
        PluginError: an unknown check.
    """
    options = dict(spec)
    name = options.pop("check", None)
    if not isinstance(name, str):
        known = ", ".join(plugins.names("assay.checks"))
        raise ConfigError(
            f'a grader needs a check, as in {{ check = "normalised" }}; got {dict(spec)!r}; known: {known}'
        )
    return cast(Check, plugins.load("assay.checks", name)(**options))
