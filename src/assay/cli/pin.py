"""`assay pin`: freeze a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option, run

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.lock import Lock


@click.command("pin")
@click.argument("decision_id", metavar="[DECISION]", required=False)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    help="Tolerated regression as a share [default: decide.tolerated_regression].",
)
@config_option
@json_option
def command(decision_id: str | None, tolerance: float | None, config: str | None, as_json: bool) -> None:
    """Freeze a decision in assay.lock: per kind, who serves it, on what evidence, and every digest behind it.

    \b
    Example:
      assay choose; assay pin; git add assay.lock
    """
    run(_pin(decision_id, tolerance, config, as_json))


async def _pin(decision_id: str | None, tolerance: float | None, config: str | None, as_json: bool) -> None:
    from assay.app import open_app

    async with open_app(config) as app:
        lock = await pin_decision(app, decision_id, tolerance)
        emit(lock, as_json, f"{render(lock)}\nwritten to {app.lock_path}")


async def pin_decision(app: App, decision_id: str | None = None, tolerance: float | None = None) -> Lock:
    """Freeze a decision and write the lock."""
    from assay.cli.explain import find_decision
    from assay.decision.lock import write_lock
    from assay.decision.pin import pin

    decision = await find_decision(app.ledger, decision_id)
    tolerated = tolerance if tolerance is not None else app.loaded.config.decide.tolerated_regression
    lock = await pin(app.spine, decision, tolerated_regression=tolerated)
    write_lock(app.lock_path, lock)
    return lock


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
