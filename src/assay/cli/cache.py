"""`assay cache`: the spine's cache of answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.called import check_found
from assay.cli.door import config_option, emit, json_option, run
from assay.cli.ledger import opened_ledger
from assay.numerals import digits, plural

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
    emit({"deleted": count}, as_json, f"{plural(count, 'answer')} deleted")


def _cells(row: CacheRow) -> tuple[str, ...]:
    saved = digits(row.saved_usd) if row.saved_usd is not None else "-"
    return row.route, str(row.answers), f"{row.bytes / 2**20:.2f}", str(row.hits), saved


async def _caches(config: str | None) -> list[CacheRow]:
    from assay.config.load import load
    from assay.ledger.caches import caches

    async with opened_ledger(load(config)) as ledger:
        return await caches(ledger)


async def _clear(config: str | None, route: str | None) -> int:
    from assay.config.load import load
    from assay.ledger.caches import clear_replies

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        count = await clear_replies(ledger, route)
        if not count and route != "evals":
            await check_found(route, loaded, ledger)
        return count
