"""One call of `assay migrate`: the suite, real requests, what else changes, and the verdict over it all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import msgspec

from assay.decision.migration.differences import differences
from assay.decision.migration.evidence import Evidence
from assay.decision.migration.expense import expenses
from assay.decision.migration.finding import Agreement, Finding, Footing, Verdict
from assay.decision.migration.migration import Migration, overall
from assay.decision.migration.paired import Rule
from assay.decision.migration.retirement import retirement_of
from assay.decision.migration.traffic import Traffic
from assay.errors import AssayError, BudgetExceeded, ConfigError
from assay.evals.figures.metrics import Metrics, metrics
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Suite
from assay.inference.spine import Spine
from assay.ledger.rows import new_id

__all__ = ["Migrating"]


@dataclass(slots=True)
class Migrating:
    """Finds out whether work may move.

    Args:
        spine: what can be called.
        suite: cut to the kinds and the split wanted.
        old: name of the deployment or route in use; `new` of the one that may take its place.
        make_runner: a runner for a suite: this one, or that of real requests.
        margin: so much lower may the new one's share of right answers be.
        error: probability of a go although a kind is worse by more, and of a no-go although none is.
        bar: of kinds that name none, where the old one is gone.
        traffic: real requests; None = none were wanted.
        on_finding: told of each kind that is done.
    """

    spine: Spine
    suite: Suite
    old: str
    new: str
    make_runner: Callable[[Suite], Runner]
    margin: float
    error: float
    seed: int = 0
    split: str | None = None
    bar: float = 0.8
    p95_latency_s: float | None = None
    concurrency: int = 8
    traffic: Traffic | None = None
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    on_finding: Callable[[Finding], None] | None = None
    _asked: int = 0

    async def migrate(self) -> Migration:
        """The verdict with its evidence.

        Raises:
            BudgetExceeded: the budget is spent; what was asked is kept and a further call continues.
            ConfigError: there is no such target.
            SuiteError: a gate has no samples.
        """
        started = time.time()
        end, new_end = (retirement_of(self.spine, name, self.today) for name in (self.old, self.new))
        forced = end is not None and end.gone
        evidence = self._evidence(self.suite, "suite", forced)
        found = list(await evidence.gather())
        self._asked += evidence.both.asked
        found += await self._real(forced)
        verdict, reason = overall(found, new_end)
        if evidence.left_out:
            reason += f"; left out, for it was never {self.old}'s work: {', '.join(evidence.left_out)}"
        runs = [evidence.both.runs[name] for name in (self.old, self.new) if name in evidence.both.runs]
        return Migration(
            id=new_id(),
            created_at=started,
            old=self.old,
            new=self.new,
            suite=self.suite.name,
            suite_version=self.suite.version,
            suite_digest=self.suite.digest,
            split=self.split,
            seed=self.seed,
            margin=self.margin,
            error=self.error,
            verdict=verdict,
            reason=reason,
            findings=tuple(found),
            agreements=await self._agreements(),
            expenses=await expenses(self.spine, self.suite, runs, started),
            differences=differences(self.spine, self.old, self.new),
            retires=end,
            new_retires=new_end,
            forced=forced,
            asked_now=self._asked,
            runs={
                side: evidence.both.runs[name].row.id
                for side, name in (("old", self.old), ("new", self.new))
                if name in evidence.both.runs
            },
            guarantee=_guarantee(found, self.margin, self.error),
            population=_population(self.suite, self.split, found),
            left_out=self.traffic.left_out if self.traffic is not None else {},
            not_of_old=evidence.left_out,
        )

    def _evidence(self, suite: Suite, source: str, forced: bool) -> Evidence:
        kinds = sum(not kind.gate for kind in suite.kinds.values()) + self._more_kinds(suite)
        return Evidence(
            self.spine, suite, self.old, self.new, self.make_runner(suite),
            Rule(self.margin, self.error, self.error / max(1, kinds)), self.seed, source, forced, self.bar,
            self.p95_latency_s if source == "suite" else None, self.concurrency, self.on_finding,
        )  # fmt: skip

    def _more_kinds(self, suite: Suite) -> int:
        """Kinds that are tested beside those of a suite: a no of any of them is a no of all."""
        graded = self.traffic.graded if self.traffic is not None else None
        beside = self.suite if suite is graded else graded
        return sum(not kind.gate for kind in beside.kinds.values()) if beside is not None else 0

    # ---------------------------------------------------------------------------------- real requests

    async def _real(self, forced: bool) -> list[Finding]:
        if self.traffic is None:
            return []
        found: dict[str, Finding] = {}
        if self.traffic.graded is not None:
            evidence = self._evidence(self.traffic.graded, "traffic", forced)
            found = {one.kind: one for one in await evidence.gather()}
            self._asked += evidence.both.asked
        for kind in self.traffic.ungraded:
            found[kind] = _ungraded(kind, self.traffic.drawn[kind])
        for kind, reasons in self.traffic.withheld.items():
            found[kind] = _withheld(kind, self.new, reasons, found.get(kind), self.traffic.drawn.get(kind, 0))
        return list(found.values())

    async def _agreements(self) -> tuple[Agreement, ...]:
        """Of all requests that were drawn; those that were graded come from the cache."""
        if self.traffic is None or self.traffic.answered is None:
            return ()
        suite = self.traffic.answered
        runner = self.make_runner(suite)
        again = await self._asked_again(runner, self.old, suite)
        given = await self._asked_again(runner, self.new, suite)
        if given is None:
            return ()
        return tuple(
            Agreement(
                kind=kind,
                requests=len(suite.of(kind)),
                again=_figures(again, suite, kind) if again is not None else None,
                new=_figures(given, suite, kind),
            )
            for kind in suite.kinds
        )

    async def _asked_again(self, runner: Runner, name: str, suite: Suite) -> Run | None:
        """Its run over all requests; None where it could not be asked."""
        try:
            run = await runner.open(name)
            missing = sum(1 for _ in runner.missing(run, suite.samples))
            await runner.complete(run, suite)
        except (BudgetExceeded, ConfigError):
            raise
        except AssayError:
            return None
        self._asked += missing
        return run


def _figures(run: Run, suite: Suite, kind: str) -> Metrics:
    samples = suite.of(kind)
    return metrics((row for row in run.results.values() if samples.has(row.sample_id)), len(samples))


def _ungraded(kind: str, drawn: int) -> Finding:
    reason = (
        f"{drawn} real requests, and nothing that grades an answer without knowing the right one: agreement decides "
        "nothing; name a judge (--judge), or put such requests into the suite (assay suite from-ledger)"
    )
    return Finding(kind=kind, source="traffic", basis=Footing.NONE, verdict=Verdict.OPEN, reason=reason, total=drawn)


def _withheld(kind: str, new: str, reasons: dict[str, int], beside: Finding | None, drawn: int) -> Finding:
    """Real requests that the new one would have to refuse once it stands alone."""
    count = sum(reasons.values())
    told = "; ".join(f"{number}: {why}" for why, number in reasons.items())
    reason = f"{count} of {count + drawn} real requests were not sent, for {new} could not serve them ({told})"
    if beside is None:
        return Finding(
            kind=kind, source="traffic", basis=Footing.BARRED, verdict=Verdict.NO_GO, reason=reason, total=count,
            withheld=reasons,
        )  # fmt: skip
    return msgspec.structs.replace(beside, verdict=Verdict.NO_GO, reason=f"{reason}; {beside.reason}", withheld=reasons)


# ------------------------------------------------------------------------------------------ in words


def _guarantee(found: Sequence[Finding], margin: float, error: float) -> str:
    """What the verdict promises, and of what."""
    said = (
        f"go although some kind is worse by more than {margin * 100:g} points: {error:.0%} at most; no-go although "
        f"none is: {error:.0%} at most, over all compared kinds together; whenever one looked"
    )
    gates = [one for one in found if one.basis in (Footing.GATE, Footing.BAR)]
    exact = "; gates and bars: exact for these samples, which were all asked" if gates else ""
    return said + exact


def _population(suite: Suite, split: str | None, found: Sequence[Finding]) -> str:
    made_up, real = [one.kind for one in found if one.made_up], any(one.source == "traffic" for one in found)
    return (
        f"new work of the same kinds, of which the samples of suite {suite.name!r} {suite.version}"
        + (f", split {split}," if split else "")
        + " are taken as drawn; samples of one group together"
        + (f"; all samples of {', '.join(made_up)} were made up" if made_up else "")
        + ("; real requests: what the old one answered and the ledger keeps, rare ones more often" if real else "")
    )
