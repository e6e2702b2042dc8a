"""`assay eval`: run a suite against targets and print their scorecards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.door import Finite, config_option, emit, finish, json_option, note, run
from assay.cli.labels import labels_option, usable_labels
from assay.cli.recovery import show_recovered
from assay.cli.scorecards import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.app import App
    from assay.cli.progress import EvalProgress
    from assay.errors import AssayError
    from assay.evals.judging.labels import Labels
    from assay.evals.judging.standing import Standing
    from assay.evals.runs.runner import Run, Runner
    from assay.evals.suites.suite import Suite
    from assay.inference.batch_desk import BatchDesk
    from assay.inference.purse import Purse

__all__ = ["command"]


class Given(NamedTuple):
    """What was asked for on the command line, besides a harness."""

    targets: tuple[str, ...]
    folder: str | None
    kinds: tuple[str, ...]
    profiles: tuple[str, ...]
    split: str | None
    samples: tuple[str, ...]
    limit: int | None
    repeats: int | None
    seed: int
    concurrency: int
    deadline_s: float
    max_usd: float | None
    fresh: bool
    dry_run: bool
    batch: bool
    batch_wait_s: float
    no_wait: bool
    labels: str | None
    config: str | None
    as_json: bool

    @property
    def place(self) -> str:
        """Suite and configuration, as the next command must name them."""
        from shlex import quote

        named = (("-s", self.folder), ("-c", self.config))
        return "".join(f" {option} {quote(value)}" for option, value in named if value is not None)


class Ended(NamedTuple):
    """What an evaluation has come to: what ended it early, what it was paid from, and how it is to be told."""

    problem: AssayError | None
    purse: Purse | None
    labels: Labels | None
    place: str
    as_json: bool


@click.command("eval")
@click.option(
    "-m",
    "--model",
    "targets",
    multiple=True,
    help="Deployment or route; repeat for several [default: all candidates but judges].",
)
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--profile", "profiles", multiple=True, help="Only the kinds of this profile; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout"]), help="Only this part of the samples.")
@click.option("--sample", "samples", multiple=True, metavar="ID", help="Only this sample; may be repeated.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="Only so many samples of each kind, the same ones for a seed; or documents of each task.",
)
@click.option("--repeats", type=click.IntRange(1, 1000), help="Ask each sample so often [default: as its kind says].")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Order of the samples and seed of each request.",
)
@click.option(
    "--concurrency", default=8, show_default=True, type=click.IntRange(1),
    help="Samples of one target in flight at once; fewer while its host limits the rate.",
)  # fmt: skip
@click.option("--deadline-s", default=300.0, show_default=True, type=Finite(0.01), help="Cuts one sample.")
@click.option("--max-usd", type=Finite(0), help="Spend at most so much in this call, judges included.")
@click.option("--fresh", is_flag=True, help="A new run without the cache, instead of continuing the known one.")
@click.option("--dry-run", is_flag=True, help="Ask nothing; say what would be asked, and what it costs at most.")
@click.option("--batch", is_flag=True, help="Leave all requests with hosts that answer within a day, for less.")
@click.option(
    "--batch-wait-s", default=90_000.0, show_default=True, type=click.FloatRange(0), help="For batches, at most."
)
@click.option("--no-wait", is_flag=True, help="Do not wait for batches: the same command picks them up.")
@labels_option
@click.option("--harness", type=click.Choice(["lm-eval"]), help="Ask a public benchmark instead of a suite.")
@click.option("--tasks", help="Of the harness: names of tasks, by commas.")
@click.option("--include", type=click.Path(), help="Of the harness: a folder with tasks of one's own.")
@click.option("--fewshot", type=click.IntRange(0), help="Of the harness: examples in the prompt.")
@click.option("--harness-python", help="Interpreter that has the harness [default: this one].")
@config_option
@json_option
def command(
    harness: str | None, tasks: str | None, include: str | None, fewshot: int | None, harness_python: str | None,
    **given: Any,
) -> None:  # fmt: skip
    """Run a suite against deployments or routes and print scorecards with intervals.

    A run that was interrupted continues: answers that came are not asked for again. Samples that got no score
    (a provider's fault) are a third state: they are shown, never dropped, and asked again next time. Several
    targets are asked side by side; those on this machine take turns.

    With --max-usd the bound of every call is set aside before it is sent, so that no more can be spent; what
    was done is kept. A rate limit slows the evaluation down and loses no sample, unless it does not heal.

    With --batch all requests go to their hosts' batch endpoints (OpenAI, Anthropic, Gemini): half the price, no
    latencies, an answer within a day. Kill it, or leave with --no-wait: the same command picks the answers up.

    \b
    Examples:
      assay eval -m small -m frontier
      assay eval -m small -k sql --split heldout --json
      assay eval -m frontier --dry-run
      assay eval -m frontier --limit 20 --repeats 5 --max-usd 0.50
      assay eval -m frontier --batch --no-wait
      assay eval -m small --labels read.jsonl
      assay eval -m small --harness lm-eval --tasks ifeval,gsm8k

    Exit code 3: some answers have no score, or were not asked for; 4: all of those come with batches. A line on stderr
    says how many and why.
    """
    asked = Given(**given)
    if asked.no_wait and not asked.batch:
        raise click.UsageError("--no-wait is about batches: use it with --batch")
    if asked.batch and (asked.fresh or harness is not None):
        raise click.UsageError(
            "--batch goes with neither --fresh nor --harness: its answers are found in the cache; "
            "another --seed makes a new run"
        )
    if harness is None:
        _refuse(
            {"tasks": tasks, "include": include, "fewshot": fewshot, "harness-python": harness_python},
            "is of a harness: use it with --harness lm-eval",
        )
        finish(run(_eval(asked), continues=True))
    from assay.cli.harness import Asking, evaluate

    if not tasks:
        raise click.UsageError("--harness needs --tasks: names of tasks, by commas")
    unused: dict[str, object] = {
        "suite": asked.folder, "kind": asked.kinds, "profile": asked.profiles, "split": asked.split,
        "sample": asked.samples, "repeats": asked.repeats, "max-usd": asked.max_usd, "dry-run": asked.dry_run,
        "labels": asked.labels,
    }  # fmt: skip
    _refuse(unused, "is of a suite; a harness has no use for it")
    asking = Asking(tuple(tasks.split(",")), include, asked.limit, fewshot, harness_python)
    finish(
        run(
            evaluate(
                asking, asked.targets, seed=asked.seed, concurrency=asked.concurrency, deadline_s=asked.deadline_s,
                fresh=asked.fresh, config=asked.config, as_json=asked.as_json,
            ),
            continues=True,
        )
    )  # fmt: skip


def _refuse(options: Mapping[str, object], why: str) -> None:
    """No option that was given is left without effect in silence: one of them is a limit on money.

    Raises:
        click.UsageError: one was given.
    """
    for option, value in options.items():
        if value is not None and value is not False and value != ():  # 0 is a limit
            raise click.UsageError(f"--{option} {why}")


async def _eval(given: Given) -> int:
    from assay.app import open_app
    from assay.cli.progress import EvalProgress
    from assay.evals.graders.grading import check_graders
    from assay.evals.runs.runner import Runner
    from assay.evals.suites.suite import read_suite
    from assay.inference.purse import Purse

    async with open_app(given.config) as app:
        show_recovered(app.ledger.recovered)
        whole = read_suite(given.folder or app.suite_path)
        suite = _part(whole, given)
        check_graders(suite.samples)
        names = app.members(given.targets or app.candidates_for(suite))
        purse = Purse(given.max_usd, "--max-usd") if given.max_usd is not None else None
        labels = usable_labels(given.labels, whole, names)
        _check_targets(app, names, suite, purse)
        progress = EvalProgress(0, quiet=given.dry_run)
        desk = await _desk(app, names, progress) if given.batch and not given.dry_run else None
        runner = Runner(
            app.spine, whole, seed=given.seed, config_digest=app.loaded.digest, concurrency=given.concurrency,
            use_cache=not given.fresh, deadline_s=given.deadline_s, repeats=given.repeats, purse=purse,
            desk=desk, on_result=progress.result,
        )  # fmt: skip
        if given.dry_run:
            return await _forecast(app, runner, names, suite, given)
        runs = {name: await runner.open(name, fresh=given.fresh) for name in names}
        progress.total = sum(1 for one in runs.values() for _ in runner.missing(one, suite.samples))
        with progress:
            problem = await _asked(app, runner, runs, suite, desk, given)
        return await _told(app, runner, runs, suite, Ended(problem, purse, labels, given.place, given.as_json))


async def _asked(
    app: App, runner: Runner, runs: dict[str, Run], suite: Suite, desk: BatchDesk | None, given: Given
) -> AssayError | None:
    """Ask what is missing, one by one or in batches; gives what ended it early."""
    from assay.evals.runs.lanes import complete_all

    if desk is None:
        return await complete_all(runner, app.spine, runs, suite)
    from assay.evals.runs.batching import complete_in_batches

    wait_s = 0.0 if given.no_wait else given.batch_wait_s
    return await complete_in_batches(runner, list(runs.values()), suite, desk, wait_s)


async def _told(app: App, runner: Runner, runs: dict[str, Run], suite: Suite, ended: Ended) -> int:
    """Print the figures, and what is missing; gives the exit code.

    Raises:
        AssayError: what ended the evaluation, where that is no host's fault and no purse that is empty.
    """
    from assay.errors import ProviderError
    from assay.evals.figures.comparison import compare_runs
    from assay.evals.figures.correction import NOBODY, corrections, read_people
    from assay.evals.figures.scorecard import scorecard
    from assay.evals.runs.ending import ending
    from assay.evals.runs.tokens import RunTokens

    evaluated, problem, purse = list(runs.values()), ended.problem, ended.purse
    people = await read_people(ended.labels, app.ledger, evaluated) if ended.labels is not None else NOBODY
    seen = corrections(evaluated, suite, people)
    for one in evaluated:
        one.tokens = await RunTokens.read(app.ledger, one.row.id)
    cards = [scorecard(one, suite, seen.get(one.row.id)) for one in evaluated]
    compared = compare_runs(evaluated, suite, people.verdicts, rows=False)
    end = ending(runner, evaluated, suite, problem, purse)
    judges, judged = await _judges(app, suite, runs, ended.place)
    result = {"scorecards": cards, "comparisons": compared.pairs, "ending": end, "judges": judges}
    text = "" if ended.as_json else "\n".join([render(cards, compared, ended.place), *judged])
    emit(result, ended.as_json, text)
    if not end.whole:
        note(f"assay: {end.told()}")
    if problem is not None and not isinstance(problem, ProviderError) and (purse is None or not purse.refused):
        raise problem
    if end.waiting and not end.left and not end.unscored:
        return 4
    return 0 if end.whole else 3


async def _judges(app: App, suite: Suite, runs: dict[str, Run], place: str) -> tuple[list[Standing], list[str]]:
    """How the judges of a suite stand, and the same in words."""
    from assay.evals.graders.grading import graders_of

    if not graders_of(suite.samples):  # as in most suites: then nothing is imported that knows of judges
        return [], []
    from assay.evals.judging.standing import standing_of, told

    found = await standing_of(app.spine, suite, {name: one.row.id for name, one in runs.items()})
    return found, [f"  {told(one, place)}" for one in found]


async def _desk(app: App, names: tuple[str, ...], progress: EvalProgress) -> BatchDesk:
    """Where requests are left for batches, with what earlier processes have left there.

    Raises:
        ConfigError: a target has no batch endpoints.
    """
    from assay.inference.batch_desk import BatchDesk
    from assay.inference.batch_sender import host_of
    from assay.inference.reach import below

    desk = BatchDesk(app.spine.targets, app.spine.constraints, app.ledger, news=progress.say)
    for name in names:
        for live in below(app.spine, name):
            host_of(live)
    await desk.open()
    return desk


def _part(whole: Suite, given: Given) -> Suite:
    """What of the suite is asked.

    Raises:
        SuiteError: there is no such kind or sample.
    """
    kinds = whole.kinds_of(given.profiles, given.kinds)
    part = whole.only(kinds, given.split)  # type: ignore[arg-type]  # click checked it
    if given.samples:
        part = part.named(given.samples)
    return part.limited(given.limit, given.seed) if given.limit is not None else part


def _check_targets(app: App, names: tuple[str, ...], suite: Suite, purse: Purse | None) -> None:
    """Make sure, before anything is asked, that all targets are there, and that a purse can pay for them and judges.

    Raises:
        ConfigError: there is no such target, or nobody knows what its calls cost at most.
    """
    from assay.evals.runs.payable import check_judges, check_targets

    for name in names:
        app.spine.route(name)
    if purse is not None:
        check_targets(app.spine, names, suite)
        check_judges(app.spine, suite)


async def _forecast(app: App, runner: Runner, names: tuple[str, ...], suite: Suite, given: Given) -> int:
    from assay.cli.forecasts import foretold
    from assay.evals.figures.power import plan
    from assay.evals.runs.forecast import forecast

    found = []
    for name in names:
        would, known = await runner.would_open(name, fresh=given.fresh)
        found.append(forecast(app.spine, runner, would, suite, known=known))
    power = plan(suite, bar=app.loaded.config.decide.bar)
    emit({"forecasts": found, "power": power}, given.as_json, "" if given.as_json else foretold(found, power))
    return 0
