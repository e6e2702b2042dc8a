"""A run of a public benchmark as a run like any other: on the ledger, with scorecard and unscored samples, marked."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay import __version__
from assay.errors import AssayError, EvalError
from assay.evals.figures.metrics import metrics
from assay.evals.figures.scorecard import Scorecard
from assay.evals.graders.grader import Score
from assay.evals.harness import lm_eval
from assay.evals.harness.lm_eval import Answered, Job, Report
from assay.evals.harness.watched import Asked, Watched, digest
from assay.evals.runs.run import Run
from assay.inference.identity import target_digest
from assay.inference.spine import Options, Spine
from assay.inference.trace import total_cost
from assay.ledger.rows import Outcome, ResultRow, RunRow, new_id

__all__ = ["HARNESS", "Benchmark", "Endpoint", "evaluate"]

HARNESS = "lm-eval"

Endpoint = Callable[[Spine], AbstractAsyncContextManager[str]]
"""Starts a gateway before a spine, and gives its address up to `/v1`."""


class Benchmark(NamedTuple):
    """One run of the harness, recorded."""

    run: Run
    card: Scorecard
    metric: dict[str, str]
    version: str


async def evaluate(
    spine: Spine, endpoint: Endpoint, job: Job, *, python: str, config_digest: str = "", fresh: bool = False,
    on_asked: Callable[[Asked], object] = lambda asked: None,
) -> Benchmark:  # fmt: skip
    """Run tasks against a deployment or route, and record what came of them.

    Asking again for the same takes the answers from the ledger. A request that fails is answered with a mark, so that
    the harness goes on, and its document is unscored.

    Args:
        spine: what answers.
        endpoint: starts the gateway.
        job: what to run; its `url` is the endpoint's.
        python: interpreter that has lm-eval.
        config_digest: kept with the run.
        fresh: ask anew.
        on_asked: told each request when it is done.

    Raises:
        ConfigError: there is no such target, or no lm-eval.
        EvalError: the harness gave up, or wrote what cannot be read.
        BudgetExceeded: the budget is spent.
    """
    run_id = new_id()
    identity = await target_digest(spine, job.model, job.tasks)
    options = Options(use_cache=not fresh, seed=job.seed)
    watched = Watched(spine, run_id, options, deadline_s=job.timeout_s, on_asked=on_asked)
    with tempfile.TemporaryDirectory(prefix="assay-lm-eval-") as place:
        output = Path(place)
        async with endpoint(watched) as url:
            try:
                await lm_eval.run(job._replace(url=url), output, python)
            except AssayError:
                if watched.broken is not None:
                    raise watched.broken from None
                raise
        report = lm_eval.read_report(output / "out")
    row = RunRow(
        id=run_id,
        suite=f"{HARNESS}:{','.join(job.tasks)}",
        suite_digest=hashlib.sha256(msgspec.json.encode(report.identity, order="sorted")).hexdigest(),
        target=job.model,
        target_digest=identity,
        config_digest=config_digest,
        seed=job.seed,
        created_at=time.time(),
        version=__version__,
        harness=HARNESS,
    )
    return await _record(spine, row, report, watched)


async def _record(spine: Spine, row: RunRow, report: Report, watched: Watched) -> Benchmark:
    if not report.answered:
        raise EvalError(f"{HARNESS} asked nothing for {row.suite.partition(':')[2]!r}")
    await spine.ledger.open_run(row)
    results: dict[str, Outcome] = {}
    for one in report.answered:
        result = results[one.id] = _result(row.id, one, watched)
        await spine.ledger.add_result(result)
    if all(result.value is not None for result in results.values()):
        await spine.ledger.close_run(row.id)
    run = Run(row, results)
    return Benchmark(run, _card(run), report.metric, report.version)


def _result(run_id: str, one: Answered, watched: Watched) -> ResultRow:
    asked = [found for prompt in one.prompts if (found := watched.asked.get(digest(prompt))) is not None]
    traces = [found.trace for found in asked]
    fault = next((found.fault for found in asked if found.fault is not None), None)
    if fault is None and watched.mark in one.answer:
        fault = "a request of it failed"
    if fault is None and one.value is None:
        fault = "the task gives it no figure between 0 and 1"
    usd, basis = total_cost(trace.worth for trace in traces) if traces else (None, "unknown")
    latencies = [trace.warm_s for trace in traces if trace.warm_s is not None and not trace.cached]
    engine = [trace.engine_worth_s for trace in traces if trace.engine_worth_s is not None]
    value = one.value if fault is None else None
    told = ", ".join(f"{name} {figure:g}" for name, figure in one.metrics.items())
    return ResultRow(
        run_id=run_id,
        sample_id=one.id,
        kind=one.task,
        request_id=traces[-1].request_id if traces else None,
        value=value,
        unscored=fault,
        scores=msgspec.json.encode([Score(grader=HARNESS, value=value, explanation=told)]),
        answer=one.answer if watched.mark not in one.answer else None,
        latency_s=sum(latencies) if latencies and len(latencies) == len(traces) else None,
        engine_s=sum(engine) if engine else None,
        cost_usd=usd,
        cost_basis=basis,
        cached=bool(traces) and all(trace.cached for trace in traces),
        created_at=time.time(),
    )


def _card(run: Run) -> Scorecard:
    rows: Sequence[Outcome] = list(run.results.values())
    tasks = list(dict.fromkeys(row.kind for row in rows))
    by_task = {task: [row for row in rows if row.kind == task] for task in tasks}
    return Scorecard(
        run=run.row.id,
        suite=run.row.suite,
        suite_digest=run.row.suite_digest,
        target=run.row.target,
        target_digest=run.row.target_digest,
        seed=run.row.seed,
        overall=metrics(rows, len(rows)),
        kinds={task: metrics(some, len(some)) for task, some in by_task.items()},
        unscored=dict(Counter(row.unscored for row in rows if row.unscored is not None)),
        public=HARNESS,
    )
