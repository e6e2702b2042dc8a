"""Running a suite against a target, sample by sample, through the same spine that serves.

A run is named by suite, target and seed, and by what decides their answers; asking for the same run again
continues it: samples that have a score are not asked again, and answers that came before a crash are in the
spine's cache. A sample without a score (a provider's fault) is asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from assay import __version__
from assay.errors import AssayError, BudgetExceeded, ConfigError, ContextTooLong, WeightsError
from assay.evals.asked import AskedSample
from assay.evals.grading import Grade, failed, grade
from assay.evals.judges import Judges
from assay.evals.suite import Sample, Suite, shuffled
from assay.inference.identity import target_digest
from assay.inference.spine import Options, Spine
from assay.ledger.rows import ResultRow, RunRow, new_id
from assay.ledger.store import Ledger
from assay.types import Response

SAMPLE_DEADLINE_S = 300.0
"""A sample that takes longer is cut and stays unscored."""

Progress = Callable[[str, ResultRow], None]


@dataclass(slots=True)
class Run:
    """One suite against one target. `results` grows; rows are in the ledger before they stand here."""

    row: RunRow
    results: dict[str, ResultRow] = field(default_factory=dict)

    def scored(self, sample: Sample) -> bool:
        """Whether this sample needs no further call."""
        row = self.results.get(sample.id)
        return row is not None and row.value is not None


async def read_run(ledger: Ledger, row: RunRow) -> Run:
    """A run with the results that the ledger has of it."""
    return Run(row, {result.sample_id: result for result in await ledger.results(row.id)})


class Runner:
    """Evaluates samples.

    Args:
        spine: where they are sent.
        suite: what they belong to.
        seed: of the order and of each request; part of the run's name.
        config_digest: kept with the run.
        concurrency: samples in flight at the same time.
        use_cache: answer identical calls from the ledger. `assay check` says no.
        on_result: called with the target and each new row.
    """

    def __init__(
        self,
        spine: Spine,
        suite: Suite,
        *,
        seed: int = 0,
        config_digest: str = "",
        concurrency: int = 8,
        use_cache: bool = True,
        deadline_s: float = SAMPLE_DEADLINE_S,
        on_result: Progress | None = None,
    ) -> None:
        self._spine = spine
        self._suite = suite
        self._seed = seed
        self._config_digest = config_digest
        self._concurrency = concurrency
        self._use_cache = use_cache
        self._deadline_s = deadline_s
        self._on_result = on_result

    async def open(self, target: str, *, fresh: bool = False, purpose: str = "") -> Run:
        """The run of this suite against a target: continued, or new.

        Args:
            target: deployment or route.
            fresh: never continue a known run.
            purpose: runs of another purpose never continue each other: a re-proof holds the pinned samples only.

        Raises:
            ConfigError: there is no such target.
            AssayError: the target cannot be identified (its weights are missing, say).
        """
        digest = await target_digest(self._spine, target, self._suite.kinds)
        digest = f"{purpose}:{digest}" if purpose else digest
        known = None if fresh else await self._known(target, digest)
        if known is not None:
            return known
        row = RunRow(
            id=new_id(),
            suite=self._suite.name,
            suite_digest=self._suite.digest,
            target=target,
            target_digest=digest,
            config_digest=self._config_digest,
            seed=self._seed,
            created_at=time.time(),
            version=__version__,
        )
        await self._spine.ledger.open_run(row)
        return Run(row)

    async def known(self, target: str) -> Run | None:
        """The newest run of this suite against a target as it is now; None if there is none.

        Raises:
            ConfigError: there is no such target.
            AssayError: the target cannot be identified.
        """
        return await self._known(target, await target_digest(self._spine, target, self._suite.kinds))

    async def _known(self, target: str, digest: str) -> Run | None:
        row = await self._spine.ledger.find_run(
            suite_digest=self._suite.digest, target=target, target_digest=digest, seed=self._seed
        )
        return await read_run(self._spine.ledger, row) if row is not None else None

    async def evaluate(
        self, run: Run, samples: Iterable[Sample], stop: Callable[[], bool] | None = None, *, one_by_one: bool = False
    ) -> int:
        """Ask and grade those of the samples that have no score yet.

        Args:
            run: grows by them.
            samples: in the order to ask them in.
            stop: asked before each sample; true ends the evaluation, what is in flight is awaited.
            one_by_one: never two in flight, so that none waits for another: for latency that counts. Local engines
                that answer one at a time are asked so anyway; they would not be faster, and `stop` would come late.

        Returns:
            How many were asked.

        Raises:
            WeightsError, ConfigError, BudgetExceeded: no sample can be asked; what was done is kept.
        """
        waiting = [sample for sample in samples if not run.scored(sample)]
        queue = iter(waiting)
        asked = 0

        async def work() -> None:
            nonlocal asked
            for sample in queue:
                if stop is not None and stop():
                    return
                asked += 1
                run.results[sample.id] = row = await self._one(run.row, sample)
                if self._on_result is not None:
                    self._on_result(run.row.target, row)

        alone = one_by_one or self._spine.one_at_a_time(run.row.target)
        workers = min(1 if alone else self._concurrency, len(waiting))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(work())
        except* AssayError as problems:
            raise _first(problems) from None
        return asked

    async def complete(self, run: Run, part: Suite) -> None:
        """Evaluate all samples of `part`, which may be cut to some kinds or a split; errors as in `evaluate`."""
        for name, kind in part.kinds.items():
            samples = shuffled(part.of(name), self._seed)
            await self.evaluate(run, samples, one_by_one=kind.p95_latency_s is not None)
        await self.finish(run)

    async def finish(self, run: Run) -> None:
        """Mark the run as complete when every sample of the suite has a score."""
        if run.row.finished_at is None and all(run.scored(sample) for sample in self._suite.samples):
            await self._spine.ledger.close_run(run.row.id)

    async def _one(self, run: RunRow, sample: Sample) -> ResultRow:
        asked = AskedSample(sample, self._deadline_s)
        options = Options(use_cache=self._use_cache, seed=self._seed)
        result: Grade | None = None
        reason: str | None = None
        try:
            response = await asked.ask(self._spine, run.target, run.id, options)
            judges = Judges(self._spine, options, run.id, sample.id)
            result = await grade(sample, response, request=asked.request, judges=judges)
            reason = result.unscored
        except (WeightsError, ConfigError, BudgetExceeded):
            raise  # not this sample's fault: no sample can be asked
        except ContextTooLong as error:  # no fault that heals: this model cannot do this sample
            result = failed("context", str(error))
        except AssayError as error:
            reason = f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 - whatever breaks one sample leaves that one unscored
            reason = f"unexpected {type(error).__name__}: {error}"
        row = _row(run, asked, result, reason)
        await self._spine.ledger.add_result(row)
        return row


def _row(run: RunRow, asked: AskedSample, result: Grade | None, unscored: str | None) -> ResultRow:
    usd, basis = asked.worth
    return ResultRow(
        run_id=run.id,
        sample_id=asked.sample.id,
        kind=asked.sample.kind,
        request_id=asked.request_id,
        value=result.value if result is not None else None,
        unscored=unscored,
        scores=msgspec.json.encode(result.scores if result is not None else ()),
        answer=_shown(asked.response) if asked.response is not None else None,
        latency_s=asked.latency_s,
        engine_s=asked.engine_s,
        cost_usd=usd,
        cost_basis=basis,
        cached=asked.cached,
        created_at=time.time(),
        grading_usd=result.usd if result is not None else 0.0,
    )


def _shown(response: Response) -> str:
    """What a person is shown of an answer."""
    calls = [f"{call.name}({call.arguments})" for call in response.tool_calls]
    return "\n".join([response.text, *calls]) if calls else response.text


def _first(problems: BaseExceptionGroup[AssayError]) -> AssayError:
    found: Sequence[BaseException] = problems.exceptions
    while isinstance(found[0], BaseExceptionGroup):
        found = found[0].exceptions
    error = found[0]
    assert isinstance(error, AssayError)  # noqa: S101 - `except* AssayError` holds nothing else
    return error
