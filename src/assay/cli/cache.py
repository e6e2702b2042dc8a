"""`assay cache`: the spine's cache of answers."""

from __future__ import annotations

import click

from assay.cli.door import config_option, emit, json_option, run


@click.group()
def command() -> None:
    """Look after the cache of answers."""


@command.command()
@config_option
@json_option
def clear(config: str | None, as_json: bool) -> None:
    """Delete all cached answers. Runs, decisions and the record of attempts stay.

    \b
    Example:
      assay cache clear -c examples/workshop
    """
    count = run(_clear(config))
    emit({"deleted": count}, as_json, f"{count} answers deleted")


async def _clear(config: str | None) -> int:
    from assay.app import open_ledger
    from assay.config.load import load

    ledger = open_ledger(load(config))
    try:
        return await ledger.clear_replies()
    finally:
        await ledger.close()
