"""Runs in batches: leave all requests with hosts that answer later, then score what comes, batch by batch.

There is one way on, whatever has happened in between: the same samples are asked again, and find in the cache what has
come. So a conversation, or a route that asks one model after another, takes as many batches as it has turns.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from assay.evals.run import Run
from assay.evals.runner import Runner
from assay.evals.suite import Suite
from assay.inference.batch_desk import BatchDesk

__all__ = ["complete_in_batches"]


async def complete_in_batches(
    runner: Runner, runs: Sequence[Run], part: Suite, desk: BatchDesk, within_s: float | None = None
) -> int:
    """Evaluate all samples of `part` in all runs; what others have left open is picked up.

    Args:
        runner: made with this desk.
        runs: of `Runner.open`; they grow by what comes.
        part: the suite, or a part of it.
        desk: opened.
        within_s: how long to wait for batches, from now on; None = as long as it takes, 0 = not at all.

    Returns:
        How many answers still wait; asked again later, they are picked up.

    Raises:
        WeightsError, ConfigError, BudgetExceeded: no further sample can be asked. What was left has been sent.
    """
    until = None if within_s is None else time.monotonic() + within_s
    due: dict[str, set[tuple[str, int]] | None] = {run.row.id: None for run in runs}
    while True:
        try:
            for run in runs:
                await runner.complete(run, part, due[run.row.id])
        finally:
            await desk.flush()
        wanted = {batch for run in runs for batch in run.waiting.values()}
        left_s = None if until is None else max(0.0, until - time.monotonic())
        ended = await desk.wait(wanted, left_s) if wanted else set()
        if not ended:
            return sum(len(run.waiting) for run in runs)
        due = {run.row.id: {one for one, batch in run.waiting.items() if batch in ended} for run in runs}
