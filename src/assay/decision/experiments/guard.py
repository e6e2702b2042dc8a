"""A rollout's next move, from what came of its stage: go on, roll back, or wait. Pure.

Of each limit two things can be shown. That it is broken (*harm*): the new arm is worse than the old one by more than it
allows. Then the rollout goes back at once; all limits and stages together have the one error for that. Or that it is
kept (*safe*): each stage must show it anew, for a stage is another load; a new arm that breaks a limit which must be
shown is let through to the end with a probability of the error at most, since one stage would have to be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from assay.decision.experiments.measured import Compared, better, compared, first_compared
from assay.ledger.dealt import SumsRow
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
        max_error_rise: so much higher may the failure rate be.
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
            raise ValueError(f"stages rise, and the last is all of the traffic (100), not {self.stages}")


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


class Finding(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A limit beside what was seen.

    Attributes:
        limit: how much worse the new arm may be; `factor`: than so many times the old one.
        harm, safe: what the verdicts were read from; several where both must agree.
        verdict: `harm`, `safe`, or `open`.
    """

    measure: str
    factor: float
    limit: float
    required: bool
    harm: tuple[Compared, ...]
    safe: tuple[Compared, ...]
    verdict: Literal["harm", "safe", "open"]

    def __str__(self) -> str:
        """In words, without what stands beside it."""
        seen = self.harm[0]
        much = f"{self.limit:.3g} higher" if self.factor == 1.0 else f"{self.factor:g} times as high"
        if better(self.measure) == "higher":
            much = f"{self.limit:.3g} lower"
        return f"{self.measure}: {_figure(seen.new)} against {_figure(seen.old)} (may be {much})"


class Next(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What to do now.

    Attributes:
        move: None = wait, for what `waiting` says.
        stage, share: after the move.
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
        Limit(said, 1.0, plan.tolerance, plan.metric is not None),
        Limit("usd", 1.0 + plan.max_usd_rise, 0.0, False),
        Limit("latency", 1.0 + plan.max_latency_rise, 0.0, False),
    )


def next_move(plan: Plan, stage: Stage, old: str, new: str) -> Next:
    """What to do with a rollout.

    Args:
        plan: what was asked for.
        stage: that it is in.
        old: arm that is in use.
        new: arm that shall take its place.
    """
    limits = limits_of(plan)
    harm_error = plan.error / (len(limits) * max(1, len(plan.stages) - 1))
    findings = tuple(_finding(one, stage.sums, old, new, harm_error, plan.error) for one in limits)
    broken = [one for one in findings if one.verdict == "harm"]
    if broken:
        why = "; ".join(map(str, broken))
        return Next(move="roll-back", stage=stage.number, share=0.0, why=f"worse: {why}", findings=findings)
    waiting = tuple(_waiting(plan, stage, findings))
    share = plan.stages[stage.number]
    if waiting:
        why = f"stage {stage.number + 1} of {len(plan.stages)}"
        return Next(move=None, stage=stage.number, share=share, why=why, findings=findings, waiting=waiting)
    following = stage.number + 1
    share = plan.stages[following] if following < len(plan.stages) else 1.0
    shown = "; ".join(str(one) for one in findings if one.required)
    return Next(
        move="finish" if share >= 1.0 else "advance",
        stage=min(following, len(plan.stages) - 1),
        share=share,
        why=f"no worse: {shown}",
        findings=findings,
    )


def _waiting(plan: Plan, stage: Stage, findings: tuple[Finding, ...]) -> Iterator[str]:
    if stage.requests < plan.min_requests:
        yield f"{plan.min_requests - stage.requests} more requests of the new arm"
    if stage.age_s < plan.hold_s:
        yield f"{math.ceil(plan.hold_s - stage.age_s)} s of the time that a stage lasts"
    for one in findings:
        if one.required and one.verdict == "open":
            yield f"proof that {one.measure} is no worse than allowed"


def _finding(
    limit: Limit, sums: Mapping[tuple[str, str], SumsRow], old: str, new: str, harm_error: float, error: float
) -> Finding:
    harm = tuple(_looks(limit, sums, old, new, harm_error))
    safe = tuple(_looks(limit, sums, old, new, error))
    verdict: Literal["harm", "safe", "open"] = "open"
    if any(_worse(one, limit) for one in harm):
        verdict = "harm"
    elif all(_kept(one, limit) for one in safe):
        verdict = "safe"
    return Finding(
        measure=limit.measure, factor=limit.factor, limit=limit.most, required=limit.required, harm=harm, safe=safe,
        verdict=verdict,
    )  # fmt: skip


def _looks(
    limit: Limit, sums: Mapping[tuple[str, str], SumsRow], old: str, new: str, error: float
) -> Iterator[Compared]:
    """All requests and, where sessions have several, the first of each, exactly: half of the error for each way.

    A side of an interval errs with half of its error, and one side alone is looked at.
    """
    first = first_compared(sums, limit.measure, old, new, error)
    yield compared(sums, limit.measure, old, new, error if first is not None else 2 * error, factor=limit.factor)
    if first is not None:
        yield first


def _sides(one: Compared, limit: Limit) -> tuple[float, float] | None:
    """By how much the new arm is worse, at least and at most; of nothing there is no part."""
    if one.interval is None or (limit.factor != 1.0 and not one.old):
        return None
    low, high = one.interval
    return (-high, -low) if better(limit.measure) == "higher" else (low, high)


def _worse(one: Compared, limit: Limit) -> bool:
    worse = _sides(one, limit)
    return worse is not None and worse[0] > limit.most


def _kept(one: Compared, limit: Limit) -> bool:
    worse = _sides(one, limit)
    return worse is not None and worse[1] < limit.most


def _figure(mean: float | None) -> str:
    return f"{mean:.4g}" if mean is not None else "nothing"
