"""The canary of `assay migrate`: written, looked at, taken back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING

from assay.cli.door import emit
from assay.cli.ledger import opened_ledger
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.app import App
    from assay.cli.migrate_given import Given
    from assay.decision.migration.canary import Canary
    from assay.decision.migration.migration import Migration
    from assay.decision.migration.standing import Arm, Standing
    from assay.report.move import Steps

__all__ = ["begin_canary", "check_canary", "go_back", "show_standing", "steps_of"]


def check_canary(app: App, file: Path, old: str, new: str, share: float, route: str | None) -> None:
    """Make sure, before anything is asked, that a stage can be written.

    Raises:
        ConfigError: it cannot be.
    """
    from assay.decision.migration.canary_file import write_canary

    write_canary(file, _base(app), old, new, share, route, only_check=True)


def _base(app: App) -> Path:
    from assay.errors import ConfigError

    if app.loaded.path is None:
        raise ConfigError("there is no assay.toml to write a canary into")
    return app.loaded.path


def begin_canary(app: App, file: Path, found: Migration, asked: Given) -> list[str]:
    """Write a stage; what was written and what comes next, in words.

    Raises:
        ConfigError: it cannot be written.
    """
    from assay.decision.migration.canary_file import write_canary

    written = write_canary(
        file, _base(app), found.old, found.new, asked.canary, asked.route, deployments=_adapted(app, file, found)
    )
    canary, move = written.canary, _move(found, asked, file)
    lines = [
        f"{file}: clients of {canary.route!r} get {canary.new} for {canary.share:.0%} of the sessions, {canary.old} "
        f"for the rest and where it fails; how it was: {written.copy}",
        f"next: assay serve -c {file}; assay migrate --status {canary.route} -c {file}",
    ]
    if canary.next_share is not None:
        lines.append(f"      {move} --canary {canary.next_share:g}, once that says proceed")
    if asked.kinds:
        lines.append(f"note: only {', '.join(one.kind for one in found.findings)} were compared; the canary moves "
                     f"whatever the clients of {canary.route!r} ask")  # fmt: skip
    return [*lines, f"back: assay migrate --back {file}"]


def steps_of(found: Migration, asked: Given) -> Steps:
    """The commands of the whole move, of the stages that are made by default, whether or not it may be made."""
    from assay.decision.migration.canary import STAGES
    from assay.report.move import Steps

    file = asked.write if asked.write is not None else Path("assay.toml")
    move = _move(found, asked, file)
    return Steps(
        stages=[f"{move} --canary {share:g}" for share in STAGES],
        status=f"assay migrate --status {asked.route or 'ROUTE'} -c {file}",
        back=f"assay migrate --back {file}",
    )


def _move(found: Migration, asked: Given, file: Path) -> str:
    return f"assay migrate {found.old} {found.new}{_said(asked)} --write {file}"


def _said(asked: Given) -> str:
    """What the next stage has to be told as well, so that it is the same question."""
    split = "heldout" if asked.adapt else asked.split
    said = [word for kind in asked.kinds for word in ("-k", kind)]
    for option, value in (("--margin", asked.margin), ("-s", asked.folder), ("--split", split),
                          ("--route", asked.route), ("-c", asked.config)):  # fmt: skip
        said += [option, f"{value:g}" if isinstance(value, float) else value] if value is not None else []
    return f" {join(said)}" if said else ""


def _adapted(app: App, file: Path, found: Migration) -> str:
    """The table of the adapted deployment, where there is one that the configuration does not know."""
    from assay.decision.adapting.written import adapted_table, reasons_of
    from assay.decision.route_file import deployment_piece

    search, config = found.adapted, app.loaded.config
    if search is None or search.adapted is None or search.adapted in config.deployments:
        return ""
    table = adapted_table(config, search, file.resolve().parent)
    return deployment_piece(search.adapted, table, reasons_of(search)).text


def go_back(file: Path, route: str | None, as_json: bool) -> int:
    """Write a route of a configuration as it was before its canary."""
    from assay.decision.migration.canary_file import go_back as gone_back

    written = gone_back(file, route)
    result = {"file": str(file), "route": written.canary.route, "before": str(written.copy), "id": written.canary.id}
    emit(result, as_json, f"{file}: the route {written.canary.route!r} is as it was in {written.copy}")
    return 0


async def show_standing(route: str, margin: float | None, error: float, config: str | None, as_json: bool) -> int:
    """How a canary goes."""
    from assay.config.load import load
    from assay.decision.migration.canary import canary_of
    from assay.decision.migration.standing import standing_of

    loaded = load(config)
    canary = canary_of(loaded.config, route)
    async with opened_ledger(loaded) as ledger:
        tolerated = margin if margin is not None else loaded.config.decide.tolerated_regression
        found = await standing_of(ledger, loaded.config, canary, tolerated, error)
    emit(found, as_json, "" if as_json else _standing(found, canary))
    return found.exit_code


def _standing(found: Standing, canary: Canary) -> str:
    from assay.decision.table import table

    since = datetime.fromtimestamp(found.since_s, UTC).isoformat(timespec="minutes")
    head = ("arm", "share", "requests", "failed", "failure rate", "cancelled", "feedback", "USD each", "p50", "p95")
    rows = [_arm(found.old, 1 - found.share), _arm(found.new, found.share)]
    lines = [
        f"{found.route}: {found.advice.upper().replace('-', ' ')}. {found.reason[:1].upper()}{found.reason[1:]}.",
        "",
        *table(head, rows, indent="  "),
        "",
        f"Since {since}. Guarantee: {found.guarantee}.",
    ]
    if found.unplaced:
        lines.append(f"Of {plural(found.unplaced, 'request')} the arm cannot be told; they are not counted.")
    if found.advice == "proceed" and canary.next_share is not None:
        lines.append(f"Next: the same --write with --canary {canary.next_share:g}.")
    if found.advice == "go-back":
        lines.append("Next: assay migrate --back FILE.")
    return "\n".join(lines)


def _arm(arm: Arm, share: float) -> tuple[str, ...]:
    from assay.cli.figures import seconds
    from assay.numerals import digits

    feedback = ", ".join(f"{count} {verdict}" for verdict, count in sorted(arm.feedback.items())) or "-"
    return (
        arm.name,
        f"{share:.0%}",
        str(arm.requests),
        str(arm.failures),
        f"{arm.interval[0]:.1%} to {arm.interval[1]:.1%}",
        str(arm.cancelled),
        feedback,
        digits(arm.usd) if arm.usd is not None else "not known",
        seconds(arm.p50_s),
        seconds(arm.p95_s),
    )
