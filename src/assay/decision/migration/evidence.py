"""Asking both for evidence: gates in full first, then kind by kind on the same samples, until a verdict is proven."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from msgspec import structs

from assay.decision.migration.both import Both, Unasked
from assay.decision.migration.finding import Finding, Footing, Verdict
from assay.decision.migration.paired import Judged, Pairing, Rule, grouped
from assay.errors import SuiteError
from assay.evals.figures.metrics import Metrics
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Kind, Samples, Suite, shuffled
from assay.inference.spine import Spine
from assay.numerals import plural
from assay.stats import certainty
from assay.stats.certainty import certain, needed
from assay.stats.intervals import upper_bound
from assay.stats.noninferiority import Noninferiority

__all__ = ["Evidence"]

_LOOK_EVERY = 8
"""Samples between two looks at least: a verdict may come so many samples late, and is none the less valid."""
_OUT_OF_REACH = 100
"""Times as many samples as there are: more than that nobody collects, and the number is no more than noise."""
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
        both: the two, with their runs.
        left_out: kinds of a suite that were never the old one's work, each with the reason.
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
    both: Both = field(init=False)
    left_out: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is asked yet."""
        self.both = Both(self.spine, (self.old, self.new), self.runner)

    async def gather(self) -> tuple[Finding, ...]:
        """A finding for each kind that has samples, in the suite's order.

        Raises:
            BudgetExceeded: the budget is spent; what was asked is kept and a further call continues.
            SuiteError: a gate has no samples.
        """
        started = time.time()
        await self.both.open()
        self.left_out = dict(self._foreign())
        self.rule = self._rule_of_the_rest()
        kinds = [kind for kind in self.suite.kinds.values() if kind.name not in self.left_out]
        for kind in kinds:
            if kind.gate and not self.suite.of(kind.name):
                raise SuiteError(f"the gate {kind.name!r} has no samples of this split, so it cannot hold")
        found: dict[str, Finding] = {}
        for kind in [*(one for one in kinds if one.gate), *(one for one in kinds if not one.gate)]:
            if self.suite.of(kind.name):
                found[kind.name] = await self._find(kind, found)
                if self.on_finding is not None:
                    self.on_finding(found[kind.name])
        await self.both.finish()
        await self.both.reprice(started)
        return tuple(self._at_todays_prices(found[kind.name]) for kind in kinds if kind.name in found)

    def _foreign(self) -> Iterator[tuple[str, str]]:
        """Kinds that the old one may not be sent, and why; gates that guard nothing else go with them.

        A gate needs no old one: it stays where the new one may be sent it. Real requests were the old one's work.
        """
        if self.source != "suite":
            return
        work = {kind.name for kind in self.suite.kinds.values() if not kind.gate and self.suite.of(kind.name)}
        whys = {name: self.both.foreign(self.old, self._samples(name)) for name in self.suite.kinds}
        foreign = {name: why for name, why in whys.items() if why is not None}
        for kind in self.suite.kinds.values():
            guarded = work & set(kind.guards if kind.guards is not None else work)
            if kind.gate and guarded and guarded <= foreign.keys():
                yield kind.name, f"it guards nothing that is {self.old}'s work"
            elif kind.name in foreign and (not kind.gate or self.both.foreign(self.new, self._samples(kind.name))):
                yield kind.name, foreign[kind.name]

    def _rule_of_the_rest(self) -> Rule:
        """The error of a no-go is shared by the kinds that are tested: what is left out takes no part of it."""
        kinds = round(self.rule.error / self.rule.worse_error)
        untested = sum(not self.suite.kinds[name].gate for name in self.left_out)
        return self.rule._replace(worse_error=self.rule.error / max(1, kinds - untested))

    def _samples(self, kind: str) -> Samples:
        return self.suite.of(kind).deciding()

    def _at_todays_prices(self, one: Finding) -> Finding:
        """What was billed at a price of then is compared at that of now."""
        old, new = self._figures(self._samples(one.kind), one.basis)
        return structs.replace(one, old=old, new=new)

    # -------------------------------------------------------------------------------------- one kind

    async def _find(self, kind: Kind, found: dict[str, Finding]) -> Finding:
        samples = self._samples(kind.name)
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
        if self.old not in self.both.runs:
            return False
        return self.both.unable(self.old, samples) is None or all(map(self.both.runs[self.old].has_value, samples.ids))

    def _barred(self, kind: Kind, samples: Samples, found: dict[str, Finding]) -> Unasked | None:
        """Why the new one is not even asked."""
        if self.new in self.both.broken:
            return Unasked(Footing.NONE, Verdict.OPEN, self._not_asked(self.both.broken[self.new]))
        unable = self.both.unable(self.new, samples)
        if unable is not None:
            return unable
        for gate in found.values():
            guards = self.suite.kinds[gate.kind].guards
            stands = self.suite.kinds[gate.kind].gate and (guards is None or kind.name in guards)
            if stands and not kind.gate and gate.verdict is Verdict.NO_GO:
                reason = f"not asked: {self.new} did not pass the gate {gate.kind}"
                return Unasked(Footing.BARRED, Verdict.NO_GO, reason)
        return None

    async def _gate(self, kind: Kind, samples: Samples) -> Finding:
        problem = await self.both.ask(self.new, shuffled(samples, self.seed), one_by_one=self._limit(kind) is not None)
        if problem is not None:
            return self._finding(kind, samples, Footing.NONE, Verdict.OPEN, self._not_asked(problem))
        bar, found = kind.bar or 1.0, self.both.metrics(self.new, samples)
        verdict, reason = _against_bar(found, bar, "gate")
        scored = found.passed + found.failed
        bound = upper_bound(found.failed, scored) if scored else None
        return self._finding(kind, samples, Footing.GATE, *self._in_time(kind, found, verdict, reason), bound=bound)

    async def _alone(self, kind: Kind, samples: Samples) -> Finding:
        """The old one cannot be asked and has no answers: the bar is all that there is."""
        unable = self.both.unable(self.old, samples)
        why = self.both.broken.get(self.old) or (unable.reason if unable is not None else "it gave no answer")
        if not self.forced:
            reason = f"{self.old} could not be asked, so there is nothing to compare with: {why}"
            return self._finding(kind, samples, Footing.NONE, Verdict.OPEN, reason)
        problem = await self.both.ask(self.new, shuffled(samples, self.seed), one_by_one=self._limit(kind) is not None)
        if problem is not None:
            return self._finding(kind, samples, Footing.NONE, Verdict.OPEN, self._not_asked(problem))
        found = self.both.metrics(self.new, samples)
        verdict, reason = _against_bar(found, kind.bar or self.bar, "bar")
        verdict, reason = self._in_time(kind, found, verdict, f"{reason}; {self.old} is gone ({why})")
        return self._finding(kind, samples, Footing.BAR, verdict, reason)

    async def _compared(self, kind: Kind, samples: Samples) -> Finding | None:
        """Both on the same samples; None where the old one has no answer at all."""
        order, limit = shuffled(samples, self.seed), self._limit(kind)
        old, new, pairing = self.both.runs[self.old], self.both.runs[self.new], Pairing(order, self.rule)
        whole = limit is not None or grouped(order)  # a latency must be seen in full, and so must groups
        step = len(order) if whole else max(_LOOK_EVERY, self.concurrency)
        for at in range(0, len(order), step):
            await self.both.ask_all(order[at : at + step], one_by_one=limit is not None)
            if self.old in self.both.broken or self.new in self.both.broken:
                break
            if not whole and pairing.look(old.results, new.results).verdict is not Noninferiority.OPEN:
                break
        if self.new in self.both.broken:
            return self._finding(kind, samples, Footing.NONE, Verdict.OPEN, self._not_asked(self.both.broken[self.new]))
        before = self.both.metrics(self.old, samples)
        if not before.passed + before.failed:
            return None
        found = pairing.look(old.results, new.results)
        verdict, reason = _VERDICTS[found.verdict], self._sentence(found, len(order))
        if self.old in self.both.broken:
            reason += f"; {self.old} could not be asked for the rest: {self.both.broken[self.old]}"
        verdict, reason = self._in_time(kind, self.both.metrics(self.new, samples), verdict, reason)
        return self._finding(kind, samples, Footing.PAIRED, verdict, reason, found)

    # --------------------------------------------------------------------------------------- telling

    def _not_asked(self, why: str) -> str:
        return f"{self.new} could not be asked: {why}"

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
        kinds = round(self.rule.error / self.rule.worse_error)
        if found.interval is not None and found.interval.high < -self.rule.margin and kinds > 1:
            said += f" (worse, looked at alone; as one of {kinds} kinds it is not sure enough)"
        samples = plural(total, "sample")
        return f"cannot be told with {samples} and a margin of {margin}: {said}; {_more(found.more, total)}"

    def _finding(
        self, kind: Kind, samples: Samples, basis: Footing, verdict: Verdict, reason: str,
        found: Judged | None = None, bound: float | None = None,
    ) -> Finding:  # fmt: skip
        before, after = self._figures(samples, basis)
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
            old=before,
            new=after,
        )

    def _figures(self, samples: Samples, basis: Footing) -> tuple[Metrics, Metrics]:
        """Of the old one and of the new one."""
        shared = basis is Footing.PAIRED
        return self.both.metrics(self.old, samples, shared=True), self.both.metrics(self.new, samples, shared=shared)


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


def _more(samples: int | None, total: int) -> str:
    if samples is None or samples > _OUT_OF_REACH * total:
        return "what was seen lies on the margin, so that no number of samples within reach would tell"
    return f"about {plural(samples, 'more sample')} would tell"
