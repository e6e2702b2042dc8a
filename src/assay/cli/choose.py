"""`assay choose`: who does which kind of work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.cli.door import config_option, emit, finish, json_option, note, run
from assay.cli.recovery import show_recovered

if TYPE_CHECKING:
    from assay.app import App
    from assay.decision.decision import Decision


@click.command("choose")
@click.option(
    "-m", "--model", "targets", multiple=True, help="Candidate; repeat for several [default: decide.candidates]."
)
@click.option("-s", "--suite", "folder", type=click.Path(), help="Folder of the suite [default: decide.suite].")
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--profile", "profiles", multiple=True, help="Only the kinds of this profile; may be repeated.")
@click.option(
    "--split", type=click.Choice(["dev", "heldout", "all"]), help="Part to decide on [default: decide.split]."
)
@click.option(
    "--bar",
    type=click.FloatRange(0, 1, min_open=True),
    help="Share to pass, for every kind but gates [default: the suite's, else decide.bar].",
)
@click.option("--overall", is_flag=True, help="One candidate for all kinds together (gates stay by themselves).")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Order of the samples and seed of each request.",
)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1), help="Samples in flight at once.")
@click.option("--from-catalog", is_flag=True, help="Before any eval: advice from the catalogue, within [constraints].")
@click.option("--task", help="With --from-catalog: the work, as `assay advise` names it [default: by the suite].")
@config_option
@json_option
def command(
    targets: tuple[str, ...], folder: str | None, kinds: tuple[str, ...], profiles: tuple[str, ...],
    split: str | None, bar: float | None, overall: bool, seed: int, concurrency: int, from_catalog: bool,
    task: str | None, config: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Find, per kind of work, the cheapest candidate that certainly meets the bar.

    Gates are run in full first. Then candidates are asked cheapest first, each only until its verdict is
    arithmetically certain. Results are kept: the same call again asks nothing.

    \b
    Examples:
      assay choose
      assay choose --bar 0.9 -k sql
      assay choose --overall --json
      assay choose --from-catalog

    Exit code 0: every kind has a candidate; 1: none passes some kind; 4: cannot be told.
    """
    if from_catalog:
        from assay.cli.advise import advise_configured

        advise_configured(config, folder, task, as_json)
    if task is not None:
        raise click.UsageError("--task goes with --from-catalog; kinds of a suite are chosen with --kind")
    decision = run(
        _choose(targets, folder, kinds, profiles, split, bar, overall, seed, concurrency, config), continues=True
    )
    from assay.decision.explain import explain

    emit(decision, as_json, explain(decision))
    finish(decision.exit_code)


async def _choose(
    targets: tuple[str, ...], folder: str | None, kinds: tuple[str, ...], profiles: tuple[str, ...],
    split: str | None, bar: float | None, overall: bool, seed: int, concurrency: int, config: str | None,
) -> Decision:  # fmt: skip
    from assay.app import open_app

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        return await decide(
            app, targets=targets, folder=folder, kinds=kinds, profiles=profiles, split=split, bar=bar,
            overall=overall, seed=seed, concurrency=concurrency,
        )  # fmt: skip


async def decide(
    app: App, *, targets: tuple[str, ...] = (), folder: str | None = None, kinds: tuple[str, ...] = (),
    profiles: tuple[str, ...] = (), split: str | None = None, bar: float | None = None, overall: bool = False,
    seed: int = 0, concurrency: int = 8,
) -> Decision:  # fmt: skip
    """Choose and record the decision."""
    from shlex import quote

    import msgspec

    from assay.cli.progress import EvalProgress
    from assay.decision.choose import Choosing
    from assay.evals.graders.grading import check_graders
    from assay.evals.judging.standing import standing_of, told
    from assay.evals.runs.runner import Runner
    from assay.evals.suites.suite import read_suite
    from assay.ledger.rows import DecisionRow

    settings = app.loaded.config
    split = settings.decide.split if split is None else None if split == "all" else split
    whole = read_suite(folder or app.suite_path)
    wanted = whole.with_gates(whole.kinds_of(profiles, kinds))
    suite = whole.only(wanted, split)  # type: ignore[arg-type]  # click checked it
    check_graders(suite.samples)
    names = tuple(dict.fromkeys(targets or app.candidates_for(suite)))
    for name in names:
        app.spine.route(name)
    with EvalProgress(suite.answers * len(names)) as progress:
        runner = Runner(
            app.spine, whole, seed=seed, config_digest=app.loaded.digest, concurrency=concurrency,
            on_result=progress.result,
        )  # fmt: skip
        choosing = Choosing(
            app.spine, suite, names, runner, bar=settings.decide.bar, seed=seed, config_digest=app.loaded.digest,
            split=split, force_bar=bar, p95_latency_s=settings.constraints.p95_latency_s, overall=overall,
            on_verdict=progress.verdict,
        )  # fmt: skip
        decision = await choosing.choose()
    for one in await standing_of(app.spine, suite, decision.runs):  # a decision is worth what its judges are
        note(f"  {told(one, f' -s {quote(folder)}' if folder is not None else '')}")
    body = msgspec.json.encode(decision)
    await app.ledger.add_decision(
        DecisionRow(id=decision.id, created_at=decision.created_at, suite=decision.suite, body=body)
    )
    return decision
