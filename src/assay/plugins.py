"""Entry points: built-ins and third-party parts register in the same five groups.

`assay.dialects`, `assay.policies`, `assay.checks`, `assay.graders`, `assay.tools`. A name is loaded when it is
first used; a broken plug-in gives one clear error that names its distribution.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from assay.errors import PluginError, did_you_mean

GROUPS = ("assay.dialects", "assay.policies", "assay.checks", "assay.graders", "assay.tools")


@cache
def _registered() -> dict[str, tuple[EntryPoint, ...]]:
    """What all distributions register, by group: they are looked through once."""
    every: Any = entry_points()  # of another class in each version of Python
    return {group: tuple(every.select(group=group)) for group in GROUPS}


def _by_name(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in _registered().get(group, ()):
        other = found.get(point.name)
        if other is not None and other.value != point.value:
            raise PluginError(
                f"{group}: {point.name!r} is registered twice, by {_distribution(other)} and {_distribution(point)}; "
                "uninstall one of them"
            )
        found[point.name] = point
    return found


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown distribution"


def names(group: str) -> tuple[str, ...]:
    """The names registered in a group, sorted."""
    return tuple(sorted(_by_name(group)))


def distribution(group: str, name: str) -> str:
    """The distribution that registers `name`, for messages; what nobody registers is of none that is known."""
    point = _by_name(group).get(name)
    return _distribution(point) if point is not None else "an unknown distribution"


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
            f"{group}: {name!r} of {_distribution(point)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
