"""The two that are compared: asked, and what they have come to."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import NamedTuple

from assay.decision.migration.finding import Footing, Verdict
from assay.decision.repriced import TodaysCosts, todays_costs
from assay.errors import AssayError, BudgetExceeded, ConfigError
from assay.evals.figures.metrics import Metrics, metrics
from assay.evals.runs.lanes import lanes
from assay.evals.runs.refusal import refusal_of_all, refusal_of_samples
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Samples
from assay.inference.spine import Spine
from assay.ledger.rows import Outcome

__all__ = ["Both", "Unasked"]


class Unasked(NamedTuple):
    """Why one of the two is not asked, and what that comes to."""

    basis: Footing
    verdict: Verdict
    reason: str


class Both:
    """Two targets and their runs of one suite.

    Args:
        spine: what can be called.
        names: of the old one and of the new one.
        runner: evaluates samples of the suite.

    Attributes:
        runs: by name, as far as they could be opened.
        broken: why one cannot be asked any more, by name.
        asked: answers that were asked for.
    """

    def __init__(self, spine: Spine, names: tuple[str, str], runner: Runner) -> None:
        self.runs: dict[str, Run] = {}
        self.broken: dict[str, str] = {}
        self.asked = 0
        self._costs: dict[str, TodaysCosts] = {}
        self._spine = spine
        self._names = names
        self._runner = runner

    async def open(self) -> None:
        """Open the runs of both, or note why not.

        Raises:
            ConfigError: there is no such target.
        """
        for name in self._names:
            try:
                self.runs[name] = await self._runner.open(name)
            except ConfigError:
                raise
            except AssayError as error:  # weights that are not there, an engine that does not start
                self.broken[name] = str(error)

    async def finish(self) -> None:
        """Mark the runs that are complete."""
        for run in self.runs.values():
            await self._runner.finish(run)

    async def ask_all(self, samples: Samples, *, one_by_one: bool) -> None:
        """Ask both, side by side where they do not share this machine; errors as of `ask`."""

        async def work(lane: Sequence[str]) -> None:
            for name in lane:
                await self.ask(name, samples, one_by_one=one_by_one)

        ways = [work(lane) for lane in lanes(self._spine, self._names)]
        problems = await asyncio.gather(*ways, return_exceptions=True)  # what the other one has begun is kept
        for problem in problems:
            if problem is not None:
                raise problem

    async def ask(self, name: str, samples: Samples, *, one_by_one: bool) -> str | None:
        """Ask one of the two; gives what kept it from being asked at all.

        Raises:
            BudgetExceeded: the budget is spent; what was asked is kept.
            ConfigError: the target cannot be called as it is configured.
        """
        if name in self.broken:
            return self.broken[name]
        try:
            asked = await self._runner.evaluate(self.runs[name], samples, one_by_one=one_by_one)
            self.asked += asked  # not in one line with the wait: the other one adds to it meanwhile
        except (BudgetExceeded, ConfigError):
            raise
        except AssayError as error:
            self.broken[name] = str(error)
        return self.broken.get(name)

    def unable(self, name: str, samples: Samples) -> Unasked | None:
        """Why a target may not, or cannot, be sent samples of these labels, and what that comes to."""
        refused = refusal_of_samples(self._spine, name, samples)
        if refused is None:
            return None
        said = f"{name} may not be sent this: {refused.reason}"
        if refused.keyless:
            return Unasked(Footing.NONE, Verdict.OPEN, said)
        return Unasked(Footing.BARRED, Verdict.NO_GO, said)

    def foreign(self, name: str, samples: Samples) -> str | None:
        """Why samples are no work of a target: it may be sent none of them, and has answered none."""
        if name in self.runs and any(map(self.runs[name].has_value, samples.ids)):
            return None
        refused = refusal_of_all(self._spine, name, samples)
        return f"{name} may not be sent this: {refused.reason}" if refused is not None else None

    async def reprice(self, since: float) -> None:
        """From now on figures are at today's prices; answers since a time were billed so."""
        self._costs = {name: await todays_costs(self._spine, run, since) for name, run in self.runs.items()}

    def metrics(self, name: str, samples: Samples, *, shared: bool = False) -> Metrics:
        """What one has come to; `shared`: on what both have answered, so that figures are of the same work."""
        rows: Collection[Outcome] = ()
        if name in self.runs:
            others = [run.results for run in self.runs.values()] if shared else []
            complete = not shared or len(others) == len(self._names)
            results = self.runs[name].results.values() if complete else ()
            rows = [
                row for row in results if samples.has(row.sample_id) and all(row.sample_id in one for one in others)
            ]
        if name in self._costs:
            rows = [self._costs[name].of(row) for row in rows]
        return metrics(rows, len(samples), samples.group_of)
