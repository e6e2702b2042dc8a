"""Asking both for evidence: gates in full first, then kind by kind on the same samples, until a verdict is proven."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from assay.decision.migration.finding import Basis, Finding, Verdict
from assay.decision.migration.paired import Judged, Pairing, Rule, grouped
from assay.errors import AssayError, BudgetExceeded, ConfigError, SuiteError
from assay.evals.figures.metrics import Metrics, metrics
from assay.evals.runs.lanes import lanes
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Kind, Samples, Suite, shuffled
from assay.inference.spine import Spine
from assay.ledger.rows import Outcome
from assay.privacy.label import effective_label
from assay.stats import certainty
from assay.stats.certainty import certain, needed
from assay.stats.intervals import upper_bound
from assay.stats.noninferiority import Noninferiority

__all__ = ["Evidence"]

_LOOK_EVERY = 8
"""Samples between two looks at least: a verdict may come so many samples late, and is none the less valid."""
_VERDICTS = {
    Noninferiority.NOT_WORSE: Verdict.GO,
    Noninferiority.WORSE: Verdict.NO_GO,
    Noninferiority.OPEN: Verdict.OPEN,
}


@dataclass(slots=True)
class Evidence:
    """Asks two targets for the samples of one suite.

    Args:
        spine: what can be called.
        suite: what is asked, already cut to the kinds wanted.
        old: name of the deployment or route in use; `new` of the one that may take its place.
        runner: evaluates samples of `suite`.
        rule: what is tested.
        seed: of the order.
        source: `suite` or `traffic`.
        forced: the old one is gone: where it cannot be compared, the bar decides.
        bar: of kinds that name none.
        p95_latency_s: limit on the new one's latency for all kinds; a kind's own may be stricter.
        concurrency: samples that are asked between two looks at least.
        on_finding: told of each kind that is done.

    Attributes:
        runs: of the two, by name, as far as they could be opened.
        asked: answers that this call has asked for.
    """

    spine: Spine
    suite: Suite
    old: str
    new: str
    runner: Runner
    rule: Rule
    seed: int
    source: str = "suite"
    forced: bool = False
    bar: float = 0.8
    p95_latency_s: float | None = None
    concurrency: int = 8
    on_finding: Callable[[Finding], None] | None = None
    runs: dict[str, Run] = field(default_factory=dict)
    asked: int = 0
    _broken: dict[str, str] = field(default_factory=dict)

    async def gather(self) -> tuple[Finding, ...]:
        """A finding for each kind that has samples, in the suite's order.

        Raises:
            BudgetExceeded: the budget is spent; what was asked is kept and a further call continues.
            SuiteError: a gate has no samples.
        """
        for name in (self.old, self.new):
            await self._open(name)
        kinds = list(self.suite.kinds.values())
        for kind in kinds:
            if kind.gate and not self.suite.of(kind.name):
                raise SuiteError(f"the gate {kind.name!r} has no samples of this split, so it cannot hold")
        found: dict[str, Finding] = {}
        for kind in [*(one for one in kinds if one.gate), *(one for one in kinds if not one.gate)]:
            if self.suite.of(kind.name):
                found[kind.name] = await self._find(kind, found)
                if self.on_finding is not None:
                    self.on_finding(found[kind.name])
        for run in self.runs.values():
            await self.runner.finish(run)
        return tuple(found[kind.name] for kind in kinds if kind.name in found)

    async def _open(self, name: str) -> None:
        try:
            self.runs[name] = await self.runner.open(name)
        except ConfigError:
            raise
        except AssayError as error:  # weights that are not there, an engine that does not start
            self._broken[name] = str(error)

    # -------------------------------------------------------------------------------------- one kind

    async def _find(self, kind: Kind, found: dict[str, Finding]) -> Finding:
        samples = self._deciding(kind)
        barred = self._barred(kind, samples, found)
        if barred is not None:
            return self._finding(kind, samples, *barred)
        if kind.gate:
            return await self._gate(kind, samples)
        if self._comparable(samples):
            finding = await self._compared(kind, samples)
            if finding is not None:
                return finding
        return await self._alone(kind, samples)

    def _comparable(self, samples: Samples) -> bool:
        """Whether the old one can be asked, or has answered all of this while it could be."""
        if self.old not in self.runs:
            return False
        return self._unable(self.old, samples) is None or all(map(self.runs[self.old].has_value, samples.ids))

    def _deciding(self, kind: Kind) -> Samples:
        """Those met in real work, if there are any."""
        samples = self.suite.of(kind.name)
        return samples.made_up(False) or samples

    def _barred(self, kind: Kind, samples: Samples, found: dict[str, Finding]) -> tuple[Basis, Verdict, str] | None:
        """Why the new one is not even asked."""
        if self.new in self._broken:
            return Basis.NONE, Verdict.OPEN, f"{self.new} could not be asked: {self._broken[self.new]}"
        unable = self._unable(self.new, samples)
        if unable is not None:
            return unable
        for gate in found.values():
            guards = self.suite.kinds[gate.kind].guards
            stands = self.suite.kinds[gate.kind].gate and (guards is None or kind.name in guards)
            if stands and not kind.gate and gate.verdict is Verdict.NO_GO:
                return Basis.BARRED, Verdict.NO_GO, f"not asked: {self.new} did not pass the gate {gate.kind}"
        return None

    def _unable(self, name: str, samples: Samples) -> tuple[Basis, Verdict, str] | None:
        """Why a target may not, or cannot, be sent samples of these labels."""
        route = self.spine.route(name)
        labels = {sample.label: sample for sample in samples}
        for sample in labels.values():
            request = sample.request()
            removed = self.spine.removed(route, request, effective_label(request, route.label))
            if len(removed) == len(route.candidates):
                reason = "; ".join(why if one == name else f"{one}: {why}" for one, why in removed)
                keyless = all("no key in $" in why for _, why in removed)
                said = f"{name} may not be sent this: {reason}"
                return (Basis.NONE, Verdict.OPEN, said) if keyless else (Basis.BARRED, Verdict.NO_GO, said)
        return None

    async def _gate(self, kind: Kind, samples: Samples) -> Finding:
        problem = await self._ask(self.new, shuffled(samples, self.seed), one_by_one=self._limit(kind) is not None)
        if problem is not None:
            return self._finding(kind, samples, Basis.NONE, Verdict.OPEN, f"{self.new} could not be asked: {problem}")
        bar, found = kind.bar or 1.0, self._metrics(self.new, samples)
        verdict, reason = _against_bar(found, bar, "gate")
        scored = found.passed + found.failed
        bound = upper_bound(found.failed, scored) if scored else None
        return self._finding(kind, samples, Basis.GATE, *self._in_time(kind, found, verdict, reason), bound=bound)

    async def _alone(self, kind: Kind, samples: Samples) -> Finding:
        """The old one cannot be asked and has no answers: the bar is all that there is."""
        why = self._broken.get(self.old) or (self._unable(self.old, samples) or ("", "", "it gave no answer"))[2]
        if not self.forced:
            reason = f"{self.old} could not be asked, so there is nothing to compare with: {why}"
            return self._finding(kind, samples, Basis.NONE, Verdict.OPEN, reason)
        problem = await self._ask(self.new, shuffled(samples, self.seed), one_by_one=self._limit(kind) is not None)
        if problem is not None:
            return self._finding(kind, samples, Basis.NONE, Verdict.OPEN, f"{self.new} could not be asked: {problem}")
        found = self._metrics(self.new, samples)
        verdict, reason = _against_bar(found, kind.bar or self.bar, "bar")
        verdict, reason = self._in_time(kind, found, verdict, f"{reason}; {self.old} is gone ({why})")
        return self._finding(kind, samples, Basis.BAR, verdict, reason)

    async def _compared(self, kind: Kind, samples: Samples) -> Finding | None:
        """Both on the same samples; None where the old one has no answer at all."""
        order, limit = shuffled(samples, self.seed), self._limit(kind)
        old, new, pairing = self.runs[self.old], self.runs[self.new], Pairing(order, self.rule)
        whole = limit is not None or grouped(order)  # a latency must be seen in full, and so must groups
        step = len(order) if whole else max(_LOOK_EVERY, self.concurrency)
        for at in range(0, len(order), step):
            await self._ask_both(order[at : at + step], one_by_one=limit is not None)
            if self.old in self._broken or self.new in self._broken:
                break
            if not whole and pairing.look(old.results, new.results).verdict is not Noninferiority.OPEN:
                break
        if self.new in self._broken:
            reason = f"{self.new} could not be asked: {self._broken[self.new]}"
            return self._finding(kind, samples, Basis.NONE, Verdict.OPEN, reason)
        if not self._metrics(self.old, samples).passed + self._metrics(self.old, samples).failed:
            return None
        found = pairing.look(old.results, new.results)
        verdict, reason = _VERDICTS[found.verdict], self._sentence(found, len(order))
        verdict, reason = self._in_time(kind, self._metrics(self.new, samples), verdict, reason)
        return self._finding(kind, samples, Basis.PAIRED, verdict, reason, found)

    # ---------------------------------------------------------------------------------------- asking

    async def _ask_both(self, samples: Samples, *, one_by_one: bool) -> None:
        async def work(lane: Sequence[str]) -> None:
            for name in lane:
                await self._ask(name, samples, one_by_one=one_by_one)

        ways = [work(lane) for lane in lanes(self.spine, (self.old, self.new))]
        problems = await asyncio.gather(*ways, return_exceptions=True)  # what the other one has begun is kept
        for problem in problems:
            if problem is not None:
                raise problem

    async def _ask(self, name: str, samples: Samples, *, one_by_one: bool) -> str | None:
        """Ask one of the two; gives what kept it from being asked at all."""
        if name in self._broken:
            return self._broken[name]
        try:
            asked = await self.runner.evaluate(self.runs[name], samples, one_by_one=one_by_one)
            self.asked += asked  # not in one line with the wait: the other one adds to it meanwhile
        except (BudgetExceeded, ConfigError):
            raise
        except AssayError as error:
            self._broken[name] = str(error)
        return self._broken.get(name)

    # --------------------------------------------------------------------------------------- telling

    def _limit(self, kind: Kind) -> float | None:
        limits = [one for one in (self.p95_latency_s, kind.p95_latency_s) if one is not None]
        return min(limits, default=None)

    def _in_time(self, kind: Kind, found: Metrics, verdict: Verdict, reason: str) -> tuple[Verdict, str]:
        """The verdict, unless the new one is too slow, or nobody can tell whether it is."""
        limit = self._limit(kind)
        if limit is None or verdict is Verdict.NO_GO:
            return verdict, reason
        if found.p95_s is None:
            return Verdict.OPEN, f"{reason}; all answers came from the cache, so the latency limit cannot be told"
        if found.p95_s > limit:
            return Verdict.NO_GO, f"p95 latency {found.p95_s:.2f} s is above the limit of {limit:g} s; {reason}"
        return verdict, reason

    def _sentence(self, found: Judged, total: int) -> str:
        margin = f"{self.rule.margin * 100:g} points"
        said = f"{self.new} gained {found.counts.gained} and lost {found.counts.lost} of {found.seen}"
        said += f", {found.unscored} unscored" if found.unscored else ""
        match found.verdict:
            case Noninferiority.NOT_WORSE:
                return f"not worse by more than {margin}: {said}"
            case Noninferiority.WORSE:
                return f"worse by more than {margin}: {said}"
        more = f"about {found.more} more samples would tell" if found.more is not None else "no number would tell"
        return f"cannot be told with {total} samples and a margin of {margin}: {said}; {more}"

    def _metrics(self, name: str, samples: Samples, ids: frozenset[str] | None = None) -> Metrics:
        rows: Sequence[Outcome] = ()
        if name in self.runs:
            results = self.runs[name].results.values()
            rows = [row for row in results if samples.has(row.sample_id) and (ids is None or row.sample_id in ids)]
        return metrics(rows, len(samples), samples.group_of)

    def _finding(
        self, kind: Kind, samples: Samples, basis: Basis, verdict: Verdict, reason: str,
        found: Judged | None = None, bound: float | None = None,
    ) -> Finding:  # fmt: skip
        return Finding(
            kind=kind.name,
            source=self.source,
            basis=basis,
            verdict=verdict,
            reason=reason,
            total=len(samples),
            seen=found.seen if found is not None else 0,
            gained=found.counts.gained if found is not None else 0,
            lost=found.counts.lost if found is not None else 0,
            unscored=found.unscored if found is not None else 0,
            difference=found.difference if found is not None else None,
            interval=_span(found),
            failure_bound=bound,
            early=found.early if found is not None else False,
            more=found.more if found is not None else None,
            made_up=bool(samples) and not samples.made_up(False),
            old=self._metrics(self.old, samples, self._both(samples)),
            new=self._metrics(self.new, samples, self._both(samples) if basis is Basis.PAIRED else None),
        )

    def _both(self, samples: Samples) -> frozenset[str]:
        """Samples that both have answered: figures side by side are of the same work."""
        asked = [set(self.runs[name].results) if name in self.runs else set() for name in (self.old, self.new)]
        return frozenset(one for one in samples.ids if one in asked[0] and one in asked[1])


def _span(found: Judged | None) -> tuple[float, float] | None:
    return (found.interval.low, found.interval.high) if found is not None and found.interval is not None else None


def _against_bar(found: Metrics, bar: float, what: str) -> tuple[Verdict, str]:
    """Whether all samples meet a bar, whatever becomes of those without a score."""
    need = needed(found.total, bar)
    words = f"{found.passed} of {found.total} passed, {need} needed for the {what} of {bar:.0%}"
    match certain(found.passed, found.failed, found.unscored, found.total, bar):
        case certainty.Verdict.PASS:
            return Verdict.GO, words
        case certainty.Verdict.FAIL:
            return Verdict.NO_GO, words
    return Verdict.OPEN, f"{words}, {found.unscored} unscored: cannot be told"
