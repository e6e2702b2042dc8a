"""`assay suite power`: what a suite can show, before money is spent on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, json_option, run
from assay.cli.ledger import opened_ledger
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.config.load import Loaded
    from assay.evals.figures.power import Ability, Plan
    from assay.evals.runs.runner import Run
    from assay.evals.suites.suite import Suite

DEFAULT_BAR = 0.8  # that of assay.toml, where there is none
_RUNS = 200  # newest ones, among which those of the suite are looked for


@click.command("power")
@click.argument("folder", type=click.Path())
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout"]), help="Only this part of the samples.")
@click.option(
    "--difference",
    default=0.05,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Difference of shares that you want to see; 0.05 is 5 points.",
)
@click.option(
    "--bar",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share to pass [default: the kind's own, else decide.bar].",
)
@click.option("--groups", type=click.IntRange(2), help="Plan for so many groups of samples [default: the suite's own].")
@click.option(
    "--correlation",
    type=click.FloatRange(0, 1),
    help="How alike samples of one group are [default: as in earlier runs, else 0.2].",
)
@config_option
@json_option
def command(
    folder: str, kinds: tuple[str, ...], split: str | None, difference: float, bar: float | None, groups: int | None,
    correlation: float | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Say what a suite can show: how wide its intervals are, and which differences it can tell.

    Two candidates differ on some samples only, and a comparison needs enough of those. How often they do is measured
    in earlier runs of the suite, where the ledger has runs of two targets; else 10 to 30 % are assumed. Nothing is
    asked of a model.

    \b
    Examples:
      assay suite power suite
      assay suite power suite -k sql --difference 0.1 --bar 0.8
      assay suite power suite --groups 12 --json
    """
    found = run(_plan(folder, kinds, split, difference, bar, groups, correlation, config))
    emit(found, as_json, "" if as_json else render(found))


async def _plan(
    folder: str, kinds: tuple[str, ...], split: str | None, difference: float, bar: float | None, groups: int | None,
    correlation: float | None, config: str | None,
) -> Plan:  # fmt: skip
    from assay.config.load import load_if_any
    from assay.evals.figures.power import plan
    from assay.evals.suites.suite import read_suite

    loaded = load_if_any(config)
    suite = read_suite(folder).only(kinds, split)  # type: ignore[arg-type]  # click checked it
    runs = await _earlier(loaded, suite) if loaded is not None and loaded.ledger_path.exists() else []
    default = loaded.config.decide.bar if loaded is not None else DEFAULT_BAR
    return plan(
        suite, runs, difference=difference, bar=default, force_bar=bar, groups=groups, correlation=correlation
    )  # fmt: skip


async def _earlier(loaded: Loaded, suite: Suite) -> list[Run]:
    """Runs of this suite that the ledger has, newest first."""
    from assay.evals.runs.outcomes import Outcomes, read_outcomes
    from assay.evals.runs.runner import Run

    found = []
    async with opened_ledger(loaded) as ledger:
        for row in await ledger.runs(_RUNS):
            if row.suite_digest == suite.digest and row.harness is None:
                outcomes = Outcomes(row.id)
                await read_outcomes(ledger, row.id, outcomes)
                found.append(Run(row, outcomes))
    return found


def render(found: Plan) -> str:
    """The plan as text: what it comes to in words, then a table."""
    from assay.decision.table import table

    points = f"{found.difference * 100:g} points"
    head = (
        "kind",
        "samples",
        "interval",
        "tells apart",
        f"{points} need",
        "bar",
        f"told from it {points} below",
        "above",
    )
    rows = [(name, *_cells(one)) for name, one in found.kinds.items()]
    if len(rows) > 1:
        rows.append(("overall", *_cells(found.overall)))
    return "\n".join([*_words(found), "", *table(head, rows), "", *_notes(found)])


def _words(found: Plan) -> list[str]:
    one = found.overall
    groups = f" in {plural(one.groups, 'group')}, worth {one.worth:.0f}," if one.groups is not None else ""
    seen = _points(one.detectable)
    if seen is None:
        return [f"{plural(one.samples, 'sample')}{groups} can separate no two candidates, however much they differ."]
    return [
        f"{plural(one.samples, 'sample')}{groups} can separate about {seen} points between two candidates (80 % "
        f"power), and a candidate's share is known to about +-{one.half_width * 100:.0f} points (95 %)."
    ]


def _cells(one: Ability) -> tuple[str, ...]:
    size = f"{one.samples} ({plural(one.groups, 'group')})" if one.groups is not None else str(one.samples)
    apart = _points(one.detectable)
    needed = _span([str(count) for count in one.needed])
    above = f"{one.told_above:.0%}" if one.told_above is not None else "-"
    return (
        size, f"+-{one.half_width * 100:.0f} points", f"{apart} points" if apart is not None else "nothing",
        f"{needed} samples", f"{one.bar:.0%}", f"{one.told_below:.0%}", above,
    )  # fmt: skip


def _points(shares: Sequence[float | None]) -> str | None:
    return _span([f"{share * 100:.0f}" if share is not None else None for share in shares])


def _span(texts: Sequence[str | None]) -> str | None:
    """`10 to 16`, or the one that is known."""
    known = list(dict.fromkeys(text for text in texts if text is not None))
    return " to ".join(known) if known else None


def _notes(found: Plan) -> list[str]:
    one = found.overall
    differ = " to ".join(f"{share:.0%}" for share in one.discordant)
    if one.basis == "measured":
        lines = [
            f"Two candidates differ on {differ} of the samples, as measured in {plural(found.runs, 'earlier run')}."
        ]
    else:
        lines = [f"Assumed: two candidates differ on {differ} of the samples; no two earlier runs show how many."]
    if one.groups is not None:
        lines.append(
            f"Samples of one group are alike: correlation {found.correlation:.2g} ({found.correlation_basis})."
        )
    if found.synthetic:
        lines.append(f"Made up, and not counted: {plural(found.synthetic, 'sample')}.")
    return lines
