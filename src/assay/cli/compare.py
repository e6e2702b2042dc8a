"""`assay compare`: is one better than another on the same samples, and where do they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, run
from assay.cli.labels import labels_option, told, usable_labels
from assay.numerals import plural

if TYPE_CHECKING:
    from assay.app import App
    from assay.evals.figures.answers import Reply, Row
    from assay.evals.figures.comparison import Compared, Pair, Tested
    from assay.evals.runs.runner import Run, Runner
    from assay.ledger.rows import RunRow

SHOWN = 10
RUNS = 10_000  # newest ones, among which earlier runs are looked for
CUT_CHARS = 240


@click.command("compare")
@click.argument("names", metavar="A B [C ...]", nargs=-1, required=True)
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout"]), help="Only this part of the samples.")
@click.option("--no-run", is_flag=True, help="Ask nothing; compare what the ledger has.")
@click.option("--all", "every", is_flag=True, help="Show all samples, not only those where they differ.")
@click.option("-n", "--limit", type=click.IntRange(0), help=f"Show so many samples [default: {SHOWN}; JSON: all].")
@click.option("--full", is_flag=True, help="Show inputs and answers uncut.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Of the runs that names stand for, and of what is asked.",
)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@labels_option
@config_option
@json_option
def command(
    names: tuple[str, ...], folder: str | None, kinds: tuple[str, ...], split: str | None, no_run: bool, every: bool,
    limit: int | None, full: bool, seed: int, concurrency: int, labels: str | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare deployments, routes or runs, sample by sample, and show where they differ.

    A name stands for the newest run of that deployment or route as it is now; samples without a score are asked
    first. The id of a run (its beginning will do) stands for that run as it is: of a prompt before it was changed,
    say. Ids of runs of one public benchmark are compared document by document. Only samples that both have a score for
    count. A difference is established when McNemar's exact test says so at 5 %, after Holm's adjustment for all pairs;
    where samples come in groups, or scores are fractions, it is the test that exchanges names group by group. Samples
    that were made up are told apart. p50 and p95 hold the wait for other samples in flight; for a latency that counts,
    ask with --concurrency 1.

    \b
    Examples:
      assay compare small frontier
      assay compare small 019a3f --no-run -k sql --all
      assay compare zero few grammar --json
      assay compare 019a3f 019b07 --no-run --labels read.jsonl

    Exit code 0: one is better than every other; 4: these samples cannot tell.
    """
    compared = run(_compare(names, folder, kinds, split, no_run, seed, concurrency, labels, config), continues=True)
    from assay.evals.figures.comparison import verdict

    wanted = [row for row in compared.rows if every or row.differs]
    most = limit if limit is not None else None if as_json else SHOWN
    shown = wanted[:most]
    result = {
        "verdict": verdict(compared), "best": compared.best, "suite": compared.suite,
        "suite_digest": compared.suite_digest, "samples": compared.samples, "sides": compared.sides,
        "pairs": compared.pairs, "more_tokens": compared.more_tokens,
        "differing": sum(row.differs for row in compared.rows), "rows": shown,
    }  # fmt: skip
    emit(result, as_json, "" if as_json else render(compared, shown, len(wanted), every, full))
    finish(0 if compared.best is not None else 4)


async def _compare(
    names: tuple[str, ...], folder: str | None, kinds: tuple[str, ...], split: str | None, no_run: bool, seed: int,
    concurrency: int, labels: str | None, config: str | None,
) -> Compared:  # fmt: skip
    from assay.app import open_app
    from assay.cli.progress import EvalProgress
    from assay.cli.recovery import show_recovered
    from assay.decision.effort import models_of
    from assay.evals.figures.comparison import check_suite, compare_runs
    from assay.evals.figures.correction import read_people
    from assay.evals.graders.grading import check_graders
    from assay.evals.harness.documents import documents
    from assay.evals.runs.runner import Runner, read_run
    from assay.evals.suites.suite import read_suite

    async with open_app(config) as app:
        different = app.members(names)
        if len(different) < 2:
            raise click.UsageError(f"name two to compare, not {names[0]!r} alone")
        show_recovered(app.ledger.recovered)
        if (public := await _public(app, different)) is not None:
            if labels is not None:
                raise click.UsageError("--labels is of a suite: nobody here has read answers to a public benchmark")
            return compare_runs(public, documents(public).only(kinds, split))  # type: ignore[arg-type]
        whole = read_suite(folder or app.suite_path)
        part = whole.only(kinds, split)  # type: ignore[arg-type]  # click checked it
        known_labels = usable_labels(labels, whole, different)
        with EvalProgress(part.answers * len(different)) as progress:
            runner = Runner(
                app.spine, whole, seed=seed, config_digest=app.loaded.digest, concurrency=concurrency,
                on_result=progress.result,
            )  # fmt: skip
            runs = [await _known(app, runner, name, no_run) for name in different]
            check_suite(runs, part)
            if not no_run:
                check_graders(part.samples)
                for name, known in zip(different, runs, strict=True):
                    if name in app.spine.targets:
                        await runner.complete(known, part)
            people = await read_people(known_labels, app.ledger, runs) if known_labels is not None else None
            # with the answers, which are shown
            runs = [await read_run(app.ledger, one.row, runner.repeats) for one in runs]
        models = models_of(app.spine, (name for name in different if name in app.spine.targets))
    return compare_runs(runs, part, people.verdicts if people is not None else None, models=models)


