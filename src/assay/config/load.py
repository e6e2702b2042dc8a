"""Reads `assay.toml`: finds it, names each mistake, resolves its paths and checks its references."""

from __future__ import annotations

import hashlib
import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.config.budget import Limit
from assay.config.grid import FILES as GRID_FILES
from assay.config.grid import Grid, with_grids
from assay.config.guard import check_guards
from assay.config.likeness import EITHER, OUTPUTS, likened
from assay.config.schema import Config, Deployment, Route, Settings
from assay.config.table import quoted, read_table
from assay.config.watch import Watch
from assay.errors import ConfigError, did_you_mean

FILE_NAME = "assay.toml"
FILE_KEYS = ("system_file", "template_file", "examples_file", "schema_file", "grammar_file")
"""Of `Settings`: those that name files."""
_NO_PATH = (OSError, ValueError, RuntimeError)
"""What an impossible path raises: no such file, a zero byte in it, `~` of an unknown user."""


class Loaded(NamedTuple):
    """A read and checked configuration.

    Attributes:
        config: with every path absolute.
        path: the file; `None` for the built-in defaults.
        digest: sha256 of the file's bytes (hex); goes into every Run and Pin.
    """

    config: Config
    path: Path | None
    digest: str

    @property
    def folder(self) -> Path:
        """The folder that relative paths start at."""
        return self.path.parent if self.path is not None else Path.cwd()

    @property
    def ledger_path(self) -> Path:
        """The file of the ledger."""
        return Path(self.config.ledger.url.partition(":///")[2])

    @property
    def suite_path(self) -> Path:
        """The folder of the suite that decisions are made on. Looked for when used: some commands are there to make it.

        Raises:
            ConfigError: none is named, or there is none.
        """
        suite = self.config.decide.suite
        if suite is None:
            raise ConfigError("no suite: name one with --suite FOLDER, or as decide.suite in assay.toml")
        if not Path(suite).is_dir():
            raise ConfigError(
                f"decide.suite: no folder {suite}; `assay suite new` makes one, and --suite names another"
            )
        return Path(suite)


def find(start: Path | None = None) -> Path | None:
    """The nearest `assay.toml` in `start` (default: here) or a folder above it."""
    folder = (start or Path.cwd()).resolve()
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
    return None


def load(path: Path | str | None = None) -> Loaded:
    """Read a configuration.

    Args:
        path: the file or its folder; default: `$ASSAY_CONFIG`, else the nearest `assay.toml` upwards.

    Raises:
        ConfigError: there is none, or it has a mistake; the message names file, key, value and remedy.
    """
    named = path or os.environ.get("ASSAY_CONFIG")
    file = Path(named) if named else find()
    if file is None:
        raise ConfigError(f"no {FILE_NAME} here or in a folder above; write one, or name it with --config FILE")
    try:
        file = file.expanduser()
        if file.is_dir():
            file = file / FILE_NAME
        data = file.read_bytes()
    except _NO_PATH as error:
        raise ConfigError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    file = file.resolve()
    return Loaded(parse(data, file), file, hashlib.sha256(data).hexdigest())


def load_if_any(path: Path | str | None = None) -> Loaded | None:
    """As `load`, for what also works without a configuration: `None` where none was named and none is near.

    Raises:
        ConfigError: the one that was named is not there, or it has a mistake.
    """
    if path is None and not os.environ.get("ASSAY_CONFIG") and find() is None:
        return None
    return load(path)


def parse(data: bytes, file: Path) -> Config:
    """The checked configuration in `data`; `file` is where relative paths start and what messages name.

    Raises:
        ConfigError: as `load`.
    """
    try:
        raw = tomllib.loads(data.decode("utf-8-sig"))  # some editors begin a file with a byte order mark
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    try:
        config = read_table(_whole(raw), Config)
        config = _resolve(config, file.parent)
        _check_references(config)
        _check_files(config)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    return config


