"""An `assay.toml` in the making: what was carried over, and what was not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["NOWHERE", "Draft", "Leftover", "is_secret", "shown"]

NOWHERE = "https://{}.invalid/v1"
"""The address of what could not be placed: it leads nowhere for certain, and so never to a host that was not meant."""

_HIDDEN = "(not shown)"
_LONGEST = 160
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth|cookie|private", re.IGNORECASE)
_NAMED_BUT_PLAIN = re.compile(r"tokens|token_(limit|cost)|per_token|key_(env|location|name|alias)", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"\b(sk|pk|rk|gsk|xai|hf|ghp|gho|glpat|r8|nvapi|pplx|fw|csk|tgp)[-_][\w\-]{6,}|\b(AKIA|AIza|eyJ)[\w\-.]{8,}"
    r"|\b(?=[\w\-+/]*\d)(?=[\w\-+/]*[A-Za-z])[A-Za-z0-9_\-+]{32,}"
)
_USERINFO = re.compile(r"://[^/@\s]+@")
_QUERY = re.compile(r"([?&][^=&\s]+=)[^&\s]+")
_REFERENCE = re.compile(r"^(os\.environ/|env::|\$\{?)[A-Za-z_]\w*\}?$")


class Leftover(NamedTuple):
    """What could not be carried over.

    Attributes:
        path: its place in the peer's file.
        value: as text, cut where it is long; never a key.
        why: the reason, or what to do instead.
    """

    path: str
    value: str
    why: str


class Draft:
    """Collects the tables of an `assay.toml`.

    Args:
        folder: where paths in the peer's file start.
        target: where those of the `assay.toml` will.

    Attributes:
        deployments, routes: by name; all names are unique.
        serve, constraints: those tables.
        leftovers: what could not be carried over, in the order of the peer's file.
        notes: what must be known beside it.
    """

    def __init__(self, folder: Path, target: Path) -> None:
        self._folder, self._target = folder, target
        self.deployments: dict[str, dict[str, Any]] = {}
        self.routes: dict[str, dict[str, Any]] = {}
        self.serve: dict[str, Any] = {}
        self.constraints: dict[str, Any] = {}
        self.leftovers: list[Leftover] = []
        self.notes: list[str] = []
        self._variables: dict[str, str] = {}
        self._reserved: frozenset[str] = frozenset()

    def reserve(self, names: Iterable[str]) -> None:
        """Keep the names that clients call for what they stand for."""
        self._reserved = frozenset(names)

    def leave(self, path: str, value: object, why: str) -> None:
        """Note what is not carried over."""
        self.leftovers.append(Leftover(path, shown(path, value), why))

    def note(self, text: str) -> None:
        """Note what must be known; once."""
        if text not in self.notes:
            self.notes.append(text)

    def deployment(self, wanted: str, table: Mapping[str, Any], *, public: bool = False) -> str:
        """Add a deployment.

        Args:
            wanted: its name, if that is free.
            table: its keys; those that are `None` or empty are left out.
            public: clients call it by this name.

        Returns:
            Its name.
        """
        name = self._named(wanted, public)
        self.deployments[name] = {key: value for key, value in table.items() if value is not None and value != {}}
        return name

    def route(
        self, wanted: str, candidates: list[str], policy: Mapping[str, Any], *, public: bool = False, **more: Any
    ) -> str:
        """Add a route with further keys `more`; otherwise as `deployment`."""
        name = self._named(wanted, public)
        self.routes[name] = {"candidates": candidates, "policy": dict(policy), **more}
        return name

    def variable(self, path: str, key: str, wanted: str) -> str:
        """The name of the variable that a key, which is never copied, has to be put into."""
        name = self._variables.get(key)
        if name is None:
            plain = re.sub(r"\W+", "_", wanted).strip("_").upper() or "API_KEY"
            plain = f"_{plain}" if plain[0].isdigit() else plain
            taken = set(self._variables.values())
            name = next(one for one in (plain, *(f"{plain}_{n}" for n in range(2, 10_000))) if one not in taken)
            self._variables[key] = name
        self.leftovers.append(Leftover(path, _HIDDEN, f"a key is never copied: put it into the variable {name}"))
        return name

    def file(self, path: str, value: str) -> Path | None:
        """A file that the peer's file names, if it is there."""
        found = self._folder / value
        try:
            if found.is_file():
                return found
        except (OSError, ValueError):
            pass
        self.leave(path, value, f"there is no such file in {self._folder}")
        return None

    def relative(self, file: Path) -> str:
        """A file as the `assay.toml` names it."""
        return Path(os.path.relpath(file, self._target)).as_posix()

    def tables(self) -> dict[str, Any]:
        """The whole, ready to be written as TOML."""
        names = ("serve", "constraints", "deployments", "routes")
        return {name: table for name in names if (table := getattr(self, name))}

    def _named(self, wanted: str, public: bool) -> str:
        name = self._free(wanted, public)
        if public and name != wanted:
            self.leave(wanted, None, f"deployments and routes share one space of names: clients call {name!r}")
        return name

    def _free(self, wanted: str, public: bool) -> str:
        plain = wanted.strip() or "unnamed"
        taken = {*self.deployments, *self.routes, *(() if public else self._reserved)}
        return next(one for one in (plain, *(f"{plain}-{n}" for n in range(2, 10_000))) if one not in taken)


def shown(path: str, value: object) -> str:
    """A value as text for a person, without anything that is or looks like a key."""
    text = json.dumps(_masked(path.rpartition(".")[2], value), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def is_secret(name: str, value: str) -> bool:
    """Whether a value is, or looks like, a key: by its name or by its form."""
    return _masked(name, value) != value


def _masked(name: str, value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _masked(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(name, item) for item in value]
    if not isinstance(value, str) or _REFERENCE.match(value):
        return value
    if _SECRET_NAME.search(name) and not _NAMED_BUT_PLAIN.search(name):
        return _HIDDEN
    value = _QUERY.sub(rf"\1{_HIDDEN}", _USERINFO.sub(f"://{_HIDDEN}@", value))
    return _SECRET_VALUE.sub(_HIDDEN, value)
