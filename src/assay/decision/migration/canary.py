"""A move in steps: a route of the name that clients call, split between before and after, and the way back.

The split's version is `migrate-ID`. The first twelve digits of the ID are the time at which it began, which is what
`assay migrate --status` reads from; a later stage keeps it, so that a session that has moved stays where it is. The
file as it was before the first stage is kept beside it as `FILE.before-ID`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from assay.config.schema import Config, Route
from assay.errors import ConfigError, did_you_mean

__all__ = ["STAGES", "Canary", "begun", "canaries", "canary_of", "is_of", "sides", "staged"]

STAGES = (0.05, 0.25, 1.0)
"""Shares of traffic for the new one, stage by stage."""
_VERSION = "migrate-"
_ID_CHARS = 32
_BEFORE, _AFTER = "-before", "-after"


class Canary(NamedTuple):
    """A split that was written here.

    Attributes:
        route: that clients call.
        id: of the migration; `since_s`: when it began, in seconds since 1970.
        old, new: its arms.
        share: of traffic that the new one gets.
    """

    route: str
    id: str
    old: str
    new: str
    share: float

    @property
    def since_s(self) -> float:
        """When the first stage was written."""
        return int(self.id[:12], 16) / 1000

    @property
    def next_share(self) -> float | None:
        """Of the next stage; None after the last."""
        return next((share for share in STAGES if share > self.share), None)


def canary_of(config: Config, name: str) -> Canary:
    """The canary that a route is.

    Raises:
        ConfigError: there is no such route, or it was not written by a migration.
    """
    route = config.routes.get(name)
    if route is None:
        raise ConfigError(f"there is no route {name!r}; {did_you_mean(name, config.routes)}")
    found = _canary(name, route.policy)
    if found is None:
        raise ConfigError(f"the route {name!r} is no canary; assay migrate OLD NEW --write FILE makes one")
    return found


def canaries(config: Config) -> Iterator[Canary]:
    """All canaries of a configuration."""
    return (found for name, route in config.routes.items() if (found := _canary(name, route.policy)) is not None)


def _canary(name: str, policy: Mapping[str, Any]) -> Canary | None:
    version, weights = str(policy.get("version", "")), policy.get("weights")
    migration = version.removeprefix(_VERSION)
    if policy.get("kind") != "split" or migration == version or len(migration) != _ID_CHARS:
        return None
    if not isinstance(weights, Mapping) or len(weights) != 2 or set(migration) - set("0123456789abcdef"):
        return None
    (old, _), (new, share) = weights.items()
    return Canary(name, migration, old, new, float(share))


# ---------------------------------------------------------------------------------------- the tables


def begun(config: Config, tables: Mapping[str, Any], made: Canary) -> tuple[Canary, dict[str, dict[str, Any]]]:
    """The first stage: a split of the name, and, where the route was more than the old one alone, both ways whole."""
    name, old, new = made.route, made.old, made.new
    before: dict[str, Any] | None = dict(tables[name]) if name in tables else None
    more: dict[str, dict[str, Any]] = {}
    if before is not None and not _plain(config.routes[name], old):
        if name != old and old not in before["candidates"]:
            raise ConfigError(f"{old!r} is no candidate of the route {name!r}, so it cannot be exchanged there")
        made = made._replace(old=f"{name}{_BEFORE}", new=new if name == old else f"{name}{_AFTER}")
        more = {made.old: before} | ({made.new: _instead(before, old, new)} if name != old else {})
    for one in more:
        if one in config.routes or one in config.deployments:
            raise ConfigError(f"the name {one!r} is taken; it is needed for one side of the canary")
    outer = {key: value for key, value in (before or {}).items() if key not in ("candidates", "policy")}
    return made, {name: {"candidates": [made.old, made.new], **outer, "policy": _policy(made)}, **more}


def is_of(config: Config, known: Canary, old: str, new: str) -> bool:
    """Whether a canary is of this move: its arms are the two, or routes that were made of them."""
    for arm, ending, wanted in ((known.old, _BEFORE, old), (known.new, _AFTER, new)):
        route = config.routes.get(arm)
        made = arm == f"{known.route}{ending}" and route is not None
        if arm != wanted and not (made and route is not None and wanted in (known.route, *route.candidates)):
            return False
    return True


def _plain(route: Route, old: str) -> bool:
    return route.candidates == (old,) and route.policy.get("kind") in ("fallback", "fixed")


def _policy(made: Canary) -> dict[str, Any]:
    weights = {made.old: round(1.0 - made.share, 6), made.new: made.share}
    return {"kind": "split", "weights": weights, "version": f"{_VERSION}{made.id}", "on_failure": "next"}


def sides(route: str) -> tuple[str, str]:
    """The names of both ways of a route, where each is a route itself."""
    return f"{route}{_BEFORE}", f"{route}{_AFTER}"


def staged(known: Canary, tables: Mapping[str, Any], share: float) -> dict[str, dict[str, Any]]:
    """A further stage: other weights, the rest as it is."""
    return {known.route: {**tables[known.route], "policy": _policy(known._replace(share=share))}}


def _instead(table: Any, old: str, new: str, under: str = "") -> Any:
    """The table with another name wherever the old one is called: in values, and as the key of a weight."""
    if isinstance(table, dict):
        return {
            (new if key == old and under == "weights" else key): _instead(value, old, new, key)
            for key, value in table.items()
        }
    if isinstance(table, list):
        found = [_instead(one, old, new) for one in table]
        return list(dict.fromkeys(found)) if under == "candidates" else found
    return new if table == old else table
