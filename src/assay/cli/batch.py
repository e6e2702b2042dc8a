"""`assay batch`: jobs at hosts that answer later, for less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.cli.ledger import opened_ledger
from assay.cli.recovery import show_recovered
from assay.numerals import plural, told_usd

if TYPE_CHECKING:
    from assay.app import App
    from assay.inference.batch_desk import BatchDesk
    from assay.ledger.batches import Batches
    from assay.ledger.rows import BatchRow

STILL_WAITING = 4


@click.group()
def command() -> None:
    """Look after batches: what `assay eval --batch` has left with hosts that answer within a day.

    Whatever becomes of the process, the answers are fetched by the same `assay eval --batch`, or by
    `assay batch fetch`.
    """


@command.command("list")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1), help="Newest so many.")
@config_option
@json_option
def list_(limit: int, config: str | None, as_json: bool) -> None:
    """Show batches, newest first, as the ledger knows them; no host is asked.

    \b
    Examples:
      assay batch list
      assay batch list -n 100 --json
    """
    rows = run(_list(limit, config))
    emit({"batches": rows}, as_json, _table(rows))


@command.command()
@click.argument("batch")
@config_option
@json_option
def show(batch: str, config: str | None, as_json: bool) -> None:
    """Show one batch, by its id or the beginning of it, and ask its host how it stands.

    \b
    Example:
      assay batch show 01a2199f0fc4
    """
    told = run(_show(batch, config))
    width = max(map(len, told))
    text = "\n".join(f"{name:{width}}  {value}" for name, value in told.items() if value is not None)
    emit(told, as_json, text)


@command.command()
@click.argument("batch")
@click.option("--wait-s", default=10.0, show_default=True, type=click.FloatRange(0), help="For it to end.")
@config_option
@json_option
def cancel(batch: str, wait_s: float, config: str | None, as_json: bool) -> None:
    """Ask a host to answer no more of a batch. What it has answered by then is kept, and paid for.

    \b
    Example:
      assay batch cancel 01a2199f0fc4
    """
    told = run(_cancel(batch, wait_s, config))
    ended = told["state"] not in ("sending", "waiting")
    emit(told, as_json, f"batch {told['id'][:12]}: {told['state'] if ended else 'its host has been asked to stop'}")
    finish(0 if ended else STILL_WAITING)


@command.command()
@click.option("--wait-s", default=0.0, show_default=True, type=click.FloatRange(0), help="For batches to end.")
@config_option
@json_option
def fetch(wait_s: float, config: str | None, as_json: bool) -> None:
    """Fetch what open batches have brought: it is paid, and kept for whoever asks the same.

    Ends with 4 while some still wait.

    \b
    Examples:
      assay batch fetch
      assay batch fetch --wait-s 3600
    """
    ended, left = run(_fetch(wait_s, config), continues=True)
    text = f"{plural(len(ended), 'batch')} ended, {len(left)} still wait"
    emit({"ended": ended, "waiting": left}, as_json, text)
    finish(STILL_WAITING if left else 0)


# --------------------------------------------------------------------------------------------- work


async def _list(limit: int, config: str | None) -> list[dict[str, Any]]:
    from assay.config.load import load
    from assay.ledger.batches import Batches

    async with opened_ledger(load(config)) as ledger:
        batches = Batches(ledger)
        return [await _told(batches, row) for row in await batches.newest(limit)]


async def _show(batch: str, config: str | None) -> dict[str, Any]:
    from assay.app import open_app
    from assay.errors import AssayError
    from assay.ledger.batches import Batches

    async with open_app(config) as app:
        batches = Batches(app.ledger)
        row = await _found(batches, batch)
        told = {**await _told(batches, row), "at_host": None, "done": None}
        if row.state in ("sending", "waiting"):
            try:
                job = await _desk(app).state(row)
                told |= {"at_host": job.state if job is not None else "not acknowledged"}
                told |= {"done": f"{job.done or 0} of {job.total}" if job is not None and job.total else None}
            except AssayError as error:
                told["at_host"] = str(error)
    return told


async def _cancel(batch: str, wait_s: float, config: str | None) -> dict[str, Any]:
    from assay.app import open_app
    from assay.errors import ConfigError
    from assay.ledger.batches import Batches

    async with open_app(config) as app:
        batches, desk = Batches(app.ledger), _desk(app)
        row = await _found(batches, batch)
        if row.state not in ("sending", "waiting"):
            raise ConfigError(f"batch {row.id[:12]} has ended: {row.state}")
        await desk.cancel(row)
        await desk.open()
        await desk.wait({row.id}, within_s=wait_s)
        return await _told(batches, await _found(batches, row.id))


async def _fetch(wait_s: float, config: str | None) -> tuple[list[str], list[str]]:
    import time

    from assay.app import open_app

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        desk = _desk(app)
        await desk.open()
        wanted = set(desk.open_batches)
        until, ended = time.monotonic() + wait_s, set[str]()
        while wanted - ended:
            more = await desk.wait(wanted - ended, within_s=until - time.monotonic())
            ended |= more
            if not more:
                break
    return sorted(ended), sorted(wanted - ended)


def _desk(app: App) -> BatchDesk:
    from assay.inference.batch_desk import BatchDesk

    return BatchDesk(app.spine.targets, app.spine.constraints, app.ledger, news=lambda text: note(f"  {text}"))


async def _found(batches: Batches, batch: str) -> BatchRow:
    from assay.errors import ConfigError

    found = await batches.begin_with(batch)
    exact = [row for row in found if row.id == batch]
    if len(exact or found) == 1:
        return (exact or found)[0]
    what = "there is no batch" if not found else "there is more than one batch"
    raise ConfigError(f"{what} whose id begins with {batch!r}; `assay batch list` shows them")


async def _told(batches: Batches, row: BatchRow) -> dict[str, Any]:
    counts = await batches.counts(row.id)
    return {
        "id": row.id,
        "created_at": row.created_at,
        "deployment": row.deployment,
        "state": row.state,
        "provider_batch_id": row.provider_batch_id,
        "items": row.items,
        "waiting": counts.running,
        "answered": counts.ok,
        "failed": counts.error,
        "usd": counts.usd,
        "message": row.message,
    }


def _table(rows: list[dict[str, Any]]) -> str:
    from datetime import datetime

    from assay.decision.table import table

    head = ("batch", "sent", "deployment", "state", "requests", "answered", "failed", "cost", "notes")
    cells = [
        (
            row["id"][:12],
            datetime.fromtimestamp(row["created_at"]).astimezone().strftime("%m-%d %H:%M"),
            row["deployment"],
            row["state"],
            str(row["items"]),
            str(row["answered"]),
            str(row["failed"]),
            told_usd(row["usd"]) if row["usd"] is not None else "unknown",
            (row["message"] or row["provider_batch_id"] or "")[:80],
        )
        for row in rows
    ]
    return "\n".join(table(head, cells)) if cells else "no batches yet"
