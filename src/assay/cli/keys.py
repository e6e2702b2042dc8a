"""`assay keys`: what clients of the gateway show, and what each of them may do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from assay.cli.called import check_called
from assay.cli.door import Finite, config_option, emit, json_option, note, run
from assay.cli.ledger import opened_ledger
from assay.cli.since import span_s
from assay.numerals import plural, told_usd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assay.config.load import Loaded
    from assay.ledger.budgets import Per
    from assay.ledger.rows import KeyRow
    from assay.ledger.store import SqliteLedger

_LONGEST_S = 100 * 366 * 86_400


def _until(context: click.Context, option: click.Parameter, given: str | None) -> float | None:
    """`30d`, `12h` from now, or `2027-01-31` (UTC), as seconds since 1970; a callback of click."""
    from datetime import UTC, datetime

    if given is None:
        return None
    span = span_s(given)
    if span is not None and 0 < span <= _LONGEST_S:
        return time.time() + span
    try:
        day = datetime.fromisoformat(given)
        at = (day if day.tzinfo is not None else day.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        at = 0.0
    if at <= time.time():
        problem = f"{given!r} is neither a span (12h, 30d) nor a day to come (2027-01-31)"
        raise click.BadParameter(problem, context, option)
    return at


@click.group()
def command() -> None:
    """Give out keys that clients of the gateway show, each with its own routes, rates and budget.

    Once there is any key, `assay serve` lets nobody in without one. What is added or revoked counts within a second,
    also for a gateway that runs.
    """


@command.command()
@click.argument("name")
@click.option("--team", help="Its requests count for the budgets of this team.")
@click.option("--route", "routes", multiple=True, metavar="NAME",
              help="Route or deployment that it may call; may be repeated [default: all].")  # fmt: skip
@click.option("--expires", "expires_at", metavar="SPAN|DAY", callback=_until,
              help="It holds so long (12h, 30d), or until a day (2027-01-31) [default: for ever].")  # fmt: skip
@click.option("--rpm", "requests_per_minute", type=click.IntRange(1, 10**12), help="Requests in any 60 seconds.")
@click.option("--tpm", "tokens_per_minute", type=click.IntRange(1, 10**12),
              help="Tokens of requests and answers in any 60 seconds.")  # fmt: skip
@click.option("--usd", type=Finite(0, 1e6), help="Budget: its requests may cost so much, and never more.")
@click.option("--per", type=click.Choice(["day", "month", "total"]),
              help="Period of the budget (UTC) [default: month].")  # fmt: skip
@click.option("--kind", help="What its requests count as where they name no kind.")
@click.option("--metrics", is_flag=True, help="It may read /metrics; without --route it calls nothing.")
@click.option("--label", type=click.Choice(["private-only"]), help="What it sends goes to private deployments only.")
@config_option
@json_option
def add(
    name: str, team: str | None, routes: tuple[str, ...], expires_at: float | None, per: Per | None,
    metrics: bool, config: str | None, as_json: bool, **terms: Any,
) -> None:  # fmt: skip
    """Make a key, and print it: this once, for only its digest is kept.

    \b
    Examples:
      assay keys add laptop
      assay keys add web --team shop --route support --rpm 600 --tpm 200000 --usd 50 --expires 90d
      OPENAI_API_KEY=$(assay keys add ci --usd 2 --per day --kind tests)
      assay keys add prometheus --metrics
    """
    from assay.access.key import Terms
    from assay.access.made import make_key

    if per is not None and terms["usd"] is None:
        raise click.UsageError("--per is the period of a budget: say how much, --usd N")
    allowed = routes or (() if metrics else None)  # who scrapes need not be able to spend
    asked = Terms(routes=allowed, per=per or "month", metrics=metrics, **terms)

    async def work(ledger: SqliteLedger, loaded: Loaded) -> None:
        for route in routes:
            check_called(route, loaded, "--route")  # a name that nothing has would shut the key out of what was meant
        made = await make_key(ledger, name, asked, team=team, expires_at=expires_at)
        emit({**_told(made.row), "key": made.secret}, as_json, made.secret)
        until = f"; {_state(made.row)}" if expires_at is not None else ""
        note(f"key {name!r} ({made.row.id[:12]}): {_terms_of(made.row)}{until}; it is shown this once")
        if team is not None and all(limit.team != team for limit in loaded.config.budgets.values()):
            note(f'no budget names the team {team!r}; [budgets.NAME] of assay.toml can: team = "{team}"')

    _with_ledger(config, work)


@command.command("list")
@click.option("--all", "revoked_too", is_flag=True, help="Also those that were revoked.")
@config_option
@json_option
def list_(revoked_too: bool, config: str | None, as_json: bool) -> None:
    """List the keys: what each may do, and until when.

    \b
    Example:
      assay keys list --json
    """
    from assay.decision.table import table
    from assay.ledger.keys import keys

    async def work(ledger: SqliteLedger, loaded: Loaded) -> None:
        rows = [row for row in await keys(ledger) if revoked_too or row.revoked_at is None]
        head = ("name", "id", "team", "state", "allows")
        cells = [(row.name, row.id[:12], row.team or "-", _state(row), _terms_of(row)) for row in rows]
        text = "\n".join(table(head, cells)) if cells else "no keys; assay keys add NAME makes one"
        emit([_told(row) for row in rows], as_json, text)

    _with_ledger(config, work)


@command.command()
@click.argument("name")
@config_option
@json_option
def show(name: str, config: str | None, as_json: bool) -> None:
    """Show one key by its name, or by the beginning of its id. The key itself is kept nowhere.

    \b
    Example:
      assay keys show web
    """
    from assay.access.made import named_key

    async def work(ledger: SqliteLedger, loaded: Loaded) -> None:
        row = await named_key(ledger, name)
        spent = await _spent(ledger, row)
        shown = {**_shown(row), "spent": told_usd(spent) if spent is not None else None}
        text = "\n".join(f"{what:12}{value}" for what, value in shown.items() if value is not None)
        emit({**_told(row), "spent_usd": spent}, as_json, text)

    _with_ledger(config, work)


@command.command()
@click.argument("name")
@config_option
@json_option
def revoke(name: str, config: str | None, as_json: bool) -> None:
    """Revoke a key, by its name or the beginning of its id, for good. What it has in flight may end.

    \b
    Example:
      assay keys revoke web
    """
    from assay.access.made import revoke as revoke_key

    async def work(ledger: SqliteLedger, loaded: Loaded) -> None:
        row = await revoke_key(ledger, name)
        emit(_told(row), as_json, f"key {row.name!r} ({row.id[:12]}) is revoked")

    _with_ledger(config, work)


def _with_ledger(config: str | None, work: Callable[[SqliteLedger, Loaded], Awaitable[None]]) -> None:
    from assay.config.load import load

    async def opened() -> None:
        loaded = load(config)
        async with opened_ledger(loaded) as ledger:
            await work(ledger, loaded)

    run(opened())


def _state(row: KeyRow) -> str:
    if row.revoked_at is not None:
        return f"revoked {_moment(row.revoked_at)}"
    if row.expires_at is None:
        return "active"
    return f"{'active until' if row.expires_at > time.time() else 'expired'} {_moment(row.expires_at)}"


def _moment(at: float | None) -> str | None:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at)) if at is not None else None


async def _spent(ledger: SqliteLedger, row: KeyRow) -> float | None:
    """What it has spent of its budget in the period that runs, in USD; None = it has none."""
    from assay.access.key import terms_of
    from assay.ledger.budgets import Line, period_of
    from assay.ledger.spend import settled_on

    terms = terms_of(row)
    if terms.usd is None:
        return None
    return await settled_on(ledger, Line(f"key:{row.id}", period_of(time.time(), terms.per)))


def _shown(row: KeyRow) -> dict[str, str | None]:
    """A key for people."""
    return {
        "name": row.name,
        "id": row.id,
        "team": row.team,
        "state": _state(row),
        "made": _moment(row.created_at),
        "allows": _terms_of(row),
    }


def _terms_of(row: KeyRow) -> str:
    """What a key allows, in a line."""
    from assay.access.key import terms_of

    terms = terms_of(row)
    said = [", ".join(terms.routes) or "no routes" if terms.routes is not None else "all routes"]
    said += ["metrics"] if terms.metrics else []
    if terms.requests_per_minute is not None:
        said.append(f"{plural(terms.requests_per_minute, 'request')}/min")
    if terms.tokens_per_minute is not None:
        said.append(f"{plural(terms.tokens_per_minute, 'token')}/min")
    if terms.usd is not None:
        said.append(f"{terms.usd:,.12g} USD {'in total' if terms.per == 'total' else f'a {terms.per}'}")
    said += [f"kind {terms.kind}"] if terms.kind is not None else []
    said += [terms.label] if terms.label is not None else []
    return "; ".join(said)


def _told(row: KeyRow) -> dict[str, Any]:
    """A key for `--json`: every fact, without its digest."""
    from assay.access.key import terms_of

    terms = terms_of(row)
    return {
        "id": row.id,
        "name": row.name,
        "team": row.team,
        "state": _state(row).split()[0],
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "routes": terms.routes,
        "requests_per_minute": terms.requests_per_minute,
        "tokens_per_minute": terms.tokens_per_minute,
        "usd": terms.usd,
        "per": terms.per if terms.usd is not None else None,
        "kind": terms.kind,
        "label": terms.label,
        "metrics": terms.metrics,
    }
