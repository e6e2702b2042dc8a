"""Several targets side by side: a slow host does not hold up the others. What runs on this machine takes turns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from assay.errors import AssayError
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Suite
from assay.inference.reach import any_local
from assay.inference.spine import Spine

__all__ = ["complete_all", "lanes"]


def lanes(spine: Spine, names: Sequence[str]) -> list[list[str]]:
    """Targets that may run at the same time, each list one after another: those with a local engine share a lane."""
    local = [name for name in names if any_local(spine, name)]
    return [*([local] if local else []), *([name] for name in names if name not in local)]


async def complete_all(runner: Runner, spine: Spine, runs: dict[str, Run], part: Suite) -> AssayError | None:
    """Evaluate all samples of `part` for every run, by target.

    Returns:
        What ended one of them before its end; the others have gone on, and what was done is kept.
    """
    problems: list[AssayError] = []

    async def work(lane: Sequence[str]) -> None:
        for name in lane:
            try:
                await runner.complete(runs[name], part)
            except AssayError as error:
                problems.append(error)

    async with asyncio.TaskGroup() as group:
        for lane in lanes(spine, list(runs)):
            group.create_task(work(lane))
    return problems[0] if problems else None
