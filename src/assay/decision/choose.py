"""Choosing: gates in full first, then the cheapest candidate that passes the bar.

A candidate is asked sample by sample until the verdict that the full suite would give is known: arithmetically (enough
have passed, or so many have failed that the bar is out of reach), or, where an error is allowed, by tests that may be
looked at after every sample (`assay.stats.sequential`). Where a latency limit holds, whoever passes has answered all
samples. Samples that were made up decide only where there are no others.

Who is cheapest is guessed beforehand and measured while asking: whoever is expected to cost less than what the best so
far has really cost is asked too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from assay.decision.basis import Basis, Ground
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.effort import models_of, with_tokens
from assay.decision.group import Bars, Group, groups_of
from assay.decision.hearing import Hearing
from assay.decision.moves import next_moves
from assay.decision.order import expected
from assay.decision.repriced import TodaysCosts, todays_costs
from assay.decision.survey import bases, ground_of
from assay.envelope.answer_cost import prior_cost_rank
from assay.envelope.estimate import Estimate
from assay.errors import AssayError, BudgetExceeded, ConfigError
from assay.evals.figures.scorecard import Metrics, metrics
from assay.evals.runs.refusal import refusal_of_samples
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Suite, shuffled
from assay.inference.spine import Spine
from assay.ledger.rows import Outcome, new_id
from assay.numerals import plural
from assay.stats.certainty import Verdict, needed
from assay.stats.intervals import upper_bound
from assay.stats.known import known_mean
from assay.stats.sequential import Errors, shared

EXACT = (
    "exact: each verdict is the one that the full suite would give; a candidate was asked until its verdict was "
    "arithmetically certain"
)

Gated = dict[str, list[tuple[Group, CandidateResult]]]
"""Candidate -> the gates that it has not passed, with what came of it there."""


@dataclass(slots=True)
class Choosing:
    """One call of `assay choose`.

    Args:
        spine: what can be called.
        suite: already cut to the split and kinds wanted.
        candidates: names of deployments and routes.
        runner: evaluates samples of `suite`.
        bar: for kinds whose suite names none; `force_bar` for all but gates, whose default is 1.
        p95_latency_s: hard limit on measured latency, for all kinds; a kind's own may be stricter.
        tolerance: whoever misses the bar by no more may be chosen; gates have none.
        error: of the choice for each kind that is no gate; 0 = only what is certain counts.
        overall: decide all kinds together instead of each by itself.
        on_verdict: told of each candidate that is done: kind, candidate, verdict.
    """

    spine: Spine
    suite: Suite
    candidates: Sequence[str]
    runner: Runner
    bar: float
    seed: int
    config_digest: str = ""
    split: str | None = None
    force_bar: float | None = None
    p95_latency_s: float | None = None
    tolerance: float = 0.0
    error: float = 0.0
    overall: bool = False
    on_verdict: Callable[[str, str, str], None] | None = None
    _runs: dict[str, Run] = field(default_factory=dict)
    _costs: dict[str, TodaysCosts] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _staying: set[str] = field(default_factory=set)
    _asked_now: int = 0
    _started: float = field(default_factory=time.time)

    async def choose(self) -> Decision:
        """Gates, then each group, cheapest first.

        Raises:
            BudgetExceeded: the month's budget is spent; what was asked is kept and a further call continues.
            SuiteError: a gate has no samples.
        """
        for name in self.candidates:
            await self._open(name)
        bars = Bars(self.bar, self.force_bar, self.p95_latency_s)
        groups = groups_of(self.suite, bars, overall=self.overall, split=self.split)
        basis = await bases(self.spine, self.candidates, tuple(self.suite.kinds))
        ground = await ground_of(
            self.spine, self.suite, split=self.split, bar=self.bar, tolerance=self.tolerance, error=self.error
        )
        self._staying = {kind for kind, one in ground.kinds.items() if one.stays}
        gated: Gated = {name: [] for name in self.candidates}
        decisions: dict[str, KindDecision] = {}
        for group in [*(g for g in groups if g.gate), *(g for g in groups if not g.gate)]:
            decisions[group.name] = decision = await self._decide(group, gated)
            if group.gate:
                for one in decision.candidates:
                    if one.status not in (Status.CHOSEN, Status.NOT_NEEDED):  # fail closed: not proven is not passed
                        gated[one.name].append((group, one))
        for run in self._runs.values():
            await self.runner.finish(run)
        models = models_of(self.spine, self._runs)
        decided = [(decisions[group.name], group.samples) for group in groups]
        kinds = await with_tokens(self.spine, decided, self._runs, models)
        return msgspec.structs.replace(self._decision(groups, kinds, basis, ground), models=models)

    # --------------------------------------------------------------------------------------- set-up

    async def _open(self, name: str) -> None:
        try:
            self._runs[name] = run = await self.runner.open(name)
            self._costs[name] = await todays_costs(self.spine, run, self._started)
        except ConfigError:
            raise
        except AssayError as error:  # weights that are not there, an engine that does not start
            self._broken[name] = str(error)

    # ------------------------------------------------------------------------------------ one group

    async def _decide(self, group: Group, gated: Gated) -> KindDecision:
        estimates = {name: expected(self.spine, name, group.samples) for name in self.candidates}
        barred = {name: self._barred(group, name, gated) for name in self.candidates}
        errors = iter(shared(0.0 if group.gate else self.error, list(barred.values()).count(None)))
        results: dict[str, CandidateResult] = {}
        chosen: str | None = None
        for name in prior_cost_rank(estimates):
            kept_out = barred[name] or self._barred(group, name, gated)  # it may have broken meanwhile
            if kept_out is not None:
                results[name] = self._result(group, name, *kept_out, estimates[name])
            elif (
                chosen is not None
                and not group.gate
                and not self._may_undercut(group, estimates[name], results[chosen])
            ):
                reason = f"{chosen} passes and is expected to cost no more"
                results[name] = self._result(group, name, Status.NOT_NEEDED, reason, estimates[name])
            else:
                allowed = next(errors)
                if chosen:  # the first acceptance has had what there is; a further one has to be certain
                    allowed = allowed._replace(accept=0.0)
                results[name] = await self._prove(group, name, estimates[name], allowed)
                if results[name].status is Status.CHOSEN:
                    chosen = self._cheaper(group, chosen, name, results)
            if self.on_verdict is not None:
                self.on_verdict(group.name, name, results[name].status)
        listed = tuple(results.values())
        need = needed(len(group.samples), group.bar)
        stays = not self._staying.isdisjoint(group.kinds)
        decided = KindDecision(
            name=group.name,
            kinds=group.kinds,
            gate=group.gate,
            bar=group.bar,
            total=len(group.samples),
            needed=need,
            chosen=chosen,
            reason=_sentence(group, chosen, listed, 0.0 if group.gate else self.tolerance),
            candidates=listed,
            evidence=self._evidence(group, chosen),
            moves=next_moves(self.spine, listed, stays=stays) if chosen is None else (),
            made_up=group.made_up,
            left_out=group.left_out,
            reducers={kind: times.reducer for kind in group.kinds if (times := self.runner.repeats(kind)).times > 1},
        )
        return decided

    def _evidence(self, group: Group, chosen: str | None) -> tuple[str, ...]:
        if chosen is None:
            return ()
        run = self._runs[chosen]
        return tuple(sorted(sample.id for sample in group.samples if run.scored(sample)))

    def _barred(self, group: Group, name: str, gated: Gated) -> tuple[Status, str] | None:
        """Why a candidate is not even asked."""
        if name in self._broken:
            return Status.UNPROVEN, self._broken[name]
        removed = self._removed(group, name)
        if removed is not None:
            return removed
        for gate, one in gated[name]:
            if gate.guards is not None and not set(group.kinds) & set(gate.guards):
                continue
            if one.status is Status.OPEN:
                return Status.OPEN, f"the gate {gate.name} cannot be told: {one.reason}"
            if one.status is Status.UNPROVEN:
                return Status.UNPROVEN, f"not proven at the gate {gate.name}: {one.reason}"
            how = "failed" if one.status is Status.FAILED else "did not pass"
            return Status.GATED, f"{how} the gate {gate.name}: {one.reason}"
        return None

    def _removed(self, group: Group, name: str) -> tuple[Status, str] | None:
        found = refusal_of_samples(self.spine, name, group.samples)
        if found is None:
            return None
        return (Status.UNPROVEN if found.keyless else Status.EXCLUDED), found.reason

    async def _prove(self, group: Group, name: str, estimate: Estimate | None, errors: Errors) -> CandidateResult:
        run = self._runs[name]
        order = shuffled(group.samples, self.seed)
        hearing = Hearing(
            group.bar, order, run, self.runner.repeats, tolerance=0.0 if group.gate else self.tolerance, errors=errors,
            concurrency=self.runner.concurrency,
        )  # fmt: skip

        def settled() -> bool:
            # Right answers can be enough before the last one, a latency never: any sample left may be the slow one.
            return hearing.settled and (group.p95_latency_s is None or hearing.verdict() is Verdict.FAIL)

        stop = None if group.gate else settled
        most = None if group.gate or group.p95_latency_s is not None else hearing.most
        try:
            # Side by side, samples wait for each other: that is no latency that a client would see.
            one_by_one = group.p95_latency_s is not None
            self._asked_now += await self.runner.evaluate(run, order, stop, most=most, one_by_one=one_by_one)
        except (BudgetExceeded, ConfigError):
            raise
        except AssayError as error:
            self._broken[name] = str(error)
            return self._result(group, name, Status.UNPROVEN, str(error), estimate)
        m = self._metrics(group, run)
        status, reason = _status(group, hearing, m)
        return self._result(group, name, status, reason, estimate, early=hearing.early)

    def _may_undercut(self, group: Group, guess: Estimate | None, best: CandidateResult) -> bool:
        """Whether a candidate is expected to cost less than the best so far has turned out to cost."""
        cost = self._cost(group, best)
        return guess is not None and cost is not None and guess.unit == best.expected_unit and guess.value < cost

    def _cheaper(self, group: Group, best: str | None, name: str, results: dict[str, CandidateResult]) -> str:
        """Which of two that pass is the cheaper; the other one's result says so. Equal ones stay in their order."""
        if best is None:
            return name
        before, now = self._cost(group, results[best]), self._cost(group, results[name])
        same = results[best].expected_unit == results[name].expected_unit
        less = same and before is not None and now is not None and now < before
        chosen, other = (name, best) if less else (best, name)
        reason = f"passes too; {chosen} costs no more" + ("" if same else ", as far as is known")
        results[other] = msgspec.structs.replace(results[other], status=Status.NOT_NEEDED, reason=reason)
        return chosen

    def _cost(self, group: Group, one: CandidateResult) -> float | None:
        """What an answer with a score really costs, in the unit of what was expected; where unknown, that."""
        scored = [row for row in self._rows(group, self._runs[one.name]) if row.value is not None]
        billed = known_mean(row.cost_usd if one.expected_unit == "usd" else row.engine_s for row in scored)
        return billed if billed is not None else one.expected

    def _rows(self, group: Group, run: Run) -> list[Outcome]:
        costs = self._costs[run.row.target]  # who is cheapest today is asked, not who was when answers were billed
        return [costs.of(row) for row in run.results.values() if group.samples.has(row.sample_id)]

    def _metrics(self, group: Group, run: Run) -> Metrics:
        rows = self._rows(group, run)
        total = len(group.samples)
        return metrics(rows, total, group.samples.group_of, stopped=len(rows) < total)

    def _result(
        self, group: Group, name: str, status: Status, reason: str, estimate: Estimate | None, *, early: bool = False
    ) -> CandidateResult:
        run = self._runs.get(name)
        m = self._metrics(group, run) if run is not None else metrics((), len(group.samples))
        scored = m.passed + m.failed
        return CandidateResult(
            name=name,
            status=status,
            reason=reason,
            passed=m.passed,
            failed=m.failed,
            unscored=m.unscored,
            interval=m.interval,
            early=early,
            failure_bound=upper_bound(m.failed, scored) if group.gate and scored else None,
            p95_s=m.p95_s,
            usd=m.usd,
            engine_s=m.engine_s,
            expected=estimate.value if estimate is not None else None,
            expected_unit=estimate.unit if estimate is not None else None,
        )

    # ----------------------------------------------------------------------------------- the whole

    def _decision(
        self, groups: Sequence[Group], kinds: tuple[KindDecision, ...], basis: dict[str, Basis], ground: Ground
    ) -> Decision:
        def has(sample_id: str) -> bool:
            return any(group.samples.has(sample_id) for group in groups)

        asked = sum(has(sample) for run in self._runs.values() for sample in run.results)
        answers = (row for run in self._runs.values() for row in run.answers if has(row.sample_id))
        came = [row for row in answers if row.created_at >= self._started]
        new = [row for row in came if not row.cached]
        return Decision(
            id=new_id(),
            created_at=self._started,
            suite=self.suite.name,
            suite_version=self.suite.version,
            suite_digest=self.suite.digest,
            config_digest=self.config_digest,
            seed=self.seed,
            split=self.split,
            kinds=kinds,
            asked=asked,
            asked_now=self._asked_now,
            replayed_now=len(came) - len(new),
            grid=sum(kind.total for kind in kinds for one in kind.candidates if one.may_be_asked),
            spent_usd=_total(new, _price),
            spent_engine_s=_total(new, lambda row: row.engine_s),
            runs={name: run.row.id for name, run in self._runs.items()},
            tolerance=self.tolerance,
            error=self.error,
            guarantee=self._guarantee(),
            population=self._population(kinds),
            basis=basis,
            ground=ground,
        )

    def _guarantee(self) -> str:
        if self.error == 0.0:
            either = f"; {100 * self.tolerance:g} points below the bar it may be either" if self.tolerance else ""
            return EXACT + either
        least = f"the bar less {100 * self.tolerance:g} points" if self.tolerance else "the bar"
        return (
            f"for each kind, the choice is wrong with probability {100 * self.error:g} % at most, whenever one stops: "
            f"that the chosen one misses {least} on the full suite, or that a cheaper one, or any where none was "
            "chosen, meets the bar; gates are exact"
        )

    def _population(self, kinds: Sequence[KindDecision]) -> str:
        """What the verdicts speak of, and on whose work they do not rest."""
        made_up, left_out = [kind for kind in kinds if kind.made_up], sum(kind.left_out for kind in kinds)
        samples = sum(kind.total for kind in kinds)
        return (
            f"the {plural(samples, 'sample')} of suite {self.suite.name!r} {self.suite.version}"
            + (f", split {self.split}" if self.split else "")
            + "".join(f"; all {kind.total} of {kind.name} were made up" for kind in made_up)
            + (f"; {left_out} more were made up and decide nothing" if left_out else "")
            + "; intervals (95 %: Wilson's where all samples were asked, else one that holds whenever one stops; "
            "samples of one group count for less) are for new work of the same kind"
        )