async def _public(app: App, names: Sequence[str]) -> list[Run] | None:
    """The runs of a public benchmark that ids stand for; None where a name stands for anything else."""
    from assay.evals.runs.runner import read_run

    if any(name in app.spine.targets for name in names):
        return None
    rows = [row for name in names for row in await app.ledger.runs(2, id_begins=name)]
    if len(rows) != len(names) or any(row.harness is None for row in rows):
        return None
    return [await read_run(app.ledger, row) for row in rows]


async def _known(app: App, runner: Runner, name: str, no_run: bool) -> Run:
    """The run that a name or an id stands for.

    Raises:
        ConfigError: it stands for nothing.
        DecisionError: nothing may be asked, and there is no run.
    """
    from assay.errors import ConfigError, DecisionError, did_you_mean
    from assay.evals.runs.runner import read_run

    if name in app.spine.targets:
        known = await runner.known(name) if no_run else await runner.open(name)
        if known is None:
            raise DecisionError(
                f"there is no run of {name!r} as it is now on this suite, with this seed; leave --no-run out, "
                f"or name an earlier run by its id{await _earlier(app, name)}"
            )
        return known
    found = await app.ledger.runs(RUNS, id_begins=name)
    if not found:
        near = did_you_mean(name, app.spine.targets)
        raise ConfigError(f"{name!r} is neither a deployment or route nor the id of a run; {near}")
    if len(found) > 1:
        raise ConfigError(f"{len(found)} runs have an id that begins with {name!r}; give more of it: {_ids(found)}")
    return await read_run(app.ledger, found[0])


async def _earlier(app: App, name: str) -> str:
    found = [row for row in await app.ledger.runs(RUNS) if row.target == name]
    return f": {_ids(found)}" if found else ""


def _ids(rows: Sequence[RunRow]) -> str:
    return ", ".join(f"{row.id[:16]} ({row.target})" for row in rows[:3]) + (", ..." if len(rows) > 3 else "")


# ------------------------------------------------------------------------------------------- text


def render(compared: Compared, shown: Sequence[Row], wanted: int, every: bool, full: bool) -> str:
    """The verdict, figures side by side, and the samples."""
    from assay.cli.figures import cut
    from assay.cli.scorecards import COLUMNS, cells
    from assay.decision.table import table
    from assay.evals.figures.comparison import verdict
    from assay.evals.figures.more_tokens import told_steps

    lines = [verdict(compared), ""]
    rows = [(side.name, *cells(side.figures)) for side in compared.sides]
    rows += [(f"{side.name}, made up", *cells(side.synthetic)) for side in compared.sides if side.synthetic is not None]
    lines += table(("", *COLUMNS), rows, indent="  ")
    for side in compared.sides:
        lines += [f"  {side.name}: {count} unscored: {cut(why, CUT_CHARS)}" for why, count in side.unscored.items()][:3]
        lines += [f"  {side.name}: public benchmark by {side.public}"] if side.public is not None else []
    for pair in compared.pairs:
        lines += ["", *_per_kind(pair)]
        lines += [f"  {pair.a} less {pair.b}, {told(pair.corrected)}"] if pair.corrected is not None else []
    if steps := told_steps(compared.more_tokens):
        lines += ["", "What more tokens bought:", *(f"  {line}" for line in steps)]
    lines += ["", f"Samples {'that were answered' if every else 'where they differ'}: {wanted}"]
    if len(shown) < wanted:
        lines[-1] += f"; the first {len(shown)} (--limit):"
    for row in shown:
        lines += ["", *_sample(row, full)]
    return "\n".join(lines)


def _per_kind(pair: Pair) -> list[str]:
    from assay.decision.table import table

    head = ("kind", "samples", f"only {pair.a}", f"only {pair.b}", "difference", "95 % interval", "p (Holm)", "better")
    rows = [_tested(kind, one) for kind, one in pair.kinds.items()]
    rows += [_tested("made up", pair.synthetic)] if pair.synthetic is not None else []
    return table(head, rows, indent="  ")


def _tested(name: str, one: Tested) -> tuple[str, ...]:
    size, span, p_value = "-", "-", "-"
    if one.difference is not None and one.interval is not None:
        size = f"{one.difference * 100:+.0f} points"
        span = f"{one.interval[0] * 100:+.0f} to {one.interval[1] * 100:+.0f}"
        p_value = f"{one.p_adjusted:.2g}"
    samples = f"{one.samples} ({plural(one.groups, 'group')})" if one.groups is not None else str(one.samples)
    return (name, samples, str(one.only_a), str(one.only_b), size, span, p_value, one.better or "-")


def _sample(row: Row, full: bool) -> list[str]:
    from assay.cli.figures import block, cut

    most = None if full else CUT_CHARS
    target = row.target if isinstance(row.target, str) else _json(row.target)
    lines = [f"{row.kind} / {row.sample} ({row.split})", *block("input", cut(row.input, most))]
    lines += block("target", cut(target, most))
    for reply in row.replies:
        lines += _reply(reply, most)
    return lines


def _reply(reply: Reply, most: int | None) -> list[str]:
    from assay.cli.figures import block, cost, cut, seconds

    mark = "?" if reply.value is None else "+" if reply.value >= 1 else "-"
    answer = cut(reply.answer, most) if reply.answer is not None else "(no answer)"
    spent = f"{seconds(reply.latency_s)}, {cost(reply.usd, reply.engine_s)}{', cached' if reply.cached else ''}"
    words = [f"{score.grader}: {score.explanation}" for score in reply.scores if score.explanation]
    if reply.unscored is not None:
        words = [f"unscored: {reply.unscored}"]
    lines = block(f"{mark} {reply.name} ({spent})", answer)
    return lines + [f"      {cut(word, most)}" for word in words]


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
