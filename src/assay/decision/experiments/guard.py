"""A rollout's next move, from what came of its stage: go on, roll back, or wait. Pure.

Of each limit two things can be shown. That it is broken (*harm*): the new arm is worse than the old one by more than it
allows. Then the rollout goes back at once, exactly where that is possible; all limits and stages together have the one
error for that. Or that it is kept (*safe*): each stage must show it anew, for a stage is another load; a new arm that
breaks a limit which must be shown is let through to the end with a probability of the error at most, since one stage
would have to be wrong. That is told by the variance between sessions at half of the error, which asks for a quarter of
the requests that an exact proof does, and errs less than it may (docs/decisions/060-experiments.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from assay.decision.experiments.measured import (
    Compared,
    Look,
    all_requests,
    better,
    by_sessions,
    first_requests,
    moments_of,
)
from assay.ledger.dealt import SumsRow
from assay.numerals import plural
from assay.types import Value

__all__ = ["GUARDED", "STAGES", "Finding", "Limit", "Next", "Plan", "Stage", "limits_of", "next_move"]

STAGES = (0.01, 0.05, 0.25, 0.5, 1.0)
GUARDED = ("accepted", "edited", "rejected")
"""What people say of answers, of which one can be made a condition."""
_Share = Annotated[float, Meta(gt=0, le=1)]
_Rise = Annotated[float, Meta(ge=0, le=1000)]
_Points = Annotated[float, Meta(gt=0, lt=1)]


class Plan(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How a rollout goes on.

    Attributes:
        stages: shares of the traffic for the new arm, rising, the last of them 1.
        min_requests: so many requests must the new arm have had in a stage before it is left.
        hold_s: so long does a stage last at least.
        metric: what people say must be shown to be no worse, too; None = it can only lead back.
        tolerance: so much worse may a share of verdicts be.
        max_error_rise: so much higher may the failure rate be, and the share of requests that clients leave.
        max_usd_rise: cost per request may be higher by such a part: 1 = twice as high.
        max_latency_rise: the mean time to a whole answer may be higher by such a part.
        error: probability of a wrong way back, and of a wrong end.
    """

    stages: Annotated[tuple[_Share, ...], Meta(min_length=1, max_length=50)] = STAGES
    min_requests: Annotated[int, Meta(ge=1)] = 100
    hold_s: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0
    metric: Literal["accepted", "edited", "rejected"] | None = None
    tolerance: _Points = 0.05
    max_error_rise: _Points = 0.05
    max_usd_rise: _Rise = 1.0
    max_latency_rise: _Rise = 1.0
    error: Annotated[float, Meta(gt=0, lt=0.5)] = 0.05

    def __post_init__(self) -> None:
        """Stages rise to the whole.

        Raises:
            ValueError: they do not.
        """
        rising = all(before < after for before, after in zip(self.stages, self.stages[1:], strict=False))
        if not rising or self.stages[-1] != 1.0:
            told = ",".join(f"{stage * 100:g}" for stage in self.stages)
            raise ValueError(f"stages rise, and the last is all of the traffic (100), not {told}")


class Limit(NamedTuple):
    """How much worse the new arm may be in a measure.

    Attributes:
        factor: the old arm's mean is multiplied by it.
        most: and by so much may the new one then be worse.
        required: a stage is left only when the limit is shown to be kept.
    """

    measure: str
    factor: float
    most: float
    required: bool


class Stage(NamedTuple):
    """What is known of the stage that a rollout is in.

    Attributes:
        number: from 0.
        age_s: since it began.
        requests: that the new arm was dealt in it and that came to an end.
        sums: by arm and measure.
    """

    number: int
    age_s: float
    requests: int
    sums: Mapping[tuple[str, str], SumsRow]


Judged = Literal["harm", "safe", "open"]