def _price(row: Outcome) -> float | None:
    """Of an answer and of grading it."""
    return row.cost_usd + row.grading_usd if row.cost_usd is not None and row.grading_usd is not None else None


def _total(rows: Sequence[Outcome], value: Callable[[Outcome], float | None]) -> float | None:
    """The sum; None when one is not known."""
    values = [value(row) for row in rows]
    known = [one for one in values if one is not None]
    return sum(known) if len(known) == len(values) else None


def _status(group: Group, hearing: Hearing, m: Metrics) -> tuple[Status, str]:
    """What became of a candidate that was asked, and why."""
    found, need, asked = hearing.verdict(), needed(m.total, group.bar), m.passed + m.failed
    if found is Verdict.FAIL and hearing.early:
        return Status.FAILED, f"{m.passed} of {asked} asked passed: too few for {need} of {m.total}"
    if found is Verdict.FAIL:
        best = m.total - m.failed
        return (
            Status.FAILED,
            f"{m.passed} passed, {m.failed} failed: at most {best} of {m.total} can pass, {need} needed",
        )
    if found is Verdict.OPEN:
        return Status.OPEN, f"{m.passed} passed, {m.unscored} unscored of {m.total}; {need} needed: cannot be told"
    if group.p95_latency_s is not None and m.p95_s is None:
        return (
            Status.OPEN,
            "its answers came from the cache, so the latency limit cannot be told; another --seed measures it",
        )
    if group.p95_latency_s is not None and m.p95_s is not None and m.p95_s > group.p95_latency_s:
        return Status.FAILED, f"p95 latency {m.p95_s:.2f} s is above the limit of {group.p95_latency_s:g} s"
    short = ", within the tolerance" if m.total - m.failed < need else ""
    return (
        Status.CHOSEN,
        f"the cheapest that passes: {m.passed} of {asked} asked passed, {need} of {m.total} needed{short}",
    )


def _sentence(group: Group, chosen: str | None, results: tuple[CandidateResult, ...], tolerance: float) -> str:
    what = "gate" if group.gate else "bar"
    if chosen is not None:
        unsure = [one.name for one in results if one.status in (Status.OPEN, Status.UNPROVEN)]
        note = f"; nothing is claimed of {', '.join(unsure)}" if unsure else ""
        basis = f", on {plural(len(group.samples), 'made-up sample')}" if group.made_up else ""
        less = f" less {100 * tolerance:g} points" if tolerance else ""
        return f"{chosen} is the cheapest proven to meet the {what} of {group.bar:.0%}{less}{basis}{note}"
    if any(one.status is Status.OPEN for one in results):
        return f"cannot be told whether the {what} of {group.bar:.0%} is met; the reasons stand with the candidates"
    if not any(one.passed + one.failed for one in results):
        return "no candidate could be asked"
    if unproven := [one.name for one in results if one.status is Status.UNPROVEN]:
        claim = f"; nothing is claimed of {', '.join(unproven)}"
        return f"none passes: no candidate that could be asked meets the {what} of {group.bar:.0%}{claim}"
    return f"none passes: no candidate meets the {what} of {group.bar:.0%}"
