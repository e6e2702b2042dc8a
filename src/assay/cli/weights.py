"""`assay weights`: the files of weights on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

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
    """List the files: size, licence, where they came from, and which deployments of assay.toml run on them.

    \b
    Example:
      assay weights list --json
    """
    from assay.decision.table import table

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
    emit(found, as_json, text)


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

    \b
    Examples:
      assay weights verify
      assay weights verify gemma-3-270m

    Exit code 1 if one is wrong.
    """
    from assay.catalog.holdings import named, read_again
    from assay.weights.store import Store

    found, catalog, _ = _here(config)
    store, results = Store(), []
    for one in named(found, names, catalog) if names else found:
        if one.place == "partial":
            continue
        note(f"reading {one.path}")
        try:
            results.append(read_again(one, store))
        except OSError as error:
            raise store.fault(error) from error
    lines = [f"{'ok ' if one.ok else 'NO '} {one.model} {one.found}: {one.path}" for one in results]
    lines += [f"    {one.remedy}" for one in results if one.remedy]
    emit(results, as_json, "\n".join(lines) or "no weights are here")
    finish(0 if all(one.ok for one in results) else 1)


@command.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also what a deployment of assay.toml runs on, or a pin names.")
@config_option
@json_option
def rm(names: tuple[str, ...], yes: bool, force: bool, config: str | None, as_json: bool) -> None:
    """Delete pulled files, and what is half-way of them. What packages bring is pip's to remove.

    \b
    Example:
      assay weights rm gemma-3-270m --yes
    """
    from assay.catalog.holdings import named
    from assay.weights.store import Store

    found, catalog, loaded = _here(config)
    chosen = _ours(named(found, names, catalog))
    if not force:
        _refuse_used(chosen, loaded)
    keys = sorted({one.key for one in chosen if one.key is not None})
    _confirm(keys, sum(one.size_bytes or 0 for one in chosen), yes, as_json)
    store = Store()
    try:
        freed = {key: store.remove(key) for key in keys}
    except OSError as error:
        raise store.fault(error) from error
    value = [{"key": key, "freed_bytes": count} for key, count in freed.items()]
    emit(value, as_json, "\n".join(f"{key}: deleted, {count / 1e6:,.0f} MB freed" for key, count in freed.items()))


def _here(config: str | None) -> tuple[tuple[Holding, ...], Catalog, Loaded | None]:
    """The files, the catalogue, and the configuration where there is one."""
    from assay.catalog.holdings import holdings
    from assay.cli.places import catalog_of
    from assay.config.load import load_if_any
    from assay.weights.store import Store

    loaded = load_if_any(config)
    catalog = catalog_of(loaded)
    return holdings(catalog, Store(), loaded.config.deployments if loaded else {}), catalog, loaded


def _ours(chosen: Iterable[Holding]) -> list[Holding]:
    """What lies in the store.

    Raises:
        WeightsError: a model lies in a package alone.
    """
    from assay.errors import WeightsError

    chosen = list(chosen)
    ours = [one for one in chosen if one.key is not None]
    if foreign := next((one for one in chosen if all(one.model != its.model for its in ours)), None):
        raise WeightsError(f"{foreign.model} is in a package; pip uninstall {foreign.package} removes it")
    return ours


def _refuse_used(chosen: Iterable[Holding], loaded: Loaded | None) -> None:
    """A file that something needs is not deleted by the way.

    Raises:
        WeightsError: a deployment runs on it, or a pin names its digest.
    """
    from assay.decision.lock import FILE_NAME, read_lock
    from assay.errors import WeightsError

    if loaded is None:
        return
    lock = loaded.folder / FILE_NAME
    pins = read_lock(lock).kinds if lock.exists() else {}
    for one in chosen:
        users = [f"deployment {name}" for name in one.used_by]
        users += [f"the pin of {kind}" for kind, pin in pins.items() if one.sha256 in pin.facts.values()]
        if users:
            raise WeightsError(f"{one.model} is used by {', '.join(users)}; delete it all the same with --force")


def _confirm(keys: list[str], size_bytes: int, yes: bool, as_json: bool) -> None:
    from assay.errors import ConfigError

    question = f"Delete {', '.join(keys)} ({size_bytes / 1e6:,.0f} MB)?"
    if not yes and (as_json or not sys.stdin.isatty()):
        raise ConfigError(f"{question} Confirm with --yes")
    if not yes and not click.confirm(question, err=True):
        finish(1)
