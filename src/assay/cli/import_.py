"""`assay import`: the configuration of another gateway as an assay.toml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.door import emit, finish, json_option, note, read_file
from assay.errors import ConfigError
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.config.importers.draft import Draft

PEERS = ("litellm", "portkey", "tensorzero")


@click.command("import")
@click.argument("peer", type=click.Choice(PEERS))
@click.argument("file", type=click.Path())
@click.option("-o", "--output", default="assay.toml", show_default=True, type=click.Path(), help="The file to write.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def command(peer: str, file: str, output: str, force: bool, as_json: bool) -> None:
    """Turn another gateway's configuration into an assay.toml, and list what could not be carried over.

    FILE is LiteLLM's config.yaml, a config of Portkey's as JSON, or a tensorzero.toml. Keys are never copied: one
    that stands in FILE becomes the name of a variable, and is listed. The result loads, whatever was left out.

    \b
    Examples:
      assay import litellm config.yaml
      assay import tensorzero tensorzero.toml --output gateway/assay.toml --json

    Exit code 0: everything was carried over; 1: the file is written, and something is not in it.
    """
    from assay.config.importers.peers import draft_of

    target = Path(output)
    draft = draft_of(peer, read_file(file), Path(file), target.parent)
    if not draft.deployments:
        _tell(draft)
        raise ConfigError(f"{file} names no model that could be carried over: is it a configuration of {peer}?")
    text = _written(draft.tables(), f"# From {Path(file).name} ({peer}), by `assay import`.\n")
    _check(text, target, file)
    _save(text, target, force)
    value = {
        "path": str(target),
        "deployments": len(draft.deployments),
        "routes": len(draft.routes),
        "notes": draft.notes,
        "not_carried_over": [one._asdict() for one in draft.leftovers],
    }
    _tell(draft)
    left = f", {plural(len(draft.leftovers), 'thing')} not carried over" if draft.leftovers else ""
    emit(
        value,
        as_json,
        f"{target}: {plural(len(draft.deployments), 'deployment')}, {plural(len(draft.routes), 'route')}{left}",
    )
    finish(1 if draft.leftovers else 0)


def _tell(draft: Draft) -> None:
    for line in draft.notes:
        note(f"note: {line}")
    for one in draft.leftovers:
        note(f"not carried over: {one.path}{f' = {one.value}' if one.value != 'null' else ''}: {one.why}")


def _written(tables: dict[str, object], head: str) -> str:
    import tomli_w

    return f"{head}\n{tomli_w.dumps(tables)}"


def _check(text: str, target: Path, file: str) -> None:
    """The same as `assay config check`, before anything is written."""
    from assay.catalog.load import builtin
    from assay.config.load import parse
    from assay.inference.build import Builder, make_route

    try:
        config = parse(text.encode(), target.resolve())
        builder = Builder(builtin())
        for name, deployment in config.deployments.items():
            builder.deployment(name, deployment)
        for name, route in config.routes.items():
            make_route(name, route, config.guards)
    except ConfigError as error:
        raise ConfigError(f"what came of {file} does not load, so that nothing was written: {error}") from error


def _save(text: str, target: Path, force: bool) -> None:
    try:
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{target} is there already; --force replaces it, --output names another") from error
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from error
