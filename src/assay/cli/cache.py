"""`assay cache`: the spine's cache of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.called import check_called
from assay.cli.door import config_option, emit, json_option, run

if TYPE_CHECKING:
    from assay.ledger.caches import CacheRow

_HEAD = ("route", "answers", "MiB", "hits", "saved USD")


@click.group()
def command() -> None:
    """Look after the cache of answers: that of evals, and those of routes that have one."""


@command.command()
@config_option
@json_option
def show(config: str | None, as_json: bool) -> None:
    """What each cache holds, how often it answered, and what that would have cost.

    \b
    Example:
      assay cache show -c examples/workshop
    """
    from assay.decision.table import table

    rows = run(_caches(config))
    emit(rows, as_json, "\n".join(table(_HEAD, [_cells(row) for row in rows])))


@command.command()
@click.argument("route", required=False)
@config_option
@json_option
def clear(route: str | None, config: str | None, as_json: bool) -> None:
    """Delete the cached answers of ROUTE, or all. Runs, decisions and the record of attempts stay.

    `evals` is the cache of runs.

    \b
    Examples:
      assay cache clear -c examples/workshop
      assay cache clear evals
    """
    count = run(_clear(config, route))
    emit({"deleted": count}, as_json, f"{count} answers deleted")


def _cells(row: CacheRow) -> tuple[str, ...]:
    saved = f"{row.saved_usd:.6f}" if row.saved_usd is not None else "-"
    return row.route, str(row.answers), f"{row.bytes / 2**20:.2f}", str(row.hits), saved


async def _caches(config: str | None) -> list[CacheRow]:
    from assay.app import open_ledger
    from assay.config.load import load
    from assay.ledger.caches import caches

    ledger = open_ledger(load(config))
    try:
        return await caches(ledger)
    finally:
        await ledger.close()


async def _clear(config: str | None, route: str | None) -> int:
    from assay.app import open_ledger
    from assay.config.load import load
    from assay.ledger.caches import clear_replies

    loaded = load(config)
    ledger = open_ledger(loaded)
    try:
        count = await clear_replies(ledger, route)
        if not count and route != "evals":
            check_called(route, loaded)
        return count
    finally:
        await ledger.close()
