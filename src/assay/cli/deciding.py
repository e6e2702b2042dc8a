"""Choosing from the command line: the question, with what configuration and suite say, to a decision on record."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.cli.door import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.app import App
    from assay.cli.adapting import Adapt
    from assay.decision.adapting.adaptation import Adaptation
    from assay.decision.decision import Decision
    from assay.decision.question import Question
    from assay.evals.suites.suite import Suite

__all__ = ["decide", "tell_judges", "undecided"]


async def decide(
    app: App, question: Question | None = None, *, adapt: Adapt | None = None,
    adaptations: tuple[Adaptation, ...] = (), concurrency: int = 8, again_of: str | None = None,
) -> Decision:  # fmt: skip
    """Choose and record the decision.

    Args:
        app: the configuration, and where the decision is recorded.
        question: what is asked; default: what configuration and suite say.
        adapt: how prompts are searched before; None = candidates are asked as they are.
        adaptations: what an earlier search has found; its candidates can be called.
        concurrency: samples in flight at once.
        again_of: the decision that is made again.
    """
    import msgspec

    from assay.cli.adapting import caution, search, with_adapted, with_heldout
    from assay.cli.material import material
    from assay.cli.progress import EvalProgress
    from assay.decision.adapting.gain import with_gains
    from assay.decision.choose import Choosing
    from assay.decision.question import Question
    from assay.evals.runs.runner import Runner
    from assay.ledger.rows import DecisionRow

    asked = question if question is not None else Question()
    settings = app.loaded.config
    if adapt is not None:
        asked = with_heldout(asked)
        before = material(app, asked)
        with undecided():
            adaptations = await search(app, adapt, asked, before, concurrency)
        asked = with_adapted(asked, before.names, adaptations)
    whole, suite, names, split, tolerance, error = material(app, asked)
    with undecided(), EvalProgress(suite.answers * len(names)) as progress:
        runner = Runner(
            app.spine, whole, seed=asked.seed, config_digest=app.loaded.digest, concurrency=concurrency,
            on_result=progress.result,
        )  # fmt: skip
        choosing = Choosing(
            app.spine, suite, names, runner, bar=settings.decide.bar, seed=asked.seed, config_digest=app.loaded.digest,
            split=split, force_bar=asked.bar, p95_latency_s=settings.constraints.p95_latency_s, overall=asked.overall,
            tolerance=tolerance, error=error, on_verdict=progress.verdict,
        )  # fmt: skip
        decision = await choosing.choose()
        if adapt is not None:
            adaptations = await with_gains(runner, suite, adaptations, asked.seed)
    if adapt is not None and (said := caution(app, adaptations)) is not None:
        note(f"  {said}")
    await tell_judges(app, suite, decision.runs, asked.folder)
    decision = msgspec.structs.replace(decision, question=asked, again_of=again_of, adaptations=adaptations)
    body = msgspec.json.encode(decision)
    await app.ledger.add_decision(
        DecisionRow(id=decision.id, created_at=decision.created_at, suite=decision.suite, body=body)
    )
    return decision


@contextmanager
def undecided() -> Iterator[None]:
    """Where the money does not suffice there is no verdict: the exit code says that it cannot be told, and not "no"."""
    from assay.errors import BudgetExceeded, DecisionError

    try:
        yield
    except BudgetExceeded as error:
        error.exit_code = DecisionError.exit_code
        error.add_note("what was asked is kept; the same command goes on with the rest")
        raise


async def tell_judges(app: App, suite: Suite, runs: Mapping[str, str], folder: str | None) -> None:
    """Say on stderr how the judges of some runs stand: a verdict is worth what they are.

    Args:
        app: with the ledger.
        suite: that was judged.
        runs: target -> run.
        folder: of the suite, as it was named on the command line.
    """
    from shlex import quote

    from assay.evals.judging.standing import standing_of, told

    for one in await standing_of(app.spine, suite, runs):
        note(f"  {told(one, f' -s {quote(folder)}' if folder is not None else '')}")
