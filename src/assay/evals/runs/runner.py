"""Running a suite against a target, sample by sample, through the same spine that serves.

A run is named by suite, target and seed, and by what decides their answers; asking for the same run again
continues it: answers that have a score are not asked for again, and those that came before a crash are in the
spine's cache. A sample without a score (a provider's fault) is asked again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assay import __version__
from assay.errors import AssayError, BatchWaiting, RateLimited
from assay.evals.graders.identity import run_digest
from assay.evals.runs.backlog import Backlog, Item
from assay.evals.runs.door import Door
from assay.evals.runs.graded import GradedSample
from assay.evals.runs.outcomes import Outcomes, read_outcomes
from assay.evals.runs.pace import Pace
from assay.evals.runs.repeats import ONCE, Repeats
from assay.evals.runs.run import Run, read_run
from assay.evals.suites.suite import Sample, Samples, Suite, shuffled
from assay.inference.purse import Purse
from assay.inference.spine import Options, Spine
from assay.ledger.rows import ResultRow, RunRow, new_id

if TYPE_CHECKING:
    from assay.inference.batch_desk import BatchDesk

__all__ = ["SAMPLE_DEADLINE_S", "Progress", "Run", "Runner", "read_run"]

SAMPLE_DEADLINE_S = 300.0
"""A sample that takes longer is cut and stays unscored."""

_HELD_UP = 3
"""So often a sample is asked again whose deadline passed while its host limited the rate."""

Progress = Callable[[str, ResultRow], None]


class Runner:
    """Evaluates samples.

    Args:
        spine: where they are sent.
        suite: what they belong to.
        seed: of the order and of each request; part of the run's name.
        config_digest: kept with the run.
        concurrency: samples of one target in flight at the same time.
        use_cache: answer identical calls from the ledger. `assay check` says no.
        deadline_s: cuts one request.
        repeats: how often each sample is asked; default: as its kind says.
        purse: what all of it may cost, judges included.
        desk: where requests are left for batches; `batching` does the rest. Judges are asked live.
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
        repeats: int | None = None,
        purse: Purse | None = None,
        desk: BatchDesk | None = None,
        on_result: Progress | None = None,
    ) -> None:
        self._spine = spine
        self._suite = suite
        self._seed = seed
        self._config_digest = config_digest
        self.concurrency = concurrency
        self._options = Options(use_cache=use_cache, seed=seed, purse=purse, desk=desk, durable=False)
        self.deadline_s = deadline_s
        self._repeats = repeats
        self._on_result = on_result

    def repeats(self, kind: str) -> Repeats:
        """How often samples of a kind are asked, and what that comes to."""
        known = self._suite.kinds.get(kind)
        if known is None:
            return ONCE if self._repeats is None else Repeats(self._repeats)
        return Repeats(self._repeats if self._repeats is not None else known.repeats, known.reducer)

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
        run, known = await self.would_open(target, fresh=fresh, purpose=purpose)
        if not known:
            await self._spine.ledger.open_run(run.row)
        return run

    async def would_open(self, target: str, *, fresh: bool = False, purpose: str = "") -> tuple[Run, bool]:
        """As `open`, but a new run is not written; and whether the run is a known one."""
        digest = await run_digest(self._spine, target, self._suite)
        digest = f"{purpose}:{digest}" if purpose else digest
        known = None if fresh else await self._known(target, digest)
        if known is not None:
            return known, True
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
        return Run(row, Outcomes(row.id, self.repeats)), False

    async def known(self, target: str) -> Run | None:
        """The newest run of this suite against a target as it is now; None if there is none.

        Raises:
            ConfigError: there is no such target.
            AssayError: the target cannot be identified.
        """
        return await self._known(target, await run_digest(self._spine, target, self._suite))

    async def _known(self, target: str, digest: str) -> Run | None:
        row = await self._spine.ledger.find_run(
            suite_digest=self._suite.digest, target=target, target_digest=digest, seed=self._seed
        )
        if row is None:
            return None
        outcomes = Outcomes(row.id, self.repeats)
        await read_outcomes(self._spine.ledger, row.id, outcomes)
        return Run(row, outcomes)

    def missing(
        self, run: Run, samples: Samples, due: Collection[tuple[str, int]] | None = None, *, by_sample: bool = False
    ) -> Iterator[tuple[int, int]]:
        """`(number of the sample, repeat)` of each answer without a score: every sample once, then each again.

        Args:
            run: what is known.
            samples: in the order to ask them in.
            due: only these `(sample, repeat)`.
            by_sample: all repeats of a sample before the next one.
        """
        outcomes = _growing(run)
        rounds = max((self.repeats(kind).times for kind in self._suite.kinds), default=1)
        every = (
            ((repeat, head) for head in samples.heads for repeat in range(rounds))
            if by_sample
            else ((repeat, head) for repeat in range(rounds) for head in samples.heads)
        )
        for repeat, (number, sample_id, kind) in every:
            wanted = due is None or (sample_id, repeat) in due
            if wanted and repeat < self.repeats(kind).times and not outcomes.has_value(sample_id, repeat):
                yield number, repeat

    async def evaluate(
        self, run: Run, samples: Iterable[Sample], stop: Callable[[], bool] | None = None, *,
        most: Callable[[], int] | None = None, one_by_one: bool = False, due: Collection[tuple[str, int]] | None = None,
    ) -> int:  # fmt: skip
        """Ask and grade those of the samples that have no score yet.

        Args:
            run: grows by them; of `open` or `known`.
            samples: in the order to ask them in.
            stop: asked before each sample; true ends the evaluation, what is in flight is awaited. All repeats of a
                sample are asked before the next one then, so that what it comes to is known.
            most: asked before each sample: so many in flight, if that is fewer than the concurrency allows. `stop` may
                know that no more are sure to be needed.
            one_by_one: never two in flight, so that none waits for another: for latency that counts. Local engines
                that answer one at a time are asked so anyway; they would not be faster, and `stop` would come late.
            due: only these `(sample, repeat)`; None = all that have no score.

        Returns:
            How many answers were asked for.

        Raises:
            WeightsError, ConfigError, BudgetExceeded: no further sample can be asked; what was in flight was awaited,
                and what was done is kept.
            LedgerError: as these, since what comes cannot be kept.
            RateLimited: as these, since the host takes nothing more.
        """
        order = samples if isinstance(samples, Samples) else Samples.held(tuple(samples))
        missing = self.missing(run, order, due, by_sample=stop is not None)
        items = (Item(number, repeat) for number, repeat in missing)
        alone = self._options.desk is None and (one_by_one or self._spine.one_at_a_time(run.row.target))
        width = 1 if alone else min(self.concurrency, len(order))
        shift = _Shift(Backlog(items, stop, most), Pace(width), in_turn=alone or stop is not None)
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(self._work(run, order, shift))
        for item in shift.backlog.left():
            if item.row is not None:
                self._keep(run, shift, item.row, [])
        await shift.kept()
        if shift.problem is not None:
            raise shift.problem
        if shift.backlog.cut_short:
            raise RateLimited(f"{run.row.target}: its host refuses every call, and has done so for too long")
        return shift.asked

    async def complete(self, run: Run, part: Suite, due: Collection[tuple[str, int]] | None = None) -> None:
        """Evaluate all samples of `part`, which may be cut to some kinds or a split; `due`, errors as in `evaluate`."""
        for name, kind in part.kinds.items():
            samples = shuffled(part.of(name), self._seed)
            await self.evaluate(run, samples, one_by_one=kind.p95_latency_s is not None, due=due)
        await self.finish(run)

    async def finish(self, run: Run) -> None:
        """Mark the run as complete when every sample of the suite has a score."""
        if run.row.finished_at is None and all(map(run.has_value, self._suite.samples.ids)):
            await self._spine.ledger.close_run(run.row.id)

    async def _work(self, run: Run, order: Samples, shift: _Shift) -> None:
        """Ask one item after another."""
        while True:
            number = await shift.pace.enter()
            try:
                item = await shift.backlog.next()
                if item is None:
                    return
                try:
                    await self._try(run, shift, order[item.number], item, number)
                finally:
                    shift.backlog.done()
            except AssayError as error:  # not this sample's fault: none can be asked, or what it came to be kept
                shift.halt(error)
                return
            finally:
                shift.pace.leave()

    async def _try(self, run: Run, shift: _Shift, sample: Sample, item: Item, number: int) -> None:
        passage = await shift.door.enter()
        graded = GradedSample(
            self._spine, run.row, sample, item.repeat, self._options, self.deadline_s, on_wait=passage.leave
        )
        shift.asked += item.tries == 1
        try:
            row = await graded.row()
        except BatchWaiting as error:
            run.waiting[sample.id, item.repeat] = error.batch_id
            return
        finally:
            passage.leave()
        if graded.turned_away:
            shift.pace.limited(number)
            shift.refused_at = time.monotonic()
        elif graded.answered:
            shift.pace.answered()
        if graded.answered:
            shift.backlog.answered()
        # A host that was asking for a pause may have held this one up too, until no time was left for its answer.
        held_up = graded.cut and shift.refused_at > time.monotonic() - self.deadline_s and item.tries <= _HELD_UP
        if (graded.comes_again or held_up) and shift.backlog.again(item, row, graded.told_s):
            return
        self._keep(run, shift, row, graded.pending)
        if shift.in_turn:
            await shift.kept()

    def _keep(self, run: Run, shift: _Shift, row: ResultRow, calls: Sequence[asyncio.Future[Any]]) -> None:
        """Write a row behind those of its calls; it is noted when all are durable.

        Nobody waits for that: the intent of the next sample stands behind it, so that a crash takes no more than what
        is in flight.
        """
        kept = self._spine.ledger.add_result(row)
        shift.keeping.add(kept)
        kept.add_done_callback(lambda _: self._kept(run, shift, row, [*calls, kept]))

    def _kept(self, run: Run, shift: _Shift, row: ResultRow, written: Sequence[asyncio.Future[Any]]) -> None:
        shift.keeping.discard(written[-1])
        for one in written:
            if isinstance(error := one.exception(), AssayError):
                shift.halt(error)
                return
        _growing(run).add(row)
        run.waiting.pop((row.sample_id, row.repeat), None)
        if self._on_result is not None:
            self._on_result(run.row.target, row)


class _Shift:
    """What the workers of one evaluation share.

    Args:
        backlog: what is to be asked.
        pace: how many at once.
        in_turn: what a sample came to is noted before its worker begins another: somebody looks at it.
    """

    def __init__(self, backlog: Backlog, pace: Pace, *, in_turn: bool) -> None:
        self.backlog = backlog
        self.pace = pace
        self.in_turn = in_turn
        self.door = Door()
        self.keeping: set[asyncio.Future[None]] = set()
        self.asked = 0
        self.refused_at = -math.inf
        self.problem: AssayError | None = None

    async def kept(self) -> None:
        """Wait until every row is durable and noted."""
        while self.keeping:
            await asyncio.wait(self.keeping)

    def halt(self, problem: AssayError) -> None:
        """No further sample can be asked."""
        self.problem = self.problem or problem
        self.backlog.halt()


def _growing(run: Run) -> Outcomes:
    assert isinstance(run.results, Outcomes), "a run that is evaluated comes from Runner.open or Runner.known"  # noqa: S101
    return run.results
