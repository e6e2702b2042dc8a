"""Building a policy from the options of its table in `assay.toml`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, cast

from assay import plugins
from assay.config.table import Section, read_table
from assay.errors import ConfigError, did_you_mean
from assay.routing.protocol import Policy


class PolicyOptions(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of policies whose fields are the keys of their table. Policies without checks need no more."""

    kind: ClassVar[str]

    @property
    def checks(self) -> dict[str, dict[str, Any]]:
        """No check, unless the policy says otherwise."""
        return {}

    @property
    def draws(self) -> int | None:
        """How many answers all candidates together are asked for at most; None = each of them one."""
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates that the options name: none, unless the policy says otherwise."""
        return ()


def make_policy(table: Mapping[str, Any], where: str = "policy", candidates: Collection[str] | None = None) -> Policy:
    """The policy that a table describes: `{ kind = "cascade", check = "schema" }`.

    Args:
        table: the options; `kind` names the entry point in `assay.policies`.
        where: what messages name.
        candidates: of the route; what the options name must be among them.

    Raises:
        ConfigError: an unknown key, a wrong value, or the name of one who is no candidate.
        PluginError: an unknown kind.
    """
    options = dict(table)
    made = plugins.load("assay.policies", str(options.pop("kind", "fallback")))
    policy = cast(Policy, read_table(options, made, where))
    for name in getattr(policy, "names", ()):
        if candidates is not None and name not in candidates:
            raise ConfigError(f"{where}: {name!r} is no candidate of this route; {did_you_mean(name, candidates)}")
    return policy


def check_spec(check: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and specification of a check given as a name or as a table with options."""
    spec = {"check": check} if isinstance(check, str) else dict(check)
    return str(spec.get("check", "")), spec
