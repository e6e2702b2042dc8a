"""`assay eval`: run a suite against targets and print their scorecards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run

if TYPE_CHECKING:
    from assay.evals.comparison import Compared
    from assay.evals.scorecard import Metrics, Scorecard

COLUMNS = ("passed", "of", "share", "95 % interval", "unscored", "p50", "p95", "cost each", "cached")


@click.command("eval")
@click.option(
    "-m", "--model", "targets", multiple=True, help="Deployment or route; repeat for several [default: all candidates]."
)
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--split", type=click.Choice(["dev", "heldout"]), help="Only this part of the samples.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Order of the samples and seed of each request.",
)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@click.option("--deadline-s", default=300.0, show_default=True, type=click.FloatRange(0.01), help="Cuts one sample.")
@click.option("--fresh", is_flag=True, help="A new run without the cache, instead of continuing the known one.")
@config_option
@json_option
def command(
    targets: tuple[str, ...], folder: str | None, kinds: tuple[str, ...], split: str | None, seed: int,
    concurrency: int,
    deadline_s: float, fresh: bool, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Run a suite against deployments or routes and print scorecards with intervals.

    A run that was interrupted continues: answers that came are not asked for again. Samples that got no score
    (a provider's fault) are a third state: they are shown, never dropped, and asked again next time.

    \b
    Examples:
      assay eval -m small -m frontier
      assay eval -m small -k sql --split heldout --json
    """
    finish(run(_eval(targets, folder, kinds, split, seed, concurrency, deadline_s, fresh, config, as_json)))


async def _eval(
    targets: tuple[str, ...], folder: str | None, kinds: tuple[str, ...], split: str | None, seed: int,
    concurrency: int, deadline_s: float, fresh: bool, config: str | None, as_json: bool,
) -> int:  # fmt: skip
    from assay.app import open_app
    from assay.cli.progress import EvalProgress
    from assay.evals.comparison import compare_runs
    from assay.evals.grading import check_graders
    from assay.evals.runner import Runner
    from assay.evals.scorecard import scorecard
    from assay.evals.suite import read_suite

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        whole = read_suite(folder or app.suite_path)
        suite = whole.only(kinds, split)  # type: ignore[arg-type]  # click checked it
        check_graders(suite.samples)
        names = tuple(dict.fromkeys(targets or app.candidates))
        for name in names:
            app.spine.route(name)
        with EvalProgress(len(suite.samples) * len(names)) as progress:
            runner = Runner(
                app.spine, whole, seed=seed, config_digest=app.loaded.digest, concurrency=concurrency,
                use_cache=not fresh, deadline_s=deadline_s, on_result=progress.result,
            )  # fmt: skip
            runs = []
            for name in names:
                evaluated = await runner.open(name, fresh=fresh)
                await runner.complete(evaluated, suite)
                runs.append(evaluated)
        cards = [scorecard(one, suite) for one in runs]
        compared = compare_runs(runs, suite)
    emit({"scorecards": cards, "comparisons": compared.pairs}, as_json, render(cards, compared))
    return 3 if any(card.overall.unscored for card in cards) else 0


def show_recovered(recovered: object) -> None:
    """Say what a crashed process had left open."""
    from assay.ledger.rows import Recovered

    if isinstance(recovered, Recovered) and recovered.attempts:
        unknown = f" ({recovered.unknown} without a known price)" if recovered.unknown else ""
        note(
            f"assay: an earlier process died with {recovered.attempts} calls in flight; "
            f"they are charged at their bound, {recovered.charged_usd:.6f} USD{unknown}"
        )


def render(cards: list[Scorecard], compared: Compared) -> str:
    """Scorecards and comparisons as text."""
    from assay.decision.explain import table
    from assay.evals.comparison import verdict

    head = ("kind", *COLUMNS)
    lines: list[str] = []
    for card in cards:
        lines += [f"{card.target}  (run {card.run}, suite {card.suite}, seed {card.seed})"]
        rows = [(name, *cells(one)) for name, one in card.kinds.items()]
        lines += table(head, [*rows, ("overall", *cells(card.overall))], indent="  ")
        for reason, count in sorted(card.unscored.items(), key=lambda item: -item[1])[:3]:
            lines.append(f"  {count} unscored: {reason}")
        if card.overall.unscored and card.overall.bounds:
            low, high = card.overall.bounds
            lines.append(f"  overall between {low:.1%} (all unscored wrong) and {high:.1%} (all right)")
        lines.append("")
    if compared.pairs:
        lines += [verdict(compared), f"Where: assay compare {' '.join(side.name for side in compared.sides)}"]
    return "\n".join(lines)


def cells(one: Metrics) -> tuple[str, ...]:
    """A row under `COLUMNS`."""
    from assay.cli.figures import cost, seconds

    interval = f"{one.interval[0]:.0%} to {one.interval[1]:.0%}" if one.interval else "-"
    share = f"{one.share:.0%}" if one.share is not None else "-"
    times = (seconds(one.p50_s), seconds(one.p95_s))
    spent = cost(one.usd, one.engine_s)
    return (str(one.passed), str(one.total), share, interval, str(one.unscored), *times, spent, str(one.cached))
