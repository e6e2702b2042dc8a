"""Configurations side by side: a grid of values over a deployment becomes deployments, and routes that ask often.

A member is a deployment like the one it is of, and named by what it changes: `small@effort=high`. With `vote` or
`best_of` it is a route over that deployment: `small@effort=high,vote=5`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from pathlib import PurePath
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from assay.config.likeness import changed
from assay.config.table import Section, quoted, read_table
from assay.errors import ConfigError, did_you_mean

__all__ = ["FILES", "MOST", "Grid", "Member", "with_grids"]

MOST = 64
"""Members of one grid: each is asked the whole suite, or much of it."""

_LABELS = {
    "reasoning_effort": "effort", "reasoning_tokens": "thinking", "max_examples": "examples", "system_file": "system",
    "template_file": "template",
}  # fmt: skip
_AXES = (
    "reasoning_effort", "reasoning_tokens", "max_examples", "temperature", "max_tokens", "system_file", "template_file",
)  # fmt: skip
"""The settings that may be listed."""
FILES = ("system_file", "template_file")

Counting = Annotated[int, Meta(ge=0)]
Times = Annotated[int, Meta(ge=1, le=64)]
Degree = Annotated[float, Meta(ge=0, le=1e12)]


class Grid(Section, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Every combination of the values that are listed, as a candidate: `small@effort=high,vote=5`.

    What is listed holds for every kind of work, also where `kinds` of the deployment says otherwise. A member that the
    file itself describes stays as it is described there.

    Attributes:
        of: deployments that are varied; a route too, where only `vote` and `best_of` are listed.
        reasoning_effort: values of this setting, and so are the next ones.
        reasoning_tokens: thinking budgets, in tokens.
        max_examples: how many of the examples it is shown.
        temperature: sampling temperatures.
        max_tokens: longest answers.
        system_file: files with instructions.
        template_file: files with templates.
        vote: how many answers vote; 1 = it is asked once.
        best_of: how many answers are asked for at most, until one passes `check`; 1 = it is asked once.
        check: of `best_of`: name of a check, or a table `{ check = "regex", pattern = "..." }`.
        draw_temperature: sampling temperature of answers that vote or are checked; default: the deployment's own.
    """

    of: str | tuple[str, ...]
    reasoning_effort: tuple[str, ...] = ()
    reasoning_tokens: tuple[Counting, ...] = ()
    max_examples: tuple[Counting, ...] = ()
    temperature: tuple[Degree, ...] = ()
    max_tokens: tuple[Annotated[int, Meta(ge=1)], ...] = ()
    system_file: tuple[str, ...] = ()
    template_file: tuple[str, ...] = ()
    vote: tuple[Times, ...] = ()
    best_of: tuple[Times, ...] = ()
    check: str | dict[str, Any] | None = None
    draw_temperature: Degree | None = None

    def __post_init__(self) -> None:
        """What is listed must make sense together.

        Raises:
            ValueError: it does not.
        """
        if not self.axes and not self.vote and not self.best_of:
            raise ValueError("nothing is listed: name the values of a setting, or of vote or best_of")
        if self.reasoning_effort and self.reasoning_tokens:
            raise ValueError("reasoning_effort and reasoning_tokens say the same thing; list one, or make two grids")
        if max(self.best_of, default=1) > 1 and self.check is None:
            raise ValueError("best_of needs a check")
        if self.size > MOST:
            raise ValueError(f"it has {self.size} members, more than {MOST}; list less, or make several grids")

    @property
    def subjects(self) -> tuple[str, ...]:
        """What is varied."""
        return (self.of,) if isinstance(self.of, str) else self.of

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The settings that are listed, with their values."""
        return {name: values for name in _AXES if (values := getattr(self, name))}

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.subjects) * prod(map(len, self.axes.values())) * len(list(self._times()))

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them, in the order of what is listed, the last list varying first."""
        return tuple(
            Member(of, dict(zip(self.axes, values, strict=True)), policy)
            for of in self.subjects
            for values in product(*self.axes.values())
            for policy in self._times()
        )

    def _times(self) -> Iterator[dict[str, Any]]:
        """The ways to ask: once (empty), or by a policy."""
        if not (self.vote or self.best_of) or 1 in (*self.vote, *self.best_of):
            yield {}
        more = {"temperature": self.draw_temperature} if self.draw_temperature is not None else {}
        yield from ({"kind": "vote", "n": n, **more} for n in self.vote if n > 1)
        yield from ({"kind": "best-of", "n": n, "check": self.check, **more} for n in self.best_of if n > 1)


