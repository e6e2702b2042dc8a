"""A move in steps: a route of the name that clients call, split between before and after, and the way back.

The split's version is `migrate-ID`. The first twelve digits of the ID are the time at which it began, which is what
`assay migrate --status` reads from; a later stage keeps it, so that a session that has moved stays where it is. The
file as it was before the first stage is kept beside it as `FILE.before-ID`.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.config.load import parse
from assay.config.schema import Config, Route
from assay.decision.lock import FILE_NAME as LOCK
from assay.decision.lock import read_lock
from assay.decision.migration.route_text import exchanged, without
from assay.errors import ConfigError, did_you_mean
from assay.ledger.rows import new_id

__all__ = ["STAGES", "Canary", "Written", "canary_of", "go_back", "write_canary"]

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


class Written(NamedTuple):
    """What was written: the file, the copy of how it was before the canary, and the canary."""

    file: Path
    copy: Path
    canary: Canary


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


def _canaries(config: Config) -> Iterator[Canary]:
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


def write_canary(
    file: Path, base: Path, old: str, new: str, share: float, route: str | None = None, *, deployments: str = "",
    only_check: bool = False,
) -> Written:  # fmt: skip
    """Write a stage into a configuration.

    Args:
        file: what is written; if it is there, it is kept beside as it was, and changed in place.
        base: the configuration that a new file is a copy of.
        old: deployment or route in use.
        new: the one that takes its place.
        share: of traffic that the new one gets, above 0 to 1.
        route: that clients call; default: `old`, where that is a route, else the only one that it is a candidate of.
        deployments: tables that the new one needs and the file has not; they stay when the route goes back.
        only_check: write nothing, but make sure that it could be.

    Raises:
        ConfigError: it cannot be written, would not load, or no route was named and none can be meant.
    """
    if not 0.0 < share <= 1.0:
        raise ConfigError(f"--canary is a share of traffic above 0 and up to 1, not {share!r}")
    if not file.exists() and file.resolve().parent != base.resolve().parent:
        raise ConfigError(f"{file}: paths in a configuration start at its folder; write it beside {base}")
    was = _text(file if file.exists() else base)
    text = f"{was.rstrip()}\n\n{deployments}" if deployments else was
    config, tables = parse(text.encode(), file.resolve()), tomllib.loads(text).get("routes", {})
    for name in (old, new):
        if name not in config.deployments and name not in config.routes:
            raise ConfigError(f"{file}: no deployment or route {name!r} there, so it cannot route to it")
    name = _route(config, old, new, route)
    _check_lock(file, name)
    known = _canary(name, config.routes[name].policy) if name in config.routes else None
    if known is not None:
        if not _is_of(config, known, old, new):
            raise ConfigError(
                f"the route {name!r} is a canary of another move ({known.old} -> {known.new}); end that first: "
                f"assay migrate --back {file}"
            )
        made, routes = known._replace(share=share), _staged(known, tables, share)
    else:
        made = Canary(name, new_id(), old, new, share)
        made, routes = _begun(config, tables, made)
    copy = _copy(file, made)
    comments = (
        f"canary of {old} -> {new}, {share:.0%} of the sessions; as it was: {copy.name}",
        f"how it goes: assay migrate --status {name}; back: assay migrate --back {file.name}",
    )
    after = exchanged(text, routes, comments)
    parse(after.encode(), file.resolve())
    if known is None and not only_check:
        _put(copy, was, like=file)
    if not only_check:
        _put(file, after, like=file)
    return Written(file, copy, made)


def go_back(file: Path) -> Written:
    """Write the route as it was before the canary: the whole file, if nothing but that was changed since.

    Raises:
        ConfigError: the file has no canary, or what was before is not kept.
    """
    text = _text(file)
    config = parse(text.encode(), file.resolve())
    found = next(_canaries(config), None)
    if found is None:
        raise ConfigError(f"{file} has no canary to go back from")
    copy = _copy(file, found)
    if not copy.exists():
        raise ConfigError(
            f"{copy} is not there, so it is not known how the route {found.route!r} was; put {found.old} in its place "
            "by hand"
        )
    before = _text(copy)
    names = (found.route, f"{found.route}{_BEFORE}", f"{found.route}{_AFTER}")
    old_routes: dict[str, Any] = tomllib.loads(before).get("routes", {})
    if without(text, names) == without(before, names):
        after = before
    else:
        present = tomllib.loads(text).get("routes", {})
        wanted = {name: old_routes.get(name) for name in names if name in old_routes or name in present}
        after = exchanged(text, wanted)
    parse(after.encode(), file.resolve())
    _put(file, after, like=file)
    return Written(file, copy, found)


# ---------------------------------------------------------------------------------------- the tables


def _route(config: Config, old: str, new: str, named: str | None) -> str:
    """The route that clients call: where a canary of this move stands already, that one."""
    begun = [one.route for one in _canaries(config) if _is_of(config, one, old, new)]
    over = [name for name, route in config.routes.items() if old in route.candidates]
    if named is None and len(begun) == 1:
        (named,) = begun
    elif named is None and old in config.routes:
        named = old
    elif named is None and len(over) == 1:
        (named,) = over
    elif named is None:
        some = f"{old} is a candidate of {', '.join(over)}" if over else f"{old} is a candidate of no route"
        raise ConfigError(f"{some}; name the route that clients call: --route NAME")
    if named in config.deployments:
        raise ConfigError(
            f"{named!r} is the name of a deployment, so no route can be called so; name one with --route, and let "
            "clients call that"
        )
    return named


def _begun(config: Config, tables: Mapping[str, Any], made: Canary) -> tuple[Canary, dict[str, dict[str, Any]]]:
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


def _is_of(config: Config, known: Canary, old: str, new: str) -> bool:
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


def _staged(known: Canary, tables: Mapping[str, Any], share: float) -> dict[str, dict[str, Any]]:
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


# ------------------------------------------------------------------------------------------- the file


def _copy(file: Path, canary: Canary) -> Path:
    return file.with_name(f"{file.name}.before-{canary.id}")


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")  # as it is: ends of lines too
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


def _check_lock(file: Path, name: str) -> None:
    """The pinned route is no table of the file."""
    lock = file.with_name(LOCK)
    if lock.exists() and read_lock(lock).route == name:
        raise ConfigError(f"{lock} pins the route {name!r}: its pins move with --pin; --route names another route")


def _put(file: Path, text: str, *, like: Path) -> None:
    """In one step: a reader sees the old or the new file; it may be read by whoever may read `like`."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode())
        if like.exists():
            shutil.copymode(like, beside)
        beside.replace(file)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
