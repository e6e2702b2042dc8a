"""`assay rollback`: back to the last proven pin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, run

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.lock import Lock
    from assay.decision.rollback import WayBack
    from assay.ledger.rows import LockRow


@click.command("rollback")
@click.argument("route", required=False)
@click.option("--to", "to_id", metavar="ID", help="The kept lock whose id begins so [default: the last proven one].")
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@config_option
@json_option
def command(route: str | None, to_id: str | None, dry_run: bool, config: str | None, as_json: bool) -> None:
    """Put the last proven assay.lock back in place, from before the present one.

    That is the newest one that was decided, or held when it was last checked, and whose digests all hold now. A gateway
    that runs takes it up within a second; requests in flight end as they began.

    \b
    Examples:
      assay rollback --dry-run
      assay rollback
      assay rollback --to 019a3b        `assay pin --history` lists what there is

    Exit code 0: it is done; 1: no kept lock is proven and still holds.
    """
    finish(run(_rollback(route, to_id, dry_run, config, as_json)))


async def _rollback(route: str | None, to_id: str | None, dry_run: bool, config: str | None, as_json: bool) -> int:
    from assay.app import open_app
    from assay.decision.history import adopt, keep, kept, lock_of
    from assay.decision.rollback import way_back
    from assay.ledger.locks import locks

    async with open_app(config) as app:
        present = _present(app)
        nobody = "(refused)" if present is not None else "(unreadable)" if app.lock_path.exists() else "(no lock)"
        name = await _route(app, route, present)
        rows = await locks(app.ledger, name)
        wanted = await kept(app.ledger, to_id, name) if to_id is not None else None
        found = await way_back(app.spine, name, present, rows, wanted)
        row = next((one for one in rows if one.id == found.to), None)
        lock = lock_of(row) if row is not None else None
        if row is not None and lock is not None and not dry_run:
            left = (await adopt(app.ledger, present)).id[:16] if present is not None else "a lock that cannot be read"
            await keep(app.ledger, app.lock_path, lock, f"rollback from {left}", was=row)
    emit(found, as_json, _text(found, row, dry_run, str(app.lock_path), nobody))
    return found.exit_code


def _present(app: App) -> Lock | None:
    """The lock that is in place; a way back is what is needed where it cannot be read."""
    from assay.decision.lock import read_lock
    from assay.errors import DecisionError

    try:
        return read_lock(app.lock_path)
    except DecisionError:
        return None


async def _route(app: App, route: str | None, present: Lock | None) -> str:
    """The route to go back with: that of the present lock, or the only one that was ever pinned here."""
    from assay.errors import ConfigError, DecisionError, did_you_mean
    from assay.ledger.locks import locks

    if present is not None:
        if route not in (None, present.route):
            raise ConfigError(f"{app.lock_path} pins the route {present.route!r}, not {route!r}")
        return present.route
    known = sorted({row.route for row in await locks(app.ledger)})
    if not known:
        raise DecisionError("no lock was ever put in place here; run `assay choose`, then `assay pin`")
    if route is not None and route not in known:
        raise ConfigError(f"no lock of a route {route!r} was ever put in place here; {did_you_mean(route, known)}")
    if route is None and len(known) > 1:
        raise ConfigError(f"name the route to go back with: {', '.join(known)}")
    return route or known[0]


def _text(found: WayBack, row: LockRow | None, dry_run: bool, lock_path: str, nobody: str) -> str:
    from assay.cli.lock_history import SHORT, changes_of, moment_of

    lines = [f"passed over {one.id[:SHORT]} ({one.why}, {moment_of(one.created_at)}): {one.reason}"
             for one in found.passed_over]  # fmt: skip
    if row is None:
        return "\n".join([*lines, f"route {found.route}: no kept lock to go back to; {lock_path} is as it was"])
    how = f"last check: {row.verdict}, {moment_of(row.checked_at)}" if row.verdict else "proven by its decision"
    head = f"route {found.route}: back to {row.id[:SHORT]} ({row.why}, {moment_of(row.created_at)}; {how})"
    done = "nothing was written" if dry_run else f"written to {lock_path}; `assay check` proves it again"
    return "\n".join([*lines, head, changes_of(found.changes, nobody), done])
