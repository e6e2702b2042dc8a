"""Building a policy from the options of its table in `assay.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import msgspec

from assay import plugins
from assay.errors import ConfigError, did_you_mean
from assay.routing.protocol import Policy


class PolicyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of policies whose fields are the keys of their table. Policies without checks need no more."""

    kind: ClassVar[str]

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """No check, unless the policy says otherwise."""
        return {}


def make_policy(table: Mapping[str, Any], where: str = "policy") -> Policy:
    """The policy that a table describes: `{ kind = "cascade", check = "schema" }`.

    Args:
        table: the options; `kind` names the entry point in `assay.policies`.
        where: what messages name.

    Raises:
        ConfigError: an unknown key or a wrong value.
        PluginError: an unknown kind.
    """
    options = dict(table)
    made = plugins.load("assay.policies", str(options.pop("kind", "fallback")))
    known = {field.name for field in msgspec.structs.fields(made)}
    for key in options:
        if key not in known:
            raise ConfigError(f"unknown key '{where}.{key}' of policy {made.kind!r}; {did_you_mean(key, known)}")
    try:
        return cast(Policy, msgspec.convert(options, made, strict=True))
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"{where} ({made.kind}): {error}") from error


def check_spec(check: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and specification of a check given as a name or as a table with options."""
    spec = {"check": check} if isinstance(check, str) else dict(check)
    return str(spec.get("check", "")), spec
