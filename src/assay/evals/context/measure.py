"""Asking a grid through the spine: shortest first, each length only until it is decided whether it holds.

All of it is one run in the ledger (`suite.NAME`): answers that have a score are not asked for again, and further
lengths, tasks or repeats make the same run longer.
"""

from __future__ import annotations

from collections.abc import Iterable

from assay.errors import AssayError
from assay.evals.context.plan import Grid, place_of
from assay.evals.context.prompt import NAME
from assay.evals.context.standing import Rule
from assay.evals.context.tasks import Task
from assay.evals.context.verdict import Orders, Seen
from assay.evals.runs.outcomes import Outcomes, read_outcomes
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Samples, Suite, shuffled
from assay.ledger.rows import Row, RunRow
from assay.ledger.store import Ledger
from assay.stats.certainty import Verdict

__all__ = ["PURPOSE", "known_runs", "measure", "orders_of", "seen_of"]

PURPOSE = "context"
"""Of the runs; see `Runner.open`."""
_CALLS = (
    "select results.sample_id as sample_id, attempts.input_tokens as input_tokens, attempts.error as error, "
    "attempts.message as message from results join attempts on attempts.request_id = results.request_id "
    "where results.run_id = ? order by attempts.id"
)


class _Call(Row, frozen=True, kw_only=True):
    """One attempt at a prompt."""

    sample_id: str
    input_tokens: int | None
    error: str | None
    message: str | None


async def measure(
    runner: Runner, run: Run, suite: Suite, grid: Grid, rule: Rule, *, whole: bool = False
) -> AssayError | None:
    """Ask what is not known yet.

    Args:
        runner: of the suite.
        run: grows by what comes.
        suite: of the grid.
        grid: what is asked.
        rule: says when a length is decided.
        whole: ask every prompt, also when its length, or a shorter one, is decided.

    Returns:
        What ended it before its end; what was done is kept.
    """
    for task in grid.tasks:
        for length in grid.lengths:
            try:
                verdict = await _length(runner, run, _ordered(suite, grid, task, length), rule, whole=whole)
            except AssayError as error:
                return error
            if verdict is not Verdict.PASS and not whole:
                break
    await runner.finish(run)
    return None


def orders_of(suite: Suite, grid: Grid, task: Task) -> Orders:
    """The order in which the prompts of a task are asked."""
    return {length: list(_ordered(suite, grid, task, length).ids) for length in grid.lengths}


def _ordered(suite: Suite, grid: Grid, task: Task, length: int) -> Samples:
    prompts = suite.samples.named(place.id for place in grid.places((task,), (length,)))
    return shuffled(prompts, grid.seed)


async def _length(runner: Runner, run: Run, prompts: Samples, rule: Rule, *, whole: bool) -> Verdict:
    order = list(prompts.ids)

    def verdict() -> Verdict:
        values = {one: row.value for one in order if (row := run.results.get(one)) is not None}
        return rule.verdict(order, values, len(order))

    if whole or verdict() is Verdict.OPEN:
        await runner.evaluate(run, prompts, stop=None if whole else lambda: verdict() is not Verdict.OPEN)
    return verdict()


async def seen_of(ledger: Ledger, run: Run, only: Iterable[str] | None = None) -> list[Seen]:
    """What came of the prompts of a run, or of some of them, with their tokens.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    tokens: dict[str, int] = {}
    refused: dict[str, str] = {}
    for call in await ledger.rows(_Call, _CALLS, (run.row.id,)):
        if call.input_tokens is not None:
            tokens[call.sample_id] = call.input_tokens
        elif call.error == "ContextTooLong":
            refused[call.sample_id] = call.message or call.error
    wanted = set(run.results if only is None else only)
    found = []
    for sample, outcome in run.results.items():
        place = place_of(sample)
        if place is not None and sample in wanted:
            read = tokens.get(sample)
            found.append(Seen(place, outcome.value, read, refused.get(sample) if read is None else None))
    return found


async def known_runs(ledger: Ledger, limit: int) -> list[Run]:
    """The newest runs in which contexts were measured.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    rows = await ledger.rows(RunRow, "select * from runs where suite = ? order by id desc limit ?", (NAME, limit))
    found = []
    for row in rows:
        outcomes = Outcomes(row.id)
        await read_outcomes(ledger, row.id, outcomes)
        found.append(Run(row, outcomes))
    return found
