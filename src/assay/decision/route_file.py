"""A route as TOML with the reasons for it, and its place in a file: a new one, or an `assay.toml` that is there.

What is written stands between two marks, so that it can be replaced later. A file that is there keeps every byte: the
new one is written beside it, must say the same but for this route, and takes its place in one step.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import msgspec
import tomli_w

from assay.config.load import parse
from assay.config.schema import Route
from assay.decision.lock import FILE_NAME as LOCK
from assay.decision.lock import read_lock
from assay.errors import ConfigError

__all__ = ["route_text", "write_route"]

_WIDTH = 116


def route_text(name: str, route: Route, reasons: Sequence[str]) -> str:
    """The route as a piece of an `assay.toml`, between two marks.

    Args:
        name: that clients call.
        route: its candidates and policy.
        reasons: why it is so, for comments: from which decision, on what evidence.
    """
    begin, end = _marks(name)
    comments = [f"# {line}" for reason in reasons for line in wrap(_plain(reason), _WIDTH - 2)]
    table = tomli_w.dumps({"routes": {name: msgspec.to_builtins(route)}}, multiline_strings=False)
    return "\n".join([begin, *comments, table.rstrip("\n"), end]) + "\n"


def write_route(path: Path, name: str, text: str, *, force: bool = False) -> Path:
    """Put a route into a file: alone in a new one, else behind what an `assay.toml` says.

    Args:
        path: the file.
        name: of the route.
        text: of `route_text`.
        force: put it in the place of the route of this name that was written here before.

    Returns:
        The file that was written: where `path` is a link, what it leads to.

    Raises:
        ConfigError: the file is no `assay.toml`, has a route of this name already, would no longer load, or cannot be
            read or written. It is then as it was.
    """
    try:
        file = path.expanduser().resolve()
        old = file.read_bytes() if file.exists() else None
        new = _grown(old, name, text.encode(), file, force=force) if old is not None else text.encode()
        _check_lock(file, name)
        _put(file, new, like=old is not None)
    except OSError as error:
        raise ConfigError(f"cannot write the route {name!r} into {path}: {error.strerror or error}") from error
    return file


# ------------------------------------------------------------------------------------------- its text


def _marks(name: str) -> tuple[str, str]:
    said = _plain(repr(name))
    return f"# ---- route {said}, written by assay", f"# ---- end of route {said}"


def _plain(text: str) -> str:
    """On one line, without what a comment must not hold."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


# ------------------------------------------------------------------------------------------ its place


def _grown(old: bytes, name: str, text: bytes, file: Path, *, force: bool) -> bytes:
    """What was there with the route behind it, or in the place of the one that was written before."""
    said = _read(old, file)
    if "deployments" in said:
        parse(old, file)  # what is broken already is not ours to add to
    elif set(said) != {"routes"}:
        raise ConfigError(f"{file} is no assay.toml: it has no deployments; name another file, or a new one")
    if b"\r\n" in old:
        text = text.replace(b"\n", b"\r\n")
    if name in said.get("routes", {}):
        first, last = _place(old, name, file, force=force)
        new = old[:first] + text + old[last:]
    else:
        new = old + (b"" if old.endswith(b"\n") else b"\n") + b"\n" + text
    if _without(_read(new, file), name) != _without(said, name):
        raise ConfigError(f"{file}: the route {name!r} cannot be put there without changing the rest; do it by hand")
    if "deployments" in said:
        parse(new, file)
    return new


def _place(old: bytes, name: str, file: Path, *, force: bool) -> tuple[int, int]:
    """Where the route that was written before begins and ends, in bytes."""
    if not force:
        raise ConfigError(f"{file} has a route {name!r} already; --force replaces it, --route gives another name")
    lines = old.split(b"\n")
    plain = [line.rstrip(b"\r") for line in lines]
    begin, end = (mark.encode() for mark in _marks(name))
    if plain.count(begin) != 1 or plain.count(end) != 1 or plain.index(begin) > plain.index(end):
        raise ConfigError(f"{file}: the route {name!r} was not written by assay; take it out by hand, or use --route")
    first, last = plain.index(begin), plain.index(end) + 1
    return sum(len(line) + 1 for line in lines[:first]), min(sum(len(line) + 1 for line in lines[:last]), len(old))


def _read(data: bytes, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: a route cannot be added to what is not valid TOML: {error}") from error


def _without(said: dict[str, Any], name: str) -> dict[str, Any]:
    """All that a file says but for one route."""
    routes = {other: route for other, route in said.get("routes", {}).items() if other != name}
    return {**said, "routes": routes}


def _check_lock(file: Path, name: str) -> None:
    """The pinned route has the suite's name, and nothing beside it may be called so."""
    lock = file.with_name(LOCK)
    if lock.exists() and read_lock(lock).route == name:
        raise ConfigError(f"{lock} pins a route {name!r} already; give this one another name with --route")


def _put(file: Path, data: bytes, *, like: bool) -> None:
    """In one step, with the permissions that the file had."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        if like:
            shutil.copymode(file, beside)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
