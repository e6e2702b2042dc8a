"""`assay context`: how much of its context a target really uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.app import App
    from assay.errors import AssayError
    from assay.evals.context.measured import Measured
    from assay.evals.context.plan import Budget, Grid
    from assay.evals.context.tasks import Task
    from assay.inference.purse import Purse

DEPTHS = "0,25,50,75,100"


class Given(NamedTuple):
    """What was asked for on the command line."""

    target: str
    task: str
    lengths: str | None
    depths: str
    repeats: int
    bar: float
    error: float
    need: str | None
    full: bool
    answer_tokens: int | None
    seed: int
    concurrency: int
    deadline_s: float
    max_usd: float | None
    fresh: bool
    dry_run: bool
    html: str | None
    config: str | None
    as_json: bool


@click.command("context")
@click.argument("target", required=False)
@click.option(
    "--task", type=click.Choice(["needle", "hops", "latest", "all"]), default="all", show_default=True,
    help="needle: one fact; hops: two facts to join; latest: a fact that a later one overrules.",
)  # fmt: skip
@click.option("--lengths", metavar="1k,2k,4k", help="Tokens of prompt and answer [default: 1k, 2k ... all it has].")
@click.option("--depths", default=DEPTHS, show_default=True, help="Where the fact stands, in percent of the text.")
@click.option("--repeats", default=4, show_default=True, type=click.IntRange(1, 1000), help="Texts of each.")
@click.option("--bar", default=0.9, show_default=True, type=Finite(0, 1, min_open=True),
              help="Share of prompts that must pass for a length to hold.")  # fmt: skip
@click.option("--error", default=0.0, show_default=True, type=Finite(0, 0.5, max_open=True),
              help="Chance of a wrong verdict that is allowed, for fewer calls; 0: certain.")  # fmt: skip
@click.option("--need", metavar="TOKENS", help="Exit 1 if it uses less than this.")
@click.option("--full", is_flag=True, help="Ask every prompt, also when a verdict is certain: for the whole picture.")
@click.option("--answer-tokens", type=click.IntRange(1), help="Room for an answer [default: 32; 2048 if it thinks].")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Of texts and order.")
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1), help="Prompts in flight at once.")
@click.option("--deadline-s", default=600.0, show_default=True, type=Finite(0.01), help="Cuts one prompt.")
@click.option("--max-usd", type=Finite(0), help="Spend at most so much in this call; needed where a host bills.")
@click.option("--fresh", is_flag=True, help="A new run without the cache, instead of continuing the known one.")
@click.option("--dry-run", is_flag=True, help="Ask nothing; say what it would take.")
@click.option("--html", type=click.Path(), metavar="FILE", help="Write a page with a heatmap of each task.")
@click.option("--list", "listing", is_flag=True, help="Ask nothing; show what was measured before.")
@config_option
@json_option
def command(listing: bool, **given: Any) -> None:
    """Measure how much of its context a deployment or route really uses.

    Facts are hidden in generated text, at several depths of prompts that get longer and longer; others of the same form
    stand in between. The effective context is the longest length at which, and at all shorter ones, the share that
    passes is at least --bar. A length is asked until that is certain (or, with --error, sure enough), and no longer one
    after the first that fails.

    All is kept in the ledger: the same command asks nothing again, more --lengths or --repeats go on from there. TARGET
    may also be a model of the catalogue, or a GGUF file, for the engine on this machine.

    \b
    Examples:
      assay context small
      assay context frontier --dry-run
      assay context frontier --lengths 8k,32k,128k --need 32k --max-usd 3
      assay context small --task needle --full --html context.html
      assay context --list

    Exit code 0: measured, and what is needed is used; 1: it is not; 4: it cannot be told (a line on stderr says why).
    """
    asked = Given(**given) if given["target"] is not None else None
    if (asked is None) != listing:
        raise click.UsageError("name what to measure, or ask for --list of what was measured")
    if asked is None:
        from assay.cli.context_list import show

        finish(run(show(given["config"], given["bar"], given["as_json"])))
    if asked.html is not None and not Path(asked.html).absolute().parent.is_dir():
        raise click.UsageError(f"--html {asked.html}: its folder is not there, and nothing was asked")
    finish(run(_context(asked), continues=True))


async def _context(given: Given) -> int:
    from assay.app import App, loaded_for
    from assay.catalog.load import load as load_catalog
    from assay.cli.recovery import show_recovered
    from assay.errors import ConstraintError
    from assay.evals.context.plan import budget
    from assay.evals.context.room import with_room
    from assay.inference.purse import Purse

    loaded = loaded_for(given.target, given.config)
    roomy = with_room(loaded.config, load_catalog(loaded.config.catalog_files), given.answer_tokens)
    async with App(loaded._replace(config=roomy)) as app:
        show_recovered(app.ledger.recovered)
        grid = _grid(app, given)
        cost = budget(app.spine, given.target, grid)
        if given.dry_run:
            emit({"target": given.target, "grid": grid, "budget": cost}, given.as_json, _told_budget(cost, grid))
            return 0
        if cost.usd and given.max_usd is None:
            raise click.UsageError(f"{_told_budget(cost, grid)}: say with --max-usd what it may cost")
        note(f"  {_told_budget(cost, grid)}")
        purse = Purse(given.max_usd, "--max-usd") if given.max_usd is not None else None
        try:
            return _show(await _measured(app, given, grid, cost, purse), given)
        except ConstraintError as error:  # whose own exit code, 1, would be an answer about the context
            note(f"assay: {error}")
            return 4


def _grid(app: App, given: Given) -> Grid:
    """What is to be asked.

    Raises:
        ConfigError: there is no such target, or lengths or depths are none.
    """
    from assay.evals.context.plan import Grid, default_lengths, depths_of, lengths_of, quoted
    from assay.evals.context.room import room_of
    from assay.evals.context.tasks import TASKS

    said, room = quoted(app.spine, given.target), room_of(app.spine, given.target)
    known = default_lengths(said, room) if given.lengths is None else lengths_of(given.lengths)
    needed = lengths_of(given.need) if given.need is not None else ()
    chosen: tuple[Task, ...] = TASKS if given.task == "all" else (given.task,)  # type: ignore[assignment]  # click checked it
    return Grid(
        tasks=chosen,
        lengths=tuple(sorted({*known, *needed})),
        depths=depths_of(given.depths),
        repeats=given.repeats,
        answer_tokens=room,
        seed=given.seed,
    )


async def _measured(app: App, given: Given, grid: Grid, cost: Budget, purse: Purse | None) -> Measured:
    """Ask what is not known yet, and say what all of it comes to.

    Raises:
        AssayError: nothing can be asked, or not kept.
    """
    from assay.cli.progress import EvalProgress
    from assay.evals.context.measure import PURPOSE, measure, orders_of, seen_of
    from assay.evals.context.measured import Measured
    from assay.evals.context.plan import lengths_of, quoted
    from assay.evals.context.ruler import ASSUMED, measured_ruler
    from assay.evals.context.standing import Rule
    from assay.evals.context.suite import suite_of
    from assay.evals.context.verdict import finding
    from assay.evals.runs.payable import check_targets
    from assay.evals.runs.runner import Runner

    if purse is not None:
        check_targets(app.spine, [given.target], suite_of(grid, ASSUMED))
    ruler = await measured_ruler(app.spine, given.target, grid.lengths[0], purse)
    suite, progress = suite_of(grid, ruler), EvalProgress(cost.prompts)
    runner = Runner(
        app.spine, suite, seed=grid.seed, config_digest=app.loaded.digest, concurrency=given.concurrency,
        use_cache=not given.fresh, deadline_s=given.deadline_s, purse=purse, on_result=progress.result,
    )  # fmt: skip
    one = await runner.open(given.target, fresh=given.fresh, purpose=PURPOSE)
    known, rule = len(one.results), Rule(given.bar, given.error, len(grid.lengths))
    with progress:
        problem = await measure(runner, one, suite, grid, rule, whole=given.full)
    if problem is not None and not _goes_on(problem):
        raise problem
    seen = await seen_of(app.ledger, one, suite.samples.ids)
    return Measured(
        target=given.target,
        run=one.row.id,
        created_at=one.row.created_at,
        quoted=quoted(app.spine, given.target),
        grid=grid,
        ruler=ruler,
        budget=cost,
        bar=given.bar,
        error=given.error,
        asked=len(one.results) - known,
        need=lengths_of(given.need)[-1] if given.need is not None else None,
        stopped=str(problem) if problem is not None else None,
        findings=tuple(finding(task, seen, rule, orders_of(suite, grid, task)) for task in grid.tasks),
    )


def _goes_on(problem: AssayError) -> bool:
    """Whether what was measured by then is told: a host has failed, or the money is spent."""
    from assay.errors import BudgetExceeded, ProviderError

    return isinstance(problem, ProviderError | BudgetExceeded)


def _show(found: Measured, given: Given) -> int:
    from assay.cli.context_page import render
    from assay.stats.certainty import Verdict

    emit(found, given.as_json, "" if given.as_json else render(found))
    if given.html is not None:
        from assay.report.heatmap import write_page

        note(f"  written: {write_page(found, given.html)}")
    if found.stopped is not None:
        note(f"assay: stopped: {found.stopped}; what was done is kept, the same command asks for the rest")
    unscored = sum(reach.unscored for one in found.findings for reach in one.reaches)
    if unscored:
        note(f"assay: {plural(unscored, 'prompt')} without a score (assay logs says why); the same command asks again")
    return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.OPEN: 4}[found.verdict]


def _told_budget(cost: Budget, grid: Grid) -> str:
    """What the whole grid takes, in a line."""
    from assay.report.numbers import money

    lengths = ", ".join(f"{length:,}" for length in grid.lengths)
    usd = "USD not known" if cost.usd is None else money(cost.usd) if cost.usd else "no bill"
    return (
        f"at most {plural(cost.prompts, 'prompt')} of {lengths} tokens: {cost.input_tokens:,} tokens to read, "
        f"{cost.output_tokens:,} to write, {usd}"
    )
