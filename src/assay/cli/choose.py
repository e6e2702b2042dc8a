"""`assay choose`: who does which kind of work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from assay.cli.adapting import adapt_options
from assay.cli.door import Finite, config_option, emit, finish, json_option, run
from assay.cli.recovery import show_recovered
from assay.cli.writing import writing_options

if TYPE_CHECKING:
    from assay.cli.adapting import Adapt
    from assay.cli.writing import Writing
    from assay.decision.decision import Decision
    from assay.decision.question import Question


@click.command("choose")
@click.option(
    "-m", "--model", "targets", multiple=True, help="Candidate; repeat for several [default: decide.candidates]."
)
@click.option(
    "-s", "--suite", "folder", type=click.Path(resolve_path=True), help="Folder of the suite [default: decide.suite]."
)
@click.option("-k", "--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--profile", "profiles", multiple=True, help="Only the kinds of this profile; may be repeated.")
@click.option(
    "--split", type=click.Choice(["dev", "heldout", "all"]), help="Part to decide on [default: decide.split]."
)
@click.option(
    "--bar",
    type=Finite(0, 1, min_open=True),
    help="Share to pass, for every kind but gates [default: the suite's, else decide.bar].",
)
@click.option(
    "--tolerance",
    type=Finite(0, 1, max_open=True),
    help="Whoever misses the bar by no more, as a share, may be chosen [default: decide.tolerance].",
)
@click.option(
    "--error",
    type=Finite(0, 0.5, max_open=True),
    help="How probable a wrong choice may be, per kind; 0 asks until all is certain [default: decide.error].",
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
@click.option(
    "--again", is_flag=False, flag_value="", metavar="[DECISION]",
    help="Make a decision again on its old evidence: what has changed since, and what that changes [default: the "
    "newest]. Other options win over what was asked then.",
)  # fmt: skip
@adapt_options
@writing_options
@click.option("--from-catalog", is_flag=True, help="Before any eval: advice from the catalogue, within [constraints].")
@click.option("--task", help="With --from-catalog: the work, as `assay advise` names it [default: by the suite].")
@config_option
@json_option
def command(
    again: str | None, adapt: Adapt | None, writing: Writing | None, concurrency: int, from_catalog: bool,
    task: str | None, config: str | None, as_json: bool, **said: Any,
) -> None:  # fmt: skip
    """Find, per kind of work, the cheapest candidate that meets the bar, with a guarantee.

    Gates are run in full first. Then candidates are asked cheapest first, each only until the verdict that the
    full suite would give is known: with the error allowed, whenever one stops. Results are kept: the same call
    again asks nothing.

    \b
    Examples:
      assay choose
      assay choose --bar 0.9 -k sql
      assay choose --bar 0.9 --tolerance 0.03 --error 0.05
      assay choose --overall --json
      assay choose --adapt                 each candidate with the prompt that suits it, too
      assay choose --again                 what has changed since, and what that changes
      assay choose --write assay.toml      the route that enforces it, added to the configuration
      assay choose --from-catalog

    Exit code 0: every kind has a candidate; 1: none passes some kind; 4: cannot be told.
    """
    if from_catalog:
        from assay.cli.advise import advise_configured
        from assay.cli.again import given

        if again is not None or adapt is not None or writing is not None or given(said).keys() - {"folder"}:
            raise click.UsageError("--from-catalog asks nobody; beside it go --suite, --task, --config and --json")
        advise_configured(config, said["folder"], task, as_json)
    if task is not None:
        raise click.UsageError("--task goes with --from-catalog; kinds of a suite are chosen with --kind")
    if again is not None:
        if adapt is not None:
            raise click.UsageError("--again goes by what --adapt found then; without --again it is searched anew")
        from assay.cli.again import choose_again, given

        decision = choose_again(again, given(said), concurrency, config, as_json)
    else:
        from assay.decision.explain import explain
        from assay.decision.line import with_line
        from assay.decision.question import Question

        decision = run(_choose(Question(**said), adapt, concurrency, config), continues=True)
        emit(with_line(decision), as_json, explain(decision))
    if writing is not None:
        writing.write(decision, config)
    finish(decision.exit_code)


async def _choose(question: Question, adapt: Adapt | None, concurrency: int, config: str | None) -> Decision:
    from assay.app import open_app
    from assay.cli.deciding import decide

    async with open_app(config) as app:
        show_recovered(app.ledger.recovered)
        return await decide(app, question, adapt=adapt, concurrency=concurrency)
