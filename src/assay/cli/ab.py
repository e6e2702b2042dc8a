"""`assay ab`: experiments between the arms of a split, read out of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.called import check_found, hint
from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.cli.ledger import opened_ledger
from assay.cli.since import moment

if TYPE_CHECKING:
    from assay.decision.experiments.experiment import Arm, Difference, Experiment
    from assay.decision.experiments.reading import Asked

_LOWER = "-"
"""Before the name of an outcome of which less is better."""


@click.group()
def command() -> None:
    """Experiments between the arms of a split: who does better, at what cost, and how sure that is.

    \b
    Example:
      assay ab report support
    """


@command.command("report")
@click.argument("route")
@click.option("--since", callback=moment, help="Not older: 30m, 12h, 7d, 4w, or a day (UTC).")
@click.option("-k", "--kind", help="Only requests of this kind.")
@click.option(
    "--metric", default="accepted", show_default=True, metavar="NAME",
    help="What decides: accepted, edited, rejected, failed, cancelled, latency, usd, usd_per_accepted, or an outcome "
    "that clients report, by its name; -NAME: of that less is better.",
)  # fmt: skip
@click.option("--baseline", metavar="ARM", help="Arm to compare with [default: the one that the split names first].")
@click.option("--version", "version", help="Version of the split [default: the newest that dealt a request].")
@click.option(
    "--error", default=0.05, show_default=True, type=Finite(0, 0.5, min_open=True, max_open=True),
    help="Probability at most that an arm is called better or worse and is not.",
)  # fmt: skip
@click.option("--html", type=click.Path(), metavar="FILE", help="Write the verdict and all of its evidence as a page.")
@config_option
@json_option
def report(
    route: str, since: float, kind: str | None, metric: str, baseline: str | None, version: str | None, error: float,
    html: str | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Read an A/B out: what came of the requests that the split of ROUTE dealt, arm by arm.

    It may be looked at as often as one likes, and ended when one likes: the intervals hold at all looks together.
    Sessions are what was dealt (x-assay-session, user ...), so sessions are what counts. Each request counts once, for
    the arm it was dealt, whoever answered it; evals and shadows are left out, answers from the cache have no latency.
    Where an arm has not the sessions that it was to have, that is said, and nothing else is concluded.

    Exit code 0: some arm is better than the baseline; 1: all are worse; 4: it cannot be told.

    \b
    Examples:
      assay ab report support
      assay ab report support --metric resolved --since 7d
      assay ab report support --metric -minutes --kind refund
      assay ab report support --metric failed --json
      assay ab report support --html support.html
    """
    from assay.decision.experiments.reading import Asked
    from assay.ledger.dealt import MEASURES, Question

    measure = metric if metric in MEASURES and metric != "metric" else "metric"
    lower = measure == "metric" and metric.startswith(_LOWER)
    named = metric.removeprefix(_LOWER) if measure == "metric" else None
    asked = Asked(Question(route, since, kind, named), measure, lower, baseline, version, error)
    found = run(_read(asked, config))
    emit(found, as_json, "" if as_json else _text(found))
    if html is not None:
        from assay.report.arms import write_page

        note(f"  written: {write_page(found, html)}")
    finish(found.exit_code)


async def _read(asked: Asked, config: str | None) -> Experiment:
    from assay.config.load import load
    from assay.decision.experiments.reading import read_experiment
    from assay.errors import DecisionError

    loaded = load(config)
    async with opened_ledger(loaded) as ledger:
        try:
            return await read_experiment(ledger, asked)
        except DecisionError:
            await check_found(asked.question.route, loaded, ledger)
            await hint(ledger, kind=asked.question.kind)
            raise


def _text(found: Experiment) -> str:
    from assay.cli.lock_history import moment_of
    from assay.decision.experiments import explained as told
    from assay.decision.table import table

    arms = ("arm", "share", "requests", "sessions", "failed", "accepted", "USD each", "p50", "p95")
    differences = ("measure", "arm", found.baseline, "it", "difference", f"{1 - found.error:.0%} at any time", "shows")
    return "\n".join(
        [
            f"{found.route}: {told.SAID[found.verdict]}. {found.reason[:1].upper()}{found.reason[1:]}.",
            "",
            *table(arms, [_arm(arm) for arm in found.arms], indent="  "),
            "",
            *table(differences, [_difference(one, found) for one in found.differences], indent="  "),
            "",
            f"{told.decided_by(found)}, from {moment_of(found.first_at)} to {moment_of(found.last_at)}. "
            f"{told.told_units(found)}",
            told.told_guarantee(found),
            told.sizes(found),
            *told.notes(found),
            *told.more_needed(found),
        ]
    )


def _arm(arm: Arm) -> tuple[str, ...]:
    from assay.cli.figures import seconds
    from assay.decision.experiments.explained import told_mean

    return (
        arm.name,
        f"{arm.share * 100:.3g}%",
        str(arm.requests),
        str(arm.units),
        *(told_mean(measure, arm.means[measure]) for measure in ("failed", "accepted", "usd")),
        seconds(arm.p50_s),
        seconds(arm.p95_s),
    )


def _difference(one: Difference, found: Experiment) -> tuple[str, ...]:
    from assay.decision.experiments.explained import told_interval, told_mean, told_measure

    seen = one.compared
    shows = {"better": "BETTER", "worse": "WORSE", "open": "-"}[one.shows]
    return (
        told_measure(seen.measure, found.metric),
        one.arm,
        told_mean(seen.measure, seen.old),
        told_mean(seen.measure, seen.new),
        told_mean(seen.measure, seen.value, True),
        told_interval(one),
        shows,
    )
