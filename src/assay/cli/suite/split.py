"""`assay suite split`: which samples prompts are written on, and which are decided on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import emit, finish, json_option
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.evals.splits.splitting import Plan

SHOWN = 10


@click.command("split")
@click.argument("folder", type=click.Path())
@click.option(
    "--heldout",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of each kind and label to hold out.",
)
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option(
    "--by",
    "together",
    multiple=True,
    type=click.Choice(["group", "near-duplicates"]),
    help="What stays on one side; may be repeated [default: both].",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Another one, another split.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--force", is_flag=True, help="Split kinds anew that have been split.")
@json_option
def command(
    folder: str, heldout: float, kinds: tuple[str, ...], together: tuple[str, ...], seed: int, dry_run: bool,
    force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Divide the samples of a suite into dev and heldout, and write it into its JSONL files.

    Prompts are written on dev; heldout decides. Sides follow from a hash of the ids, so that they are the same
    everywhere; every kind and label has its share on both. Groups and near-duplicates stay on one side. A kind with dev
    samples has been split and keeps its sides, unless --force: what has been looked at proves nothing any more.
    Nothing in a file changes but the values of `split`.

    \b
    Examples:
      assay suite split suite --heldout 0.7 --dry-run
      assay suite split suite -k tickets --by group --json

    Exit code 1: samples that belong together are on both sides, and keep them.
    """
    from assay.evals.splits.split_writing import write_split
    from assay.evals.splits.splitting import plan_split
    from assay.evals.suites.suite import read_suite
    from assay.evals.suites.suite_files import read_suite_files

    suite = read_suite(folder)
    suite.only(kinds)
    given = {"together": together} if together else {}
    plan = plan_split(suite, heldout, seed=seed, force=force, kinds=kinds, **given)  # type: ignore[arg-type]  # click checked it
    emit(plan, as_json, render(plan, dry_run=dry_run))
    if not dry_run:
        write_split(read_suite_files(folder), plan)
    finish(1 if plan.torn else 0)


def render(plan: Plan, *, dry_run: bool) -> str:
    """What changes, per kind."""
    from assay.decision.table import table

    cells = [
        (
            one.kind, str(one.samples), str(one.heldout_before), str(one.heldout_after),
            "split already: nothing moves" if one.kept else "",
        )
        for one in plan.kinds
    ]  # fmt: skip
    lines = table(("kind", "samples", "held out", "then", ""), cells)
    for group in plan.torn[:SHOWN]:
        lines.append(f"On both sides, though they belong together: {', '.join(group[:SHOWN])}")
    if plan.torn:
        lines.append("--force would split their kinds anew; taking one of them out is better.")
    done = "would change sides; nothing was written" if dry_run else "change sides"
    return "\n".join([*lines, f"{plural(len(plan.moves), 'sample')} {done}."])
