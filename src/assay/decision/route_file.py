"""A route as TOML with the reasons for it, and its place in a file: a new one, or an `assay.toml` that is there.

Deployments that a route needs, and that the file does not describe yet, are written with it in the same way.

What is written stands between two marks, so that it can be replaced later. A file that is there keeps every byte: the
new one is written beside it, must say the same but for this route, and takes its place in one step.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

import msgspec
import tomli_w

from assay.config.load import parse
from assay.config.schema import Route
from assay.decision.lock import FILE_NAME as LOCK
from assay.decision.lock import pinned_beside
from assay.errors import ConfigError
from assay.whole_file import rewrite_whole

__all__ = ["Piece", "deployment_piece", "route_text", "write_route"]

_WIDTH = 116


class Piece(NamedTuple):
    """What is written between two marks.

    Attributes:
        table: that it belongs to: `routes` or `deployments`.
        name: of the route or deployment.
        text: with its marks.
    """

    table: str
    name: str
    text: str


def route_text(name: str, route: Route, reasons: Sequence[str]) -> str:
    """The route as a piece of an `assay.toml`, between two marks.

    Args:
        name: that clients call.
        route: its candidates and policy.
        reasons: why it is so, for comments: from which decision, on what evidence.
    """
    return _text("routes", name, msgspec.to_builtins(route), reasons)


def deployment_piece(name: str, content: dict[str, Any], reasons: Sequence[str]) -> Piece:
    """A deployment, to be written with the route that needs it.

    Args:
        name: of the deployment.
        content: its table.
        reasons: where it comes from, for comments.
    """
    return Piece("deployments", name, _text("deployments", name, content, reasons))


def _text(table: str, name: str, content: dict[str, Any], reasons: Sequence[str]) -> str:
    begin, end = _marks(table, name)
    comments = [f"# {line}" for reason in reasons for line in wrap(_plain(reason), _WIDTH - 2)]
    said = tomli_w.dumps({table: {name: content}}, multiline_strings=False)
    return "\n".join([begin, *comments, said.rstrip("\n"), end]) + "\n"


def write_route(path: Path, name: str, text: str, *, force: bool = False, deployments: Sequence[Piece] = ()) -> Path:
    """Put a route into a file: alone in a new one, else behind what an `assay.toml` says.

    Args:
        path: the file.
        name: of the route.
        text: of `route_text`.
        force: put it in the place of the route of this name that was written here before.
        deployments: of `deployment_piece`, that the route needs: all are written, or none.

    Returns:
        The file that was written: where `path` is a link, what it leads to.

    Raises:
        ConfigError: the file is no `assay.toml`, has a route of this name already, would no longer load, cannot be read
            or written, or was changed meanwhile. It is then as it was.
    """
    try:
        file = path.expanduser().resolve()
        old = file.read_bytes() if file.exists() else None
        pieces = [*deployments, Piece("routes", name, text)]
        new = (
            _grown(old, pieces, file, force=force)
            if old is not None
            else "\n".join(one.text for one in pieces).encode()
        )
        _check_lock(file, name)
        rewrite_whole(file, old, new)
    except OSError as error:
        raise ConfigError(f"cannot write the route {name!r} into {path}: {error.strerror or error}") from error
    return file


# ------------------------------------------------------------------------------------------- its text


def _marks(table: str, name: str) -> tuple[str, str]:
    said = f"{_word(table)} {_plain(repr(name))}"
    return f"# ---- {said}, written by assay", f"# ---- end of {said}"


def _word(table: str) -> str:
    return table.removesuffix("s")


def _plain(text: str) -> str:
    """On one line, without what a comment must not hold."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


# ------------------------------------------------------------------------------------------ its place


def _grown(old: bytes, pieces: Sequence[Piece], file: Path, *, force: bool) -> bytes:
    """What was there with the pieces behind it, or in the places of those that were written before."""
    said = _read(old, file)
    whole = "deployments" in said and not _only_ours(said, old)
    if whole:
        parse(old, file)  # what is broken already is not ours to add to
    elif not set(said) <= {"routes", "deployments"}:
        raise ConfigError(f"{file} is no assay.toml: it has no deployments; name another file, or a new one")
    new = old
    for piece in pieces:
        new = _with(new, piece, file, force=force)
    if _without(_read(new, file), pieces) != _without(said, pieces):
        names = ", ".join(f"the {_word(one.table)} {one.name!r}" for one in pieces)
        raise ConfigError(f"{file}: {names} cannot be put there without changing the rest; do it by hand")
    if whole:
        parse(new, file)
    return new


def _only_ours(said: dict[str, Any], old: bytes) -> bool:
    """Whether all its deployments were written here: then they are like others, of a file that is not this one."""
    lines = {line.rstrip(b"\r") for line in old.split(b"\n")}
    return bool(said["deployments"]) and all(
        _marks("deployments", name)[0].encode() in lines for name in said["deployments"]
    )


def _with(old: bytes, piece: Piece, file: Path, *, force: bool) -> bytes:
    ended = b"\r\n" if b"\r\n" in old else b"\n"
    text = piece.text.encode().replace(b"\n", ended)
    if piece.name in _read(old, file).get(piece.table, {}):
        first, last = _place(old, piece, file, force=force)
        return old[:first] + text + old[last:]
    return old + (b"" if old.endswith(b"\n") else ended) + ended + text


def _place(old: bytes, piece: Piece, file: Path, *, force: bool) -> tuple[int, int]:
    """Where what was written before begins and ends, in bytes."""
    what = f"{_word(piece.table)} {piece.name!r}"
    other = "--route gives another name" if piece.table == "routes" else "rename it to keep it"
    if not force:
        raise ConfigError(f"{file} has a {what} already; --force replaces it, {other}")
    lines = old.split(b"\n")
    plain = [line.rstrip(b"\r") for line in lines]
    begin, end = (mark.encode() for mark in _marks(piece.table, piece.name))
    if plain.count(begin) != 1 or plain.count(end) != 1 or plain.index(begin) > plain.index(end):
        raise ConfigError(f"{file}: the {what} was not written by assay; take it out by hand, or use --route")
    first, last = plain.index(begin), plain.index(end) + 1
    return sum(len(line) + 1 for line in lines[:first]), min(sum(len(line) + 1 for line in lines[:last]), len(old))


def _read(data: bytes, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: a route cannot be added to what is not valid TOML: {error}") from error


def _without(said: dict[str, Any], pieces: Iterable[Piece]) -> dict[str, Any]:
    """All that a file says but for what is written."""
    left = {"routes": dict(said.get("routes", {})), "deployments": dict(said.get("deployments", {}))}
    for piece in pieces:
        left[piece.table].pop(piece.name, None)
    return {**said, **left}


def _check_lock(file: Path, name: str) -> None:
    """The pinned route has the suite's name, and nothing beside it may be called so."""
    if pinned_beside(file) == name:
        raise ConfigError(
            f"{file.with_name(LOCK)} pins a route {name!r} already; give this one another name with --route"
        )
