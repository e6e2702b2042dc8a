"""`assay ledger`: what processes of other hosts have left in the books, and letting it go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.ledger import opened_ledger
from assay.numerals import plural, told_usd

if TYPE_CHECKING:
    from assay.ledger.elsewhere import Elsewhere
    from assay.ledger.rows import Recovered


@click.group()
def command() -> None:
    """What processes of other hosts have left in the ledger: money set aside, and calls in flight.

    What a crashed process left is charged by whoever opens the ledger next on the same host. Of another host, and of a
    container that came back under another name, nobody here can see whether it lives.

    \b
    Example:
      assay ledger sessions
    """


@command.command("sessions")
@config_option
@json_option
def sessions(config: str | None, as_json: bool) -> None:
    """Show the sessions of other hosts that nobody has closed, and what freeing each would charge.

    \b
    Example:
      assay ledger sessions
    """
    found = run(_sessions(config))
    emit(found, as_json, "" if as_json else _table(found))


@command.command("free")
@click.argument("session")
@click.option("--dry-run", is_flag=True, help="Say what would be charged, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def free(session: str, dry_run: bool, yes: bool, config: str | None, as_json: bool) -> None:
    """Close the SESSION of a process on another host that is gone; its id, or how that begins.

    Its calls in flight are charged at their bounds, as those of any crashed process, and the rest of what it had set
    aside can be used again. Be sure that the process is gone: one that lives goes on, and what it spends is counted but
    no longer held within the limits. One whose journal is being written on this machine is refused.

    \b
    Examples:
      assay ledger free 019f2c --dry-run
      assay ledger free 019f2c --yes

    Exit code 0: it is done, or would be; 1: you said no; 3: no such session, or it lives.
    """
    from msgspec import structs

    found, freed = run(_free(session, dry_run, yes, config, as_json))
    if dry_run:
        emit(found, as_json, f"would be {_told(found, found.lost)}")
        return
    if freed is None:
        finish(1)
    emit({**structs.asdict(found), "lost": freed}, as_json, _told(found, freed))


async def _sessions(config: str | None) -> list[Elsewhere]:
    from assay.config.load import load
    from assay.ledger.elsewhere import sessions_elsewhere

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        return await sessions_elsewhere(ledger, loaded.ledger_path)


async def _free(
    session: str, dry_run: bool, yes: bool, config: str | None, as_json: bool
) -> tuple[Elsewhere, Recovered | None]:
    from assay.config.load import load
    from assay.errors import LedgerError
    from assay.ledger import elsewhere

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        found = await elsewhere.find_elsewhere(ledger, loaded.ledger_path, session)
        if found.lives:
            raise LedgerError(f"session {found.id} of {found.host} lives: its journal is being written")
        if dry_run or not _confirmed(found, yes, as_json):
            return found, None
        return found, await elsewhere.free(ledger, loaded.ledger_path, found)


def _confirmed(found: Elsewhere, yes: bool, as_json: bool) -> bool:
    """Whether it shall be done.

    Raises:
        ConfigError: there is nobody to ask.
    """
    from assay.errors import ConfigError

    question = f"Is process {found.pid} of {found.host} gone? This would be {_told(found, found.lost)}."
    if not yes and (as_json or not sys.stdin.isatty()):
        raise ConfigError(f"{question} Confirm with --yes")
    return yes or click.confirm(question, err=True)


def _told(found: Elsewhere, lost: Recovered) -> str:
    unknown = f" ({lost.unknown} without a known price)" if lost.unknown else ""
    return (
        f"charged at the bound: {plural(lost.attempts, 'call')} in flight, {told_usd(lost.charged_usd)}{unknown}; "
        f"free: the rest of {told_usd(found.leased_usd)} that was set aside"
    )


def _table(found: list[Elsewhere]) -> str:
    from assay.cli.lock_history import moment_of
    from assay.decision.table import table

    if not found:
        return "no other host has an open session here"
    head = ("session", "host", "process", "since", "lives", "set aside", "in flight", "would be charged")
    rows = [
        (
            one.id[:16], one.host, str(one.pid), moment_of(one.started_at), "yes" if one.lives else "?",
            told_usd(one.leased_usd), "-" if one.lives else str(one.lost.attempts),
            "-" if one.lives else told_usd(one.lost.charged_usd),
        )
        for one in found
    ]  # fmt: skip
    advice = "Whoever is gone: assay ledger free SESSION" if any(not one.lives for one in found) else ""
    return "\n".join([*table(head, rows), *([advice] if advice else [])])
