"""Runs in batches: leave all requests with hosts that answer later, then score what comes, batch by batch.

There is one way on, whatever has happened in between: the same samples are asked again, and find in the cache what has
come. So a conversation, or a route that asks one model after another, takes as many batches as it has turns.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from assay.errors import AssayError
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.batch_desk import BatchDesk

__all__ = ["complete_in_batches"]


async def complete_in_batches(
    runner: Runner, runs: Sequence[Run], part: Suite, desk: BatchDesk, within_s: float | None = None
) -> AssayError | None:
    """Evaluate all samples of `part` in all runs; what others have left open is picked up.

    Args:
        runner: made with this desk.
        runs: of `Runner.open`; they grow by what comes. `Run.waiting` is then what still waits: asked again later, it
            is picked up.
        part: the suite, or a part of it.
        desk: opened.
        within_s: how long to wait for batches, from now on; None = as long as it takes, 0 = not at all.

    Returns:
        What kept samples from being asked; what had been left by then is sent and waited for all the same.
    """
    until = None if within_s is None else time.monotonic() + within_s
    problem: AssayError | None = None
    ended: set[str] | None = None
    while True:
        for run in runs:
            error = await _ask(runner, run, part, ended)
            problem = problem or error
        await desk.flush()
        wanted = {batch for run in runs for batch in run.waiting.values()}
        left_s = None if until is None else max(0.0, until - time.monotonic())
        ended = await desk.wait(wanted, left_s) if wanted else set()
        if not ended:
            return problem


async def _ask(runner: Runner, run: Run, part: Suite, ended: Collection[str] | None) -> AssayError | None:
    """Ask for what has no score and does not wait, or for what has waited for batches that have ended."""
    due = None if ended is None else {one: batch for one, batch in run.waiting.items() if batch in ended}
    problem: AssayError | None = None
    try:
        await runner.complete(run, part, due)
    except AssayError as error:
        problem = error
    for one, batch in (due or {}).items():
        if run.waiting.get(one) == batch:  # it was not asked any more
            del run.waiting[one]
    return problem
