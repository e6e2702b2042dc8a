"""`assay logs`: what was asked of whom, with what outcome and at what cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from assay.cli.called import check_found, hint
from assay.cli.door import Finite, config_option, emit, json_option, note, run, say
from assay.cli.ledger import opened_ledger
from assay.cli.since import in_order, moment
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.ledger.finished import Wanted
    from assay.ledger.spans import Sender
    from assay.ledger.store import SqliteLedger

_LOOK_EVERY_S = 0.5
_PURPOSES = ("shadow", "audit", "guard", "judge", "route")


def _id(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    """An id, or how it begins; a callback of click. Every id begins with nothing, which an empty variable says."""
    if given is not None and not given.strip():
        raise click.BadParameter("it is empty: say an id, or how it begins", context, option)
    return given


def _collector(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    """The address of a collector; empty = as variables say; a callback of click."""
    from urllib.parse import urlsplit

    if given:
        try:
            url = urlsplit(given)
            is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            is_address = False
        if not is_address:
            raise click.BadParameter(f"{given!r} is no address: http://127.0.0.1:4318/v1/traces", context, option)
    return given


@click.command("logs")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1), help="Newest so many.")
@click.option("--since", callback=moment, help="Only newer ones: 30m, 12h, 7d, or a day (2026-11-01).")
@click.option("--until", callback=moment, help="Only older ones, said likewise.")
@click.option("--request", "request_id", callback=_id, help="Attempts of one request: its id, or how it begins.")
@click.option("--run", "run_id", callback=_id, help="Attempts of one run: its id, or how it begins.")
@click.option("-k", "--kind", help="Only this kind.")
@click.option("-m", "--model", "deployment", help="Only this deployment.")
@click.option("-t", "--target", help="Only what was called by this name: a route or deployment.")
@click.option("--key", help="Only requests of this virtual key: its name, or how its id begins.")
@click.option("--team", help="Only requests of this team.")
@click.option("--outcome", type=click.Choice(["running", "ok", "error", "cancelled", "cached", "lost"]))
@click.option("--error", help="Only this error: Timeout, RateLimited ... (docs/errors.md).")
@click.option("--purpose", type=click.Choice(_PURPOSES), help="Only attempts that were not to answer, of this sort.")
@click.option("--slower", "slower_s", type=Finite(0), metavar="SECONDS", help="Only those that took longer.")
@click.option("--grep", "text", metavar="TEXT", help="Only those with this text in their error or reason.")
@click.option("-f", "--follow", is_flag=True, help="Go on telling what comes to an end, until Ctrl-C.")
@click.option(
    "-o", "--export", "file", type=click.Path(), metavar="FILE", help="Write all to .parquet, .csv or .jsonl."
)
@click.option(
    "--otlp",
    is_flag=False,
    flag_value="",
    metavar="URL",
    callback=_collector,
    help="Send all to a collector, as spans.",
)
@click.option(
    "--bodies", "body_of", metavar="REQUEST", callback=_id,
    help="What was asked and answered, where its route keeps it.",
)  # fmt: skip
@config_option
@json_option
def command(
    limit: int, body_of: str | None, follow: bool, file: str | None, otlp: str | None, key: str | None,
    config: str | None, as_json: bool, until: float, **wanted: Any,
) -> None:  # fmt: skip
    """Show attempts from the ledger, newest first; follow them, or take them elsewhere.

    --export writes every attempt that matches, whatever -n says. --otlp sends finished requests as traces by
    OpenTelemetry's conventions for generative AI, without a word of what was said: to URL, or where the variables
    OTEL_EXPORTER_OTLP_* say; with --follow, what comes to an end from now on. Ids of spans are those of the ledger, so
    that sending twice does no harm.

    \b
    Examples:
      assay logs
      assay logs --since 1h --outcome error --grep "rate limit"
      assay logs --outcome lost          calls of processes that died, charged at their bound
      assay logs -m frontier -n 100 --json
      assay logs --team support --since 30d --export november.parquet
      assay logs --follow --otlp http://127.0.0.1:4318/v1/traces
      assay logs --bodies 019ac31f0b7e4d
    """
    in_order(wanted["since"], until)
    if body_of is not None:
        from assay.cli.logs_body import body, rendered

        found = run(body(body_of, config))
        emit(found, as_json, "" if as_json else rendered(found))
        return
    if file is not None and (follow or otlp is not None):
        raise click.UsageError("--export writes what there is; it goes with neither --follow nor --otlp")
    work: Callable[[SqliteLedger, Wanted], Awaitable[None]]
    if otlp is not None:
        work = partial(_sent, url=otlp, follow=follow, as_json=as_json)
    elif follow:
        work = partial(_followed, as_json=as_json)
    elif file is not None:
        work = partial(_exported, file=file, as_json=as_json)
    else:
        work = partial(_shown, limit=limit, as_json=as_json)
    run(_with_ledger(config, key, {**wanted, "until": until or None}, work))


async def _with_ledger(
    config: str | None, key: str | None, meant: dict[str, Any], work: Callable[[SqliteLedger, Wanted], Awaitable[None]]
) -> None:
    from assay.access.made import named_key
    from assay.config.load import load
    from assay.ledger.finished import Wanted

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        # Before anything else: with --follow nobody would ever hear of it, and --export would write an empty file.
        await check_found(meant["target"], loaded, ledger, "--target")
        await check_found(meant["deployment"], loaded, ledger, "--model")
        key_id = (await named_key(ledger, key)).id if key is not None else None
        await work(ledger, Wanted(key_id=key_id, **meant))


async def _shown(ledger: SqliteLedger, wanted: Wanted, *, limit: int, as_json: bool) -> None:
    from assay.cli.logs_table import rendered
    from assay.ledger.finished import attempts

    rows = await attempts(ledger, wanted, limit)
    if not rows:
        await _say_why(ledger, wanted)
    spent = await ledger.spent()
    month = {"settled_usd": spent.settled_usd, "held_usd": spent.held_usd}
    emit({"attempts": rows, "month": month}, as_json, "" if as_json else rendered(rows, month))


async def _say_why(ledger: SqliteLedger, wanted: Wanted) -> None:
    """Say why nothing was found: a word that no attempt has, or a request that ended without an attempt."""
    from assay.ledger.finished import unattempted

    await hint(ledger, kind=wanted.kind, team=wanted.team, error=wanted.error)
    if wanted.request_id is not None:
        for row in await unattempted(ledger, wanted.request_id):
            why = f": {row.reason or row.guarded}" if row.reason or row.guarded else ""
            note(f"request {row.id} to {row.target} was {row.outcome} without an attempt{why}")


async def _followed(ledger: SqliteLedger, wanted: Wanted, *, as_json: bool) -> None:
    import asyncio

    import msgspec

    from assay.cli.logs_table import line
    from assay.ledger.finished import Following

    following = Following(ledger, wanted)
    await following.begin()
    while True:
        for row in (await following.look()).attempts:
            if not say((msgspec.json.encode(row).decode() if as_json else line(row)) + "\n"):
                return
        await asyncio.sleep(0 if following.is_behind else _LOOK_EVERY_S)


async def _exported(ledger: SqliteLedger, wanted: Wanted, *, file: str, as_json: bool) -> None:
    from pathlib import Path

    from assay.ledger.attempts_file import write

    count = await write(ledger, wanted, Path(file))
    if not count:
        await _say_why(ledger, wanted)
    emit({"file": file, "attempts": count}, as_json, f"{plural(count, 'attempt')} written to {file}")


async def _sent(ledger: SqliteLedger, wanted: Wanted, *, url: str, follow: bool, as_json: bool) -> None:
    from assay.ledger.spans import Sender

    sender = Sender(url or None)
    try:
        count = await (_send_on(ledger, wanted, sender) if follow else _send_all(ledger, wanted, sender))
    finally:
        sender.close()
    if not count:
        await _say_why(ledger, wanted)
    emit({"spans": count}, as_json, f"{plural(count, 'span')} sent")


async def _send_all(ledger: SqliteLedger, wanted: Wanted, sender: Sender) -> int:
    import asyncio

    from assay.ledger.finished import pages, requests_of

    count, before = 0, set[str]()
    async for page in pages(ledger, wanted):
        ids = {row.request_id for row in page}
        requests = await requests_of(ledger, ids - before)
        ended = [row for row in page if row.outcome != "running"]
        count += await asyncio.to_thread(sender.send, requests, ended)
        before = ids  # attempts of one request stand near each other
    return count


async def _send_on(ledger: SqliteLedger, wanted: Wanted, sender: Sender) -> NoReturn:
    """Nothing more is read while the collector is away: the ledger keeps it, and memory need not."""
    import asyncio

    from assay.errors import LedgerError
    from assay.ledger.finished import Following

    following = Following(ledger, wanted)
    await following.begin()
    while True:
        found = await following.look()
        while True:
            try:
                await asyncio.to_thread(sender.send, found.requests, found.attempts)
                break
            except LedgerError as error:
                note(f"{error} They are sent again; what ends meanwhile waits in the ledger.")
                await asyncio.sleep(_LOOK_EVERY_S)
        await asyncio.sleep(0 if following.is_behind else _LOOK_EVERY_S)
