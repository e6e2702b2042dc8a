"""Entry points: built-ins and third-party parts register in the same five groups.

`assay.dialects`, `assay.policies`, `assay.checks`, `assay.graders`, `assay.tools`. A name is loaded when it is
first used; a broken plug-in gives one clear error that names its distribution.

The metadata of what is installed are read here: `importlib.metadata` finds the same in the folders of the path, but it
and the mail parser that it brings take 25 ms, a tenth of the start of a command.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import PluginError, did_you_mean

GROUPS = ("assay.dialects", "assay.policies", "assay.checks", "assay.graders", "assay.tools")
_METADATA = re.compile(r"(.+?)(?:-\d.*)?\.(?:dist|egg)-info")
"""A folder of metadata; the name is followed by the version, if at all."""


class _Point(NamedTuple):
    """What a distribution registers: a name, and where its object is, as `module:attribute`."""

    distribution: str
    group: str
    name: str
    value: str

    def load(self) -> Any:
        module, _, attribute = self.value.partition(":")
        found = import_module(module.strip())
        return attrgetter(attribute.strip())(found) if attribute else found


@cache
def _registered() -> dict[str, tuple[_Point, ...]]:
    """What all distributions register, by group: they are looked through once."""
    every = [point for name, folder in _installed().items() for point in _points(name, folder)]
    return {group: tuple(point for point in every if point.group == group) for group in GROUPS}


def _installed() -> dict[str, Path]:
    """The folder of metadata of each distribution; of one that is there twice, the first on the path."""
    found: dict[str, Path] = {}
    for place in map(Path, sys.path):
        try:
            folders = [match for entry in os.scandir(place) if (match := _METADATA.fullmatch(entry.name))]
        except OSError:  # there is no such folder
            continue
        for folder in folders:
            found.setdefault(re.sub(r"[-_.]+", "-", folder[1]).lower(), place / folder[0])
    return found


def _points(distribution: str, folder: Path) -> Iterator[_Point]:
    """The entry points of a distribution that are in our groups."""
    try:
        lines = (folder / "entry_points.txt").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):  # most have none
        return
    group = ""
    for line in map(str.strip, lines):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif group in GROUPS and "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield _Point(distribution, group, name.strip(), value.partition("[")[0].strip())


def _by_name(group: str) -> dict[str, _Point]:
    found: dict[str, _Point] = {}
    for point in _registered().get(group, ()):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise PluginError(
                f"{group}: {point.name!r} is registered twice, by {other.distribution} and {point.distribution}; "
                "uninstall one of them"
            )
        found[point.name] = point
    return found


def names(group: str) -> tuple[str, ...]:
    """The names registered in a group, sorted."""
    return tuple(sorted(_by_name(group)))


def distribution(group: str, name: str) -> str:
    """The distribution that registers `name`, for messages; what nobody registers is of none that is known."""
    point = _by_name(group).get(name)
    return point.distribution if point is not None else "an unknown distribution"


@cache
def load(group: str, name: str) -> Any:
    """The object registered as `name`.

    Raises:
        PluginError: the name is unknown, registered twice, or its module cannot be imported.
    """
    points = _by_name(group)
    point = points.get(name)
    if point is None:
        what = group.removeprefix("assay.").removesuffix("s").replace("policie", "policy")
        raise PluginError(f"unknown {what} {name!r}; {did_you_mean(name, points)}")
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # a script taken for a module may want to end the process
        raise PluginError(
            f"{group}: {name!r} of {point.distribution} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
