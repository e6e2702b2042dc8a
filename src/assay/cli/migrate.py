"""`assay migrate`: a forced move made safe - proved, made in steps, with a way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.cli.migrate_given import Given
from assay.cli.recovery import show_recovered
from assay.cli.since import moment

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.migration.migration import Migration
    from assay.evals.suites.suite import Suite

_MOST_ERROR = 0.49


@click.command("migrate")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option(
    "--margin", type=Finite(0, 1, min_open=True, max_open=True),
    help="So much lower may a kind's share be, or so much higher --status' failure rate "
    "[default: decide.tolerated_regression].",
)  # fmt: skip
@click.option(
    "--error", default=0.05, show_default=True, type=Finite(0, _MOST_ERROR, min_open=True),
    help="Probability of a wrong go at most, and of a wrong no-go.",
)  # fmt: skip
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout", "all"]), help="Part of it [default: decide.split].")
@click.option(
    "--traffic", default=0, metavar="N", type=click.IntRange(0, 100_000),
    help="Ask so many real requests of each kind again, where routes keep bodies.",
)  # fmt: skip
@click.option("--since", callback=moment, help="Of --traffic, not older: 30m, 12h, 7d, 4w, or a day (UTC).")
@click.option("--judge", help="Deployment or route that grades real requests which no check can.")
@click.option("--adapt", is_flag=True, help="Search prompts for the new one first, on dev samples.")
@click.option("--adapt-answers", type=click.IntRange(2), help="Dev answers of each kind that the search may look at.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1),
    help="Order of the samples and seed of each request.",
)  # fmt: skip
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@click.option("--max-usd", type=Finite(0), help="Spend at most so much in this call, judges included.")
@click.option(
    "--write", type=click.Path(path_type=Path, dir_okay=False),
    help="After a go, write a canary into this assay.toml; how it was is kept beside it.",
)  # fmt: skip
@click.option(
    "--route", help="The route that clients call: of --write [default: the one that OLD serves], or to take --back."
)
@click.option(
    "--canary", default=0.05, show_default=True, type=Finite(0, 1, min_open=True),
    help="Of --write: share of the sessions that the new one gets.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Write or pin without a go; the verdict is told all the same.")
@click.option("--pin", is_flag=True, help="After a go, pin the new one where assay.lock pins the old one.")
@click.option("--status", metavar="ROUTE", help="How the canary of this route goes: proceed, hold or go back.")
@click.option(
    "--back", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the route of this assay.toml as it was before the canary.",
)  # fmt: skip
@click.option("--html", type=click.Path(), metavar="FILE", help="Write the verdict and all of its evidence as a page.")
@config_option
@json_option
def command(**given: Any) -> None:
    """Move work from OLD to NEW, deployments or routes: proved kind by kind, then in steps, with a way back.

    Both answer the same samples, in an order drawn before, until it is proven that NEW is not worse than OLD by more
    than the margin, or that it is. Gates are asked in full first. What has no score counts as the worst and as the
    best. The verdict is the worst over all kinds. Without NEW, the successor is taken that the maker names.

    With --traffic real requests are asked again: graded where no right answer is needed (schema, a judge), else
    compared with what was answered, which decides nothing. Private-only requests never go to one that is not private.

    \b
    Examples:
      assay migrate gpt-old gpt-new --margin 0.03
      assay migrate gpt-old gpt-new --html move.html
      assay migrate gpt-old gpt-new --traffic 100 --since 7d --judge frontier
      assay migrate gpt-old gpt-new --write assay.toml --canary 0.05
      assay migrate --status support
      assay migrate gpt-old gpt-new --write assay.toml --canary 0.25
      assay migrate --back assay.toml
      assay migrate gpt-old gpt-new --pin

    Exit code 0: go (of --status: proceed); 1: no-go (go back); 4: cannot be told (hold).
    """
    asked = Given(**given)
    if asked.status is not None or asked.back is not None:
        _refuse_with(asked)
        from assay.cli.migrate_canary import go_back, show_standing

        if asked.back is not None:
            finish(go_back(asked.back, asked.route, asked.as_json))
        finish(run(show_standing(str(asked.status), asked.margin, asked.error, asked.config, asked.as_json)))
    if asked.old is None:
        raise click.UsageError("name the deployment or route to move away from: assay migrate OLD [NEW]")
    if asked.html is not None and not Path(asked.html).absolute().parent.is_dir():
        raise click.UsageError(f"--html {asked.html}: its folder is not there, and nothing was asked")
    finish(run(_migrate(asked), continues=True))


def _refuse_with(asked: Given) -> None:
    """`--status` and `--back` ask no model, so that what is said of a move would be without effect."""
    if (
        asked.old is not None
        or asked.write is not None
        or asked.pin
        or asked.html is not None
        or (asked.status and asked.back)
    ):
        raise click.UsageError(
            "--status and --back stand alone: assay migrate --status ROUTE, assay migrate --back FILE"
        )


async def _migrate(asked: Given) -> int:
    from assay.app import open_app
    from assay.cli.migrate_canary import check_canary
    from assay.cli.migrate_proof import proved, successor, suite_of
    from assay.decision.migration.explained import explained

    async with open_app(asked.config) as app:
        show_recovered(app.ledger.recovered)
        asked = asked._replace(new=asked.new or successor(app, str(asked.old)))
        whole = suite_of(app, asked)
        if asked.write is not None:
            check_canary(app, asked.write, str(asked.old), str(asked.new), asked.canary, asked.route)
        found = await proved(app, asked, whole)
        emit(found, asked.as_json, "" if asked.as_json else explained(found))
        if asked.html is not None:
            note(f"  written: {_page(found, asked)}")
        for line in await _done(app, asked, found, whole):
            note(line)
    return found.exit_code


def _page(found: Migration, asked: Given) -> Path:
    from assay.cli.migrate_canary import steps_of
    from assay.report.move import write_page

    return write_page(found, steps_of(found, asked), str(asked.html))


async def _done(app: App, asked: Given, found: Migration, whole: Suite) -> list[str]:
    """Write and pin, as far as it was wanted and the verdict allows; what was done, in words."""
    from assay.cli.migrate_canary import begin_canary
    from assay.decision.migration.finding import Verdict

    if asked.write is None and not asked.pin:
        return []
    if found.verdict is not Verdict.GO and not asked.force:
        return ["nothing was written: the verdict is no go (--force writes all the same)"]
    done = []
    if asked.write is not None:
        done += begin_canary(app, asked.write, found, asked)
    if asked.pin:
        from assay.decision.history import keep
        from assay.decision.lock import read_lock
        from assay.decision.migration.pinned import moved_pins

        lock = await moved_pins(app.spine, read_lock(app.lock_path), found, whole)
        await keep(app.ledger, app.lock_path, lock, f"migrate {found.old} -> {found.new}")
        moved = ", ".join(kind for kind, pin in lock.kinds.items() if pin.target == found.new)
        done.append(f"{app.lock_path}: {found.new} is pinned for {moved}; assay rollback goes back")
    return done
