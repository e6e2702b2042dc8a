"""`assay judge compare`: whose answers does a judge prefer?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.judge.purse import max_usd_option, purse_of, within_purse
from assay.numerals import plural, verb

if TYPE_CHECKING:
    from assay.evals.judging.duel import Duel


@click.command("compare")
@click.argument("a")
@click.argument("b")
@click.option("--judge", required=True, help="Deployment or route that is asked for verdicts.")
@click.option("--rubric", help="Which answer is better [default: right, then complete, then clear and brief].")
@click.option("--rubric-file", type=click.Path(), help="The same, in a file.")
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@max_usd_option
@config_option
@json_option
def command(
    a: str, b: str, judge: str, rubric: str | None, rubric_file: str | None, folder: str | None,
    kinds: tuple[str, ...], concurrency: int, max_usd: float | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Let a judge compare the answers of two runs, sample by sample.

    A and B are ids of runs, their beginnings, or deployments and routes, whose newest runs they are. The judge is asked
    in both orders; where they disagree it is a tie. The lead is established when an exact sign test over wins and
    defeats says so at 5 %. Nothing is asked of A and B: `assay eval` has done that.

    \b
    Examples:
      assay judge compare small large --judge frontier
      assay judge compare small 019a3f --judge frontier -k reply.tone --rubric "Which is kinder?" --json

    Exit code 0: one is better; 3: there are no verdicts, or the money ran out; 4: these samples cannot tell.
    """
    given: dict[str, Any] = {"grader": "pairwise", "model": judge}
    given |= {"rubric": rubric} if rubric is not None else {}
    given |= {"rubric_file": rubric_file} if rubric_file is not None else {}
    with within_purse():
        duel = run(_compare(a, b, judge, given, folder, kinds, concurrency, max_usd, config), continues=True)
    emit(duel, as_json, render(duel))
    if not duel.samples:
        finish(3)
    finish(0 if duel.better is not None else 4)


async def _compare(
    a: str, b: str, judge: str, spec: dict[str, Any], folder: str | None, kinds: tuple[str, ...], concurrency: int,
    max_usd: float | None, config: str | None,
) -> Duel:  # fmt: skip
    from assay.app import open_app
    from assay.cli.judge.finding import run_of
    from assay.cli.progress import VerdictProgress
    from assay.errors import DecisionError
    from assay.evals.graders.grading import grader_of
    from assay.evals.judging.duel import fight, judge_pairs, pairs_of
    from assay.evals.runs.payable import check_judge
    from assay.evals.suites.suite import read_suite

    grader = grader_of(spec)  # a mistake in its options shows first
    async with open_app(config) as app:
        suite = read_suite(folder or app.suite_path).only(kinds)
        await app.require([judge])
        purse = purse_of(max_usd)
        if purse is not None:
            check_judge(app.spine, grader)
        one, other = await run_of(app, a, suite), await run_of(app, b, suite)
        if one.id == other.id:
            raise click.UsageError(f"{a!r} and {b!r} are the same run; name two")
        pairs = await pairs_of(app.spine, suite.samples, one, other)
        if not pairs:
            raise DecisionError(f"there is no sample that both {a!r} and {b!r} have an answer to")
        with VerdictProgress() as progress:
            progress.of(len(pairs))
            scores, usd = await judge_pairs(
                app.spine,
                spec,
                pairs,
                (one.target, other.target),
                concurrency=concurrency,
                purse=purse,
                on_verdict=progress.one,
            )
    names = (one.target, other.target) if one.target != other.target else (one.id[:12], other.id[:12])
    return fight(*names, judge, scores, usd)


def render(duel: Duel) -> str:
    """A duel as text."""
    from assay.cli.figures import cost

    if duel.win_rate is None or duel.interval is None or duel.p_value is None:
        return f"{duel.judge} gave no verdict on {plural(duel.unscored, 'pair')} of answers."
    low, high = duel.interval
    head = f"{duel.better} is better" if duel.better is not None else "It cannot be told whose answers are better"
    lines = [
        f"{head}: {duel.a} wins {duel.wins_a}, {duel.b} wins {duel.wins_b}, {plural(duel.ties, 'tie')} "
        f"(p = {duel.p_value:.2g}).",
        f"  {duel.a} wins {duel.win_rate:.0%} of {duel.samples} [{low:.0%}, {high:.0%}], ties half, by {duel.judge}",
    ]
    place = duel.position
    if place.pairs:
        favoured = f"; it favours the {place.favours} place" if place.favours else ""
        stay = f"{plural(place.pairs, 'verdict')} {verb(place.steady, 'stays', 'stay')}"
        lines.append(f"  {place.steady} of {stay} when the answers change places{favoured}")
    if duel.judges_itself:
        lines.append(f"  {duel.judge} judges answers of its own model here")
    if duel.unscored:
        lines.append(f"  {plural(duel.unscored, 'pair')} got no verdict")
    return "\n".join([*lines, f"  cost: {cost(duel.usd, None)}"])
