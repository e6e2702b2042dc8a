"""`assay alerts`: what a webhook is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.ledger import opened_ledger
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.ledger.rows import AlertRow


@click.group()
def command() -> None:
    """Tell a webhook of budgets that run out, breakers that open, models that drift or retire.

    `[alerts]` of assay.toml names the webhook; `assay serve` tells it, each thing once.
    """


@command.command()
@config_option
@json_option
def test(config: str | None, as_json: bool) -> None:
    """Send one alert that means nothing, to see that it arrives.

    \b
    Example:
      ASSAY_WEBHOOK=https://hooks.example.com/... assay alerts test

    Exit code 3: the webhook did not take it.
    """
    from assay.alerts.alert import body_of
    from assay.alerts.webhook import post
    from assay.config.load import load

    url = _url(load(config).config.alerts)
    problem = run(post(url, body_of("test", "test", "assay: a test; the webhook works", {})))
    emit({"told": problem is None, "error": problem}, as_json, problem or "told: the webhook has taken it")
    finish(0 if problem is None else 3)


@command.command()
@config_option
@json_option
def send(config: str | None, as_json: bool) -> None:
    """Look once at budgets, alarms of `assay watch` and ends of models, and tell what is new: for cron.

    \b
    Example:
      assay watch; assay alerts send

    Exit code 3: the webhook did not take all of it; the next `send`, or a gateway, tries again.
    """
    new, told, left = run(_send(config))
    emit({"new": new, "told": told, "left": left}, as_json, f"{new} new; {told} told, {left} could not be told")
    finish(0 if not left else 3)


@command.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@config_option
@json_option
def list_(limit: int, config: str | None, as_json: bool) -> None:
    """List what was told, and what could not be told yet, newest first.

    \b
    Example:
      assay alerts list --json
    """
    from assay.decision.table import table

    rows = run(_rows(limit, config))
    cells = [(_moment(row.created_at), row.what, _state(row), _text(row)) for row in rows]
    text = "\n".join(table(("when", "what", "state", "text"), cells)) if cells else "no alerts so far"
    emit([_told(row) for row in rows], as_json, text)


def _url(alerts: Any) -> str:
    """The webhook's address.

    Raises:
        ConfigError: none is configured.
    """
    from assay.alerts.webhook import webhook_url
    from assay.errors import ConfigError

    url = webhook_url(alerts)
    if url is None:
        raise ConfigError("no webhook: name the variable that holds its address as alerts.url_env in assay.toml")
    return url


async def _send(config: str | None) -> tuple[int, int, int]:
    """What was new, what was told, and what waits for the next try."""
    from contextlib import closing

    from assay.access.keyring import Keyring
    from assay.alerts.lookout import Lookout
    from assay.app import open_app
    from assay.ledger.alerts import waiting
    from assay.ledger.keys import KeyReader

    async with open_app(config) as app:
        with closing(Keyring(KeyReader(app.ledger.path), app.loaded.config.budgets)) as keyring:
            lookout = Lookout(_url(app.loaded.config.alerts), app.loaded.config, app.spine, keyring)
            new = await lookout.look_at_books()
            return new, await lookout.tell(), await waiting(app.ledger)


async def _rows(limit: int, config: str | None) -> list[AlertRow]:
    from assay.config.load import load
    from assay.ledger.alerts import alerts

    async with opened_ledger(load(config)) as ledger:
        return await alerts(ledger, limit)


def _state(row: AlertRow) -> str:
    from assay.ledger.alerts import MOST_TRIES

    if row.told_at is not None:
        return f"told {_moment(row.told_at)}"
    if row.tries >= MOST_TRIES:
        return f"given up: {row.error}"
    return f"waiting, {plural(row.tries, 'try')}: {row.error}" if row.error is not None else "waiting"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def _text(row: AlertRow) -> str:
    import msgspec

    return str(msgspec.json.decode(row.body).get("text", ""))


def _told(row: AlertRow) -> dict[str, Any]:
    import msgspec

    return {
        "id": row.id,
        "created_at": row.created_at,
        "what": row.what,
        "state": _state(row).split()[0].rstrip(",:"),
        "tries": row.tries,
        "told_at": row.told_at,
        "error": row.error,
        **msgspec.json.decode(row.body),
    }