def _whole(raw: dict[str, Any]) -> dict[str, Any]:
    """The file's tables with all that they stand for."""
    if isinstance(deployments := raw.get("deployments"), dict):
        raw = {**raw, "deployments": likened(deployments)}
    return with_grids(raw)


# --------------------------------------------------------------------------------------- after reading


def _absolute(path: str | None, folder: Path) -> str | None:
    if path is None:
        return None
    try:
        return str((folder / Path(path).expanduser()).resolve())
    except _NO_PATH as error:
        raise ConfigError(f"{path!r} is not a path: {error}") from error


def _resolve_settings(settings: Settings, folder: Path) -> Settings:
    return msgspec.structs.replace(settings, **{key: _absolute(getattr(settings, key), folder) for key in FILE_KEYS})


def _resolve_deployment(deployment: Deployment, folder: Path) -> Deployment:
    weights = deployment.weights
    return msgspec.structs.replace(
        deployment,
        weights=weights if weights is None or ":" in weights else _absolute(weights, folder),
        script=_absolute(deployment.script, folder),
        ca_file=_absolute(deployment.ca_file, folder),
        settings=_resolve_settings(deployment.settings, folder),
        kinds={kind: _resolve_settings(settings, folder) for kind, settings in deployment.kinds.items()},
    )


def _resolve_grid(grid: Grid, folder: Path) -> Grid:
    files = {key: tuple(str(_absolute(one, folder)) for one in getattr(grid, key)) for key in GRID_FILES}
    return msgspec.structs.replace(grid, **files)


def _resolve(config: Config, folder: Path) -> Config:
    scheme, separator, place = config.ledger.url.partition(":///")
    if scheme != "sqlite" or not separator or not place:
        raise ConfigError(f"ledger.url: {config.ledger.url!r} is not of the form sqlite:///FILE (the only kind so far)")
    if place == ":memory:":
        raise ConfigError("ledger.url: a ledger in memory would forget what was spent; name a file")
    url = f"sqlite:///{_absolute(place, folder)}"
    return msgspec.structs.replace(
        config,
        deployments={name: _resolve_deployment(item, folder) for name, item in config.deployments.items()},
        grids={name: _resolve_grid(grid, folder) for name, grid in config.grids.items()},
        ledger=msgspec.structs.replace(config.ledger, url=url),
        decide=msgspec.structs.replace(config.decide, suite=_absolute(config.decide.suite, folder)),
        watch=msgspec.structs.replace(config.watch, suite=_absolute(config.watch.suite, folder)),
        catalog_files=tuple(str(_absolute(item, folder)) for item in config.catalog_files),
    )


def _check_references(config: Config) -> None:
    known = {*config.deployments, *config.routes}
    if "" in known:
        raise ConfigError("a deployment or route has an empty name; clients could not call it")
    both = sorted(set(config.deployments) & set(config.routes))
    if both:
        raise ConfigError(f"{both[0]!r} is the name of a deployment and of a route; clients could not tell them apart")
    for name, route in config.routes.items():
        if not route.candidates:
            raise ConfigError(f"routes.{name}.candidates is empty; name at least one deployment or route")
        for candidate in route.candidates:
            if candidate not in known:
                near = did_you_mean(candidate, known - {name})
                raise ConfigError(f"routes.{name}.candidates: unknown {candidate!r}; {near}")
        _check_compared(name, route, known)
        if "kind" not in route.policy:
            raise ConfigError(f'routes.{name}.policy needs a kind, for example {{ kind = "fallback" }}')
    if both := sorted(known & set(config.grids)):
        raise ConfigError(f"{both[0]!r} is the name of a grid and of a deployment or route; give the grid another one")
    for candidate in config.decide.candidates or ():
        if candidate not in {*known, *config.grids}:
            near = did_you_mean(candidate, {*known, *config.grids})
            raise ConfigError(f"decide.candidates: unknown {candidate!r}; {near}")
    _check_watched(config.watch, known)
    _check_budgets(config.budgets, known)
    check_guards(config.guards, {name: route.guards for name, route in config.routes.items()}, known)
    _check_cycles(config)


