"""One route of an `assay.toml`, exchanged in its text: every other byte stays as it is.

The tables of the route are found by their headers. Whether that was right is not left to luck: what is written must
read as what was there, with this one route changed, or nothing is written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import tomli_w

from assay.errors import ConfigError

__all__ = ["exchanged", "without"]

_HEADER = re.compile(r"^\s*\[{1,2}\s*(?P<path>[^\[\]#]+?)\s*\]{1,2}\s*(?:#.*)?$")
_OURS = "# assay migrate: "


def exchanged(text: str, routes: Mapping[str, Mapping[str, Any] | None], comments: Iterable[str] = ()) -> str:
    """The text with other tables for some routes.

    Args:
        text: of a configuration.
        routes: name -> its table; None = it is taken out.
        comments: put before the first of them.

    Raises:
        ConfigError: it is no TOML, or the routes are written in a way that cannot be exchanged by itself.
    """
    before = _read(text)
    lines = text.splitlines(keepends=True)
    kept, place = _without(lines, set(routes))
    block = _block(routes, comments)
    head, tail = "".join(kept[:place]), "".join(kept[place:])
    if block and head.strip() and not head.endswith("\n\n") and place == len(kept):
        head = head.rstrip("\n") + "\n\n"
    after = head + block + ("\n" if block and tail.strip() and not tail.startswith("\n") else "") + tail
    if _parsed(after) != _wanted(before, routes):
        names = ", ".join(routes)
        raise ConfigError(
            f"the tables of the route {names} cannot be exchanged in this file by themselves; write each route as "
            "[routes.NAME], or put the new one there by hand"
        )
    return after


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}") from error


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # a route that stands in a table of all routes would be there twice
        return None


def _wanted(before: dict[str, Any], routes: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    wanted = {**before.get("routes", {}), **routes}
    kept = {name: table for name, table in wanted.items() if table is not None}
    return {**{key: value for key, value in before.items() if key != "routes"}, **({"routes": kept} if kept else {})}


def without(text: str, names: Iterable[str]) -> list[str]:
    """The lines of a text that do not belong to these routes, blank ones not counted."""
    kept, _ = _without(text.splitlines(keepends=True), set(names))
    return [line.rstrip() for line in kept if line.strip()]


def _without(lines: list[str], names: set[str]) -> tuple[list[str], int]:
    """The lines that stay, and where the first that goes stood (at the end, if none does).

    Our comments right above a table go with it; what stands right above the next table stays with that.
    """
    kept: list[str] = []
    place: int | None = None
    gone: list[str] | None = None
    for line in lines:
        path = _path(line)
        ours = path is not None and len(path) > 1 and path[0] == "routes" and path[1] in names
        if path is not None and not ours and gone is not None:
            kept, gone = kept + _trailing(gone), None
        if ours and gone is None:
            while kept and kept[-1].startswith(_OURS):
                kept.pop()
            place, gone = (len(kept) if place is None else place), []
        if gone is None:
            kept.append(line)
        else:
            gone.append(line)
    kept += _trailing(gone or [])
    return kept, len(kept) if place is None else place


def _trailing(lines: list[str]) -> list[str]:
    """Blank lines and comments at the end, but for those of ours."""
    at = len(lines)
    while at and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1
    return [line for line in lines[at:] if not line.startswith(_OURS)]


def _path(line: str) -> tuple[str, ...] | None:
    """The keys of a table's header; None for any other line."""
    found = _HEADER.match(line.rstrip("\r\n"))
    if found is None:
        return None
    try:
        table: Any = tomllib.loads(f"[{found['path']}]")
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while isinstance(table, dict) and table:
        (key, table), *_ = table.items()
        path.append(key)
    return tuple(path)


def _block(routes: Mapping[str, Mapping[str, Any] | None], comments: Iterable[str]) -> str:
    tables = {name: dict(table) for name, table in routes.items() if table is not None}
    if not tables:
        return ""
    said = "".join(f"{_OURS}{' '.join(comment.split())}\n" for comment in comments)
    return said + tomli_w.dumps({"routes": tables})
