"""The view of a decision: every figure of it comes from the decision itself, latencies and answers from its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from assay.config.schema import Config
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.line import who_serves
from assay.evals.runs.tokens import Tokens
from assay.evals.suites.suite import Suite
from assay.ledger.rows import ResultRow
from assay.report.again import again_view
from assay.report.front import on_front, unsurpassed
from assay.report.places import Place, place_of
from assay.report.prompts import origins, prompts_of
from assay.report.verdict import decided_details, decided_verdict
from assay.report.view import CandidateView, Cost, DecisionView, KindView, Measure, Samples, Source, Standing
from assay.stats.certainty import bounds
from assay.stats.known import known_mean
from assay.stats.latency import Quantile, quantile
from assay.stats.means import mean_of_proportions

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def decision_view(
    decision: Decision,
    results: Mapping[str, Sequence[ResultRow]],
    config: Config,
    suite: Suite | None,
    source: Source,
    samples: Samples,
    before: Decision | None = None,
) -> DecisionView:
    """The view of a decision.

    Args:
        decision: what was found.
        results: candidate -> the rows of its run.
        config: says where each candidate works; it may be newer than the decision.
        suite: says what each kind is; None = it is not there to say.
        source: where the figures come from.
        samples: the samples to show.
        before: the decision that it was made again of.
    """
    letters = letters_of(decision)
    places = {name: _place(name, decision, config) for name in letters}
    others = {one.kind: one.other for one in who_serves(decision) if one.side != "nobody"}
    kinds = tuple(
        msgspec.structs.replace(_kind(one, letters, places, suite), other_side=others.get(one.name))
        for one in decision.kinds
    )
    candidates = [_candidate(name, letters[name], decision, places[name], results.get(name, ())) for name in letters]
    front = on_front((one.quality.cost, one.quality.share) for one in candidates)
    short = unsurpassed((_written(one.quality), one.quality.share) for one in candidates)
    return DecisionView(
        source=source,
        verdict=decided_verdict(kinds),
        details=decided_details(decision, kinds),
        kinds=kinds,
        candidates=tuple(
            msgspec.structs.replace(one, front=cheap, tokens_front=brief)
            for one, cheap, brief in zip(candidates, front, short, strict=True)
        ),
        asked=decision.asked,
        grid=decision.grid,
        asked_now=decision.asked_now,
        spent_usd=decision.spent_usd,
        spent_engine_s=decision.spent_engine_s,
        unpriced=sum(
            _asked(one)
            for kind in decision.kinds
            for one in kind.candidates
            if one.usd is None and one.engine_s is None
        ),
        guarantee=decision.guarantee,
        population=decision.population,
        samples=samples,
        prompts=prompts_of(decision.adaptations),
        again=again_view(before, decision) if before is not None else None,
    )


def _place(name: str, decision: Decision, config: Config) -> Place:
    """An adapted candidate that nobody has configured yet works where the one does that it was made of."""
    known = name in config.deployments or name in config.routes
    return place_of(config, name if known else origins(decision.adaptations).get(name, name))


def letters_of(decision: Decision) -> dict[str, str]:
    """Candidate -> its mark: A, B, ... Z, A2, ... in the order they were named in; those without a run come last."""
    names = dict.fromkeys(one.name for kind in decision.kinds for one in kind.candidates)
    ordered = [
        *(name for name in decision.runs if name in names),
        *(name for name in names if name not in decision.runs),
    ]
    size = len(LETTERS)
    marks = [LETTERS[n % size] + (str(n // size + 1) if n >= size else "") for n in range(len(ordered))]
    return dict(zip(ordered, marks, strict=True))


def cost_of(one: CandidateResult) -> Cost | None:
    """Mean cost of an answer: measured in USD, else measured in seconds, else expected; None = not known."""
    measured = Cost.measured(one.usd, one.engine_s)
    if measured is not None or one.expected is None:
        return measured
    return Cost(value=one.expected, unit="s" if one.expected_unit == "s" else "usd", basis="expected")


def _asked(one: CandidateResult) -> int:
    return one.passed + one.failed + one.unscored


# -------------------------------------------------------------------------------------------- kinds


def _kind(kind: KindDecision, letters: Mapping[str, str], places: Mapping[str, Place], suite: Suite | None) -> KindView:
    found = [_standing(one, kind, letters[one.name]) for one in kind.candidates]
    front = on_front((one.measure.cost, one.measure.share) for one in found)
    short = unsurpassed((_written(one.measure), one.measure.share) for one in found)
    standings = tuple(
        msgspec.structs.replace(one, front=cheap, tokens_front=brief)
        for one, cheap, brief in zip(found, front, short, strict=True)
    )
    known = suite.kinds.get(kind.name) if suite is not None else None
    return KindView(
        name=kind.name,
        description=known.description if known is not None else "",
        label=known.label.value if known is not None else None,
        gate=kind.gate,
        bar=kind.bar,
        needed=kind.needed,
        total=kind.total,
        chosen=kind.chosen,
        side=places[kind.chosen].side if kind.chosen is not None else "open" if kind.open else "none",
        reason=kind.reason,
        standings=standings,
        leader=_leader(standings, kind.chosen),
        moves=kind.moves,
        made_up=kind.made_up,
        left_out=kind.left_out,
        more_tokens=kind.more_tokens,
    )


def _written(found: Measure) -> tuple[float, ...] | None:
    return (found.tokens.output,) if found.tokens is not None else None


def _standing(one: CandidateResult, kind: KindDecision, letter: str) -> Standing:
    scored = one.passed + one.failed
    limits = bounds(one.passed, one.failed, one.unscored, kind.total)
    return Standing(
        letter=letter,
        name=one.name,
        status=one.status.value,
        reason=one.reason,
        failure_bound=one.failure_bound,
        early=one.early,
        measure=Measure(
            total=kind.total,
            passed=one.passed,
            failed=one.failed,
            unscored=one.unscored,
            share=one.passed / scored if scored else None,
            interval=one.interval,
            bounds=(limits.low, limits.high),
            cost=cost_of(one),
            p95_s=one.p95_s,
            tokens=one.tokens,
        ),
    )


def _leader(standings: Iterable[Standing], chosen: str | None) -> Standing | None:
    scored = [one for one in standings if one.measure.scored]
    best = max(scored, key=lambda one: (one.measure.share or 0.0, one.measure.passed), default=None)
    return next((one for one in scored if one.name == chosen), best)


# --------------------------------------------------------------------------------------- candidates


def _candidate(name: str, letter: str, decision: Decision, place: Place, rows: Sequence[ResultRow]) -> CandidateView:
    each = [(kind, one) for kind in decision.kinds for one in kind.candidates if one.name == name]
    work = [(kind, one) for kind, one in each if not kind.gate] or each
    return CandidateView(
        letter=letter,
        name=name,
        side=place.side,
        place=place.words,
        private=place.private,
        run=decision.runs.get(name, ""),
        wins=sum(one.status is Status.CHOSEN for _, one in each),
        kinds=len(work),
        asked_kinds=sum(one.passed + one.failed > 0 for _, one in work),
        quality=_quality(work),
        asked=sum(_asked(one) for _, one in each),
        grid=sum(kind.total for kind, one in each if one.may_be_asked),
        unscored=sum(one.unscored for _, one in each),
        usd=_sum([(one.usd, _asked(one)) for _, one in each]),
        engine_s=_sum([(one.engine_s, _asked(one)) for _, one in each]),
        full_usd=_full(each, "usd"),
        full_engine_s=_full(each, "s"),
        latency=_latency(rows, {inner for kind in decision.kinds for inner in kind.kinds}),
        model=decision.models.get(name),
    )


def _quality(work: Sequence[tuple[KindDecision, CandidateResult]]) -> Measure:
    """Kinds count alike. The mean is over the kinds asked; the bounds are over all, one not asked being anything."""
    mean = mean_of_proportions([(one.passed, one.passed + one.failed) for _, one in work if one.passed + one.failed])
    limits = [bounds(one.passed, one.failed, one.unscored, kind.total) for kind, one in work]
    return Measure(
        total=sum(kind.total for kind, _ in work),
        passed=sum(one.passed for _, one in work),
        failed=sum(one.failed for _, one in work),
        unscored=sum(one.unscored for _, one in work),
        share=mean.value if mean is not None else None,
        interval=(mean.interval.low, mean.interval.high) if mean is not None else None,
        bounds=(sum(one.low for one in limits) / len(work), sum(one.high for one in limits) / len(work)),
        cost=_mean_cost([cost_of(one) for _, one in work]),
        tokens=_mean_tokens([one for _, one in work]),
    )


def _mean_tokens(work: Sequence[CandidateResult]) -> Tokens | None:
    """The mean over the kinds asked, which count alike, as the share does; None where one told no tokens."""
    asked = [one.tokens for one in work if one.passed + one.failed]
    known = [one for one in asked if one is not None]
    if not known or len(known) < len(asked):
        return None
    return Tokens(
        answers=sum(one.answers for one in known),
        input=known_mean(one.input for one in known),
        output=sum(one.output for one in known) / len(known),
        reasoning=known_mean(one.reasoning for one in known),
    )


def _mean_cost(costs: Sequence[Cost | None]) -> Cost | None:
    """The mean over the kinds, which count alike; not known when one is not, or when their units differ."""
    known = [cost for cost in costs if cost is not None]
    if len(known) < len(costs) or len({cost.unit for cost in known}) != 1:
        return None
    bases = {cost.basis for cost in known}
    basis = known[0].basis if len(bases) == 1 else "mixed"
    return Cost(value=sum(cost.value for cost in known) / len(known), unit=known[0].unit, basis=basis)


def _sum(parts: Sequence[tuple[float | None, int]]) -> float | None:
    """Sum of mean x answers; None when the mean of some that were asked is not known, or none was."""
    asked = [(mean, count) for mean, count in parts if count]
    known = [mean * count for mean, count in asked if mean is not None]
    return sum(known) if asked and len(known) == len(asked) else None


def _full(each: Sequence[tuple[KindDecision, CandidateResult]], unit: str) -> float | None:
    costs = [(cost_of(one), kind.total) for kind, one in each if one.may_be_asked]
    known = [cost.value * total for cost, total in costs if cost is not None and cost.unit == unit]
    return sum(known) if known and len(known) == len(costs) else None


def _latency(rows: Iterable[ResultRow], kinds: set[str]) -> tuple[Quantile, Quantile] | None:
    times = [row.latency_s for row in rows if row.latency_s is not None and row.kind in kinds]
    return (quantile(times, 0.5), quantile(times, 0.95)) if times else None
