"""`assay pin`: freeze a decision, and look back at what was frozen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import Finite, config_option, emit, json_option, run

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.lock import Lock
    from assay.evals.suites.suite import Suite


@click.command("pin")
@click.argument("decision_id", metavar="[DECISION]", required=False)
@click.option(
    "--tolerance",
    type=Finite(0, 1),
    help="Tolerated regression as a share [default: decide.tolerated_regression].",
)
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("--history", is_flag=True, help="List the locks that were put in place, and how proving them ended.")
@click.option(
    "--diff", nargs=2, metavar="ID ID", help="What two locks of the history serve otherwise; `present` is the file."
)
@config_option
@json_option
def command(
    decision_id: str | None, tolerance: float | None, folder: str | None, history: bool, diff: tuple[str, str] | None,
    config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Freeze a decision in assay.lock: per kind, who serves it, on what evidence, and every digest behind it.

    Each lock is kept in the ledger as well, so that `assay rollback` can go back to it.

    \b
    Examples:
      assay choose; assay pin; git add assay.lock
      assay pin --history
      assay pin --diff 019a3b present
    """
    from assay.cli import lock_history

    if diff is not None:
        run(lock_history.show_difference(diff, config, as_json))
    elif history:
        run(lock_history.show(config, as_json))
    else:
        run(_pin(decision_id, tolerance, folder, config, as_json))


async def _pin(
    decision_id: str | None, tolerance: float | None, folder: str | None, config: str | None, as_json: bool
) -> None:
    from assay.app import open_app

    async with open_app(config) as app:
        lock = await pin_decision(app, decision_id, tolerance, folder)
        emit(lock, as_json, f"{render(lock)}\nwritten to {app.lock_path}")


async def pin_decision(
    app: App, decision_id: str | None = None, tolerance: float | None = None, folder: str | None = None
) -> Lock:
    """Freeze a decision, write the lock and keep it in the history."""
    from assay.cli.explain import find_decision
    from assay.decision.history import keep
    from assay.decision.pin import pin

    decision = await find_decision(app.ledger, decision_id)
    tolerated = tolerance if tolerance is not None else app.loaded.config.decide.tolerated_regression
    lock = await pin(app.spine, decision, tolerated_regression=tolerated, suite=_suite(app, folder))
    await keep(app.ledger, app.lock_path, lock, "pin")
    return lock


def _suite(app: App, folder: str | None) -> Suite | None:
    """The suite, where it can be read; a decision can be pinned without it."""
    from assay.errors import AssayError
    from assay.evals.suites.suite import read_suite

    if folder is not None:
        return read_suite(folder)
    try:
        return read_suite(app.suite_path)
    except AssayError:
        return None


def render(lock: Lock) -> str:
    """The pins as text."""
    from assay.decision.table import table

    rows = [
        (kind, one.target, f"{one.passed} of {len(one.samples)}{' made up' if one.made_up else ''}", f"{one.bar:.0%}")
        for kind, one in lock.kinds.items()
    ]
    lines = [f"route {lock.route}:", *table(("kind", "served by", "evidence", "bar"), rows, indent="  ")]
    lines += [f"  {kind}: refused ({reason})" for kind, reason in lock.unproven.items()]
    return "\n".join(lines)