class Finding(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A limit beside what was seen.

    Attributes:
        limit: how much worse the new arm may be; `factor`: than so many times the old one.
        seen: with the intervals that harm is read from; several where sessions have several requests.
        verdict: `harm`, `safe`, or `open`.
    """

    measure: str
    factor: float
    limit: float
    required: bool
    seen: tuple[Compared, ...]
    verdict: Judged

    def __str__(self) -> str:
        """In words, without what stands beside it."""
        seen = self.seen[0]
        much = f"{self.limit:.3g} higher" if self.factor == 1.0 else f"{self.factor:g} times as high"
        if better(self.measure) == "higher":
            much = f"{self.limit:.3g} lower"
        return f"{self.measure}: {_figure(seen.new)} against {_figure(seen.old)} (may be {much})"


class Next(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What to do now.

    Attributes:
        move: None = wait, for what `waiting` says.
        stage, share: after the move.
        findings: of each limit; () where it is to wait and nobody wants the details, which take a while.
    """

    move: Literal["advance", "finish", "roll-back"] | None
    stage: int
    share: float
    why: str
    findings: tuple[Finding, ...]
    waiting: tuple[str, ...] = ()


def limits_of(plan: Plan) -> tuple[Limit, ...]:
    """What a rollout is guarded by."""
    said = plan.metric if plan.metric is not None else "rejected"
    return (
        Limit("failed", 1.0, plan.max_error_rise, True),
        Limit("cancelled", 1.0, plan.max_error_rise, False),  # who is slow enough is left before it fails
        Limit(said, 1.0, plan.tolerance, plan.metric is not None),
        Limit("usd", 1.0 + plan.max_usd_rise, 0.0, False),
        Limit("latency", 1.0 + plan.max_latency_rise, 0.0, False),
    )


def next_move(plan: Plan, stage: Stage, old: str, new: str, *, detailed: bool = False) -> Next:
    """What to do with a rollout.

    Args:
        plan: what was asked for.
        stage: that it is in.
        old: arm that is in use.
        new: arm that shall take its place.
        detailed: with the findings also where it is to wait.
    """
    limits = limits_of(plan)
    harm_error = plan.error / (len(limits) * max(1, len(plan.stages) - 1))
    seen = [_Seen(one, stage.sums, old, new, harm_error, plan.error) for one in limits]
    broken = [one for one in seen if one.verdict == "harm"]
    waiting = () if broken else tuple(_waiting(plan, stage, seen))
    findings = tuple(one.finding() for one in seen) if broken or not waiting or detailed else ()
    if broken:
        why = "; ".join(str(one) for one in findings if one.verdict == "harm")
        return Next(move="roll-back", stage=stage.number, share=0.0, why=f"worse: {why}", findings=findings)
    if waiting:
        share, why = plan.stages[stage.number], f"stage {stage.number + 1} of {len(plan.stages)}"
        return Next(move=None, stage=stage.number, share=share, why=why, findings=findings, waiting=waiting)
    following = min(stage.number + 1, len(plan.stages) - 1)
    share = plan.stages[following]
    return Next(
        move="finish" if share >= 1.0 else "advance",
        stage=following,
        share=share,
        why=f"no worse: {'; '.join(str(one) for one in findings if one.required)}",
        findings=findings,
    )


def _waiting(plan: Plan, stage: Stage, seen: Iterable[_Seen]) -> Iterator[str]:
    if stage.requests < plan.min_requests:
        yield f"{plural(plan.min_requests - stage.requests, 'more request')} of the new arm"
    if stage.age_s < plan.hold_s:
        yield f"{math.ceil(plan.hold_s - stage.age_s)} s of the time that a stage lasts"
    for one in seen:
        if one.limit.required and one.verdict == "open":
            yield f"proof that {one.limit.measure} is no worse than allowed"


class _Seen:
    """A limit beside what was seen: cheap to judge, and told only when somebody wants it."""

    def __init__(
        self, limit: Limit, sums: Mapping[tuple[str, str], SumsRow], old: str, new: str, harm_error: float, error: float
    ) -> None:
        self.limit = limit
        self._harm = tuple(_looks(limit, sums, old, new, harm_error))
        self.verdict: Judged = "open"
        if limit.factor != 1.0 and not moments_of(sums.get((old, limit.measure))).mean:
            return  # of nothing there is no part
        if any(_broken(one, limit) for one in self._harm):
            self.verdict = "harm"
        elif _kept(by_sessions(sums, limit.measure, old, new, error / 2, factor=limit.factor), limit):
            self.verdict = "safe"

    def finding(self) -> Finding:
        """With figures and intervals."""
        limit, seen = self.limit, tuple(look.told() for look in self._harm)
        return Finding(
            measure=limit.measure, factor=limit.factor, limit=limit.most, required=limit.required, seen=seen,
            verdict=self.verdict,
        )  # fmt: skip


def _looks(limit: Limit, sums: Mapping[tuple[str, str], SumsRow], old: str, new: str, error: float) -> Iterator[Look]:
    """At all requests and, where sessions have several, exactly at the first of each: half of the error for each."""
    first = first_requests(sums, limit.measure, old, new, error / 2)
    share = error if first is None else error / 2
    yield all_requests(sums, limit.measure, old, new, share, factor=limit.factor)
    if first is not None:
        yield first


def _broken(look: Look, limit: Limit) -> bool:
    return look.below(-limit.most) if better(limit.measure) == "higher" else look.above(limit.most)


def _kept(look: Look, limit: Limit) -> bool:
    return look.above(-limit.most) if better(limit.measure) == "higher" else look.below(limit.most)


def _figure(mean: float | None) -> str:
    return f"{mean:.4g}" if mean is not None else "nothing"