class Member(NamedTuple):
    """One configuration of a grid.

    Attributes:
        of: what it is like.
        settings: what it changes.
        policy: of the route that it is; empty = it is a deployment, or `of` itself.
    """

    of: str
    settings: dict[str, Any]
    policy: dict[str, Any]

    @property
    def deployment(self) -> str:
        """Name of the deployment that is asked."""
        return _named(self.of, [f"{_LABELS.get(name, name)}={_word(one)}" for name, one in self.settings.items()])

    @property
    def name(self) -> str:
        """What it is called."""
        if not self.policy:
            return self.deployment
        times = f"{self.policy['kind']}={self.policy['n']}"
        return f"{self.deployment},{times}" if self.settings else _named(self.of, [times])


def _named(of: str, parts: list[str]) -> str:
    return f"{of}@{','.join(parts)}" if parts else of


def _word(value: object) -> str:
    """A value in a name: a number, a word, or the name of a file."""
    return PurePath(value).stem if isinstance(value, str) else f"{value:g}"


def with_grids(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A file's tables, as TOML gives them, with the members of its grids among deployments and routes.

    Raises:
        ConfigError: a grid has a mistake; the message names its key.
    """
    grids = raw.get("grids")
    deployments, routes = raw.get("deployments", {}), raw.get("routes", {})
    if not all(isinstance(table, Mapping) for table in (grids, deployments, routes)):
        return dict(raw)  # which is told when it is read
    made: dict[str, dict[str, Any]] = {"deployments": {**deployments}, "routes": {**routes}}
    for name, table in (grids or {}).items():
        where = f"grids.{quoted(name)}"
        _add(read_table(table, Grid, where), where, made)
    return {**raw, **{key: table for key, table in made.items() if table or key in raw}}


def _add(grid: Grid, where: str, made: dict[str, dict[str, Any]]) -> None:
    deployments, routes = made["deployments"], made["routes"]
    for of in grid.subjects:
        known = deployments if grid.axes else {**deployments, **routes}
        if of not in known:
            what = "deployment" if grid.axes else "deployment or route"
            raise ConfigError(f"{where}.of: no {what} {of!r}; {did_you_mean(of, known)}")
    names = [member.name for member in grid.members]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"{where}: {twice!r} is there twice; list each value once, and files of different names")
    for member in grid.members:
        if member.settings:
            deployments.setdefault(member.deployment, _varied(deployments[member.of], member))
        if member.policy:
            _check_draws(grid, member, deployments.get(member.deployment), where)
            routes.setdefault(member.name, {"candidates": [member.deployment], "policy": member.policy})


def _varied(table: Any, member: Member) -> Any:
    """The deployment with other settings, for every kind."""
    kinds = table.get("kinds", {}) if isinstance(table, Mapping) else {}
    each = {kind: member.settings for kind in kinds} if isinstance(kinds, Mapping) else {}
    return changed(table, {"like": member.of, "settings": member.settings, **({"kinds": each} if each else {})})


def _check_draws(grid: Grid, member: Member, table: Any, where: str) -> None:
    """Several answers at temperature 0 are one answer, paid for several times."""
    if grid.draw_temperature is not None or not isinstance(table, Mapping):
        return
    kinds = table.get("kinds")
    all_settings = [table.get("settings"), *(kinds.values() if isinstance(kinds, Mapping) else ())]
    if any(isinstance(one, Mapping) and one.get("temperature") == 0 for one in all_settings):
        raise ConfigError(
            f"{where}: {member.deployment!r} has temperature 0, at which all answers of {member.name!r} are the same; "
            "set draw_temperature"
        )
