"""A canary written into a configuration, and taken out of it again: only its routes change, how it was is kept."""

from __future__ import annotations

import re
import tomllib
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any, NamedTuple

from assay.config.load import parse
from assay.config.schema import Config
from assay.decision.lock import FILE_NAME as LOCK
from assay.decision.lock import pinned_beside
from assay.decision.migration.canary import Canary, begun, canaries, canary_of, is_of, sides, staged
from assay.decision.migration.route_text import exchanged, without
from assay.errors import ConfigError
from assay.ledger.rows import new_id
from assay.whole_file import rewrite_whole

__all__ = ["Written", "go_back", "write_canary"]

_BARE = re.compile(rb"(?<!\r)\n")


class Written(NamedTuple):
    """What was written: the file, the copy of how it was before the canary, and the canary."""

    file: Path
    copy: Path
    canary: Canary


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
        ConfigError: it cannot be written, was changed meanwhile, would not load, or no route was named and none can be
            meant.
    """
    if not 0.0 < share <= 1.0:
        raise ConfigError(f"--canary is a share of traffic above 0 and up to 1, not {share!r}")
    if not file.exists() and file.resolve().parent != base.resolve().parent:
        raise ConfigError(f"{file}: paths in a configuration start at its folder; write it beside {base}")
    there = _bytes(file) if file.exists() else None
    was = _text(file, there) if there is not None else _text(base, _bytes(base))
    text = f"{was.rstrip()}\n\n{deployments}" if deployments else was
    config = parse(text.encode(), file.resolve())
    for name in (old, new):
        if name not in config.deployments and name not in config.routes:
            raise ConfigError(f"{file}: no deployment or route {name!r} there, so it cannot route to it")
    name = _route(config, old, new, route)
    _check_lock(file, name)
    first = Canary(name, new_id(), old, new, share)
    made, routes = _stage(file, config, text, first)
    copy = _copy(file, made)
    comments = (
        f"canary of {old} -> {new}, {share:.0%} of the sessions; as it was: {copy.name}",
        f"how it goes: assay migrate --status {name}; back: assay migrate --back {file.name}",
    )
    after = exchanged(text, routes, comments)
    parse(after.encode(), file.resolve())
    if not only_check:
        begins = made.id == first.id
        if begins:
            _put(copy, None, _in_the_form_of(there, was), like=file)
        try:
            _put(file, there, _in_the_form_of(there, after), like=file)
        except ConfigError:
            if begins:
                copy.unlink(missing_ok=True)  # nothing has begun
            raise
    return Written(file, copy, made)


def _stage(file: Path, config: Config, text: str, first: Canary) -> tuple[Canary, dict[str, dict[str, Any]]]:
    """What the routes become: the first stage of a move, or a further one of its canary."""
    tables = tomllib.loads(text).get("routes", {})
    known = next((one for one in canaries(config) if one.route == first.route), None)
    if known is None:
        return begun(config, tables, first)
    if not is_of(config, known, first.old, first.new):
        raise ConfigError(
            f"the route {first.route!r} is a canary of another move ({known.old} -> {known.new}); end that first: "
            f"assay migrate --back {file} --route {first.route}"
        )
    return known._replace(share=first.share), staged(known, tables, first.share)


def go_back(file: Path, route: str | None = None) -> Written:
    """Write the route as it was before the canary: the whole file, if nothing but that was changed since.

    Args:
        file: with the canary.
        route: that clients call; default: the only one that is a canary.

    Raises:
        ConfigError: the file has no such canary, or several; or what was before is not kept.
    """
    there = _bytes(file)
    text = _text(file, there)
    found = _canary(file, parse(text.encode(), file.resolve()), route)
    copy = _copy(file, found)
    if not copy.exists():
        raise ConfigError(
            f"{copy} is not there, so it is not known how the route {found.route!r} was; put {found.old} in its place "
            "by hand"
        )
    before = _text(copy, _bytes(copy))
    names = (found.route, *sides(found.route))
    old_routes: dict[str, Any] = tomllib.loads(before).get("routes", {})
    if without(text, names) == without(before, names):
        after = before
    else:
        present = tomllib.loads(text).get("routes", {})
        wanted = {name: old_routes.get(name) for name in names if name in old_routes or name in present}
        after = exchanged(text, wanted)
    parse(after.encode(), file.resolve())
    _put(file, there, _in_the_form_of(there, after), like=file)
    return Written(file, copy, found)


def _canary(file: Path, config: Config, route: str | None) -> Canary:
    if route is not None:
        return canary_of(config, route)
    found = list(canaries(config))
    if not found:
        raise ConfigError(f"{file} has no canary to go back from")
    if len(found) > 1:
        names = ", ".join(one.route for one in found)
        raise ConfigError(f"{file} has several canaries; name the route to go back with: --route, one of {names}")
    return found[0]


def _route(config: Config, old: str, new: str, named: str | None) -> str:
    """The route that clients call: where a canary of this move stands already, that one."""
    begun = [one.route for one in canaries(config) if is_of(config, one, old, new)]
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


def _copy(file: Path, canary: Canary) -> Path:
    return file.with_name(f"{file.name}.before-{canary.id}")


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


def _text(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")  # as it is: ends of lines too
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {file}: {error}") from error


def _check_lock(file: Path, name: str) -> None:
    """The pinned route is no table of the file."""
    if pinned_beside(file) == name:
        raise ConfigError(
            f"{file.with_name(LOCK)} pins the route {name!r}: its pins move with --pin; --route names another route"
        )


def _put(file: Path, was: bytes | None, data: bytes, *, like: Path) -> None:
    try:
        rewrite_whole(file, was, data, like=like)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror or error}") from error


def _in_the_form_of(there: bytes | None, text: str) -> bytes:
    """With the mark that a file begins with, and the ends of lines that all of it has."""
    was, data = there or b"", text.encode()
    if b"\r\n" in was and not _BARE.search(was):
        data = _BARE.sub(b"\r\n", data)
    return BOM_UTF8 + data if was.startswith(BOM_UTF8) else data