def _check_compared(name: str, route: Route, known: set[str]) -> None:
    """Who is asked for an audit or as a judge of a route need be no candidate of it, but must be there."""
    asked = {"policy.judge": route.policy.get("judge") if route.policy.get("kind") == "shadow" else None}
    if route.audit is not None:
        asked |= {"audit.against": route.audit.against, "audit.judge": route.audit.judge}
    for place, other in asked.items():
        if isinstance(other, str) and other not in known - {name}:
            raise ConfigError(f"routes.{name}.{place}: unknown {other!r}; {did_you_mean(other, known - {name})}")


def _check_budgets(budgets: dict[str, Limit], known: set[str]) -> None:
    """A budget of a misspelt route would limit nothing."""
    for name, limit in budgets.items():
        if limit.route is not None and limit.route not in known:
            raise ConfigError(f"budgets.{name}.route: unknown {limit.route!r}; {did_you_mean(limit.route, known)}")


def _check_watched(watch: Watch, known: set[str]) -> None:
    for name in watch.deployments or ():
        if name not in known:
            raise ConfigError(f"watch.deployments: unknown {name!r}; {did_you_mean(name, known)}")


def _check_cycles(config: Config) -> None:
    routes, done = config.routes, set[str]()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            raise ConfigError(f"routes lead back to themselves: {' -> '.join((*trail[trail.index(name) :], name))}")
        if name in done:
            return
        guards = (config.guards[guard].asking() for guard in (*routes[name].guards.before, *routes[name].guards.after))
        for candidate in (*routes[name].candidates, *(asking.model for asking in guards if asking is not None)):
            if candidate in routes:
                visit(candidate, (*trail, name))
        done.add(name)

    for name in routes:
        visit(name, ())


def _check_files(config: Config) -> None:
    for name, deployment in config.deployments.items():
        _check_deployment(name, deployment)
    for file in config.catalog_files:
        _must_exist("catalog_files", file)


def _check_deployment(name: str, deployment: Deployment) -> None:
    where = f"deployments.{quoted(name)}"
    if not deployment.dialect and deployment.host is None:
        raise ConfigError(f"{where}: missing key `dialect`, or `host`, which assay models --hosts lists")
    if deployment.host is not None and not deployment.has_host:
        raise ConfigError(f"{where}: the dialect {deployment.dialect!r} has no host; leave one of them out")
    if deployment.dialect == "scripted" and deployment.script is None:
        raise ConfigError(f"{where}: the dialect 'scripted' needs a script, a JSON file of rules")
    _must_exist(f"{where}.script", deployment.script)
    _must_exist(f"{where}.ca_file", deployment.ca_file)
    if deployment.weights is not None and ":" not in deployment.weights:
        _must_exist(f"{where}.weights", deployment.weights)
    _check_settings(f"{where}.settings", deployment.settings)
    for kind, settings in deployment.kinds.items():
        _check_settings(f"{where}.kinds.{quoted(kind)}", settings)


def _check_settings(where: str, settings: Settings) -> None:
    for one, other in EITHER:
        if getattr(settings, one) is not None and getattr(settings, other) is not None:
            raise ConfigError(f"{where}: {one} and {other} are both set; keep one")
    outputs = [key for key in OUTPUTS if getattr(settings, key) is not None]
    if len(outputs) > 1:
        raise ConfigError(f"{where}: {' and '.join(outputs)} are both set; an answer has one form")
    if settings.choices is not None and not all(settings.choices):
        raise ConfigError(f"{where}.choices: must be non-empty texts")
    if settings.choices == ():
        raise ConfigError(f"{where}.choices is empty; name at least one, or leave it out")
    for key in FILE_KEYS:
        _must_exist(f"{where}.{key}", getattr(settings, key))


def _must_exist(where: str, path: str | None) -> None:
    try:
        missing = path is not None and not Path(path).is_file()
    except OSError as error:  # a name too long, a folder closed to us
        raise ConfigError(f"{where}: cannot look at {path}: {error.strerror}") from error
    if missing:
        raise ConfigError(f"{where}: no file {path}")
