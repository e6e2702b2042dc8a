"""What people said of answers, and what was measured of them, added up by kind and deployment."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.evals.figures.proportion import Proportion, proportion
from assay.ledger.feedback import Measured, Said
from assay.stats.student import t_score
from assay.types import Value

__all__ = ["Opinion", "OutcomeMean", "opinions"]

_GOOD = ("accepted", "preferred")
_CONFIDENCE = 0.95


class OutcomeMean(Value, frozen=True, kw_only=True):
    """The mean of an outcome over `n` requests with Student's interval of 95 %; no interval of one request."""

    metric: str
    n: int
    mean: float
    low: float | None
    high: float | None


class Opinion(Value, frozen=True, kw_only=True):
    """Of one kind of work (empty = none) and one deployment.

    Attributes:
        requests: of clients, answered.
        heard: of so many somebody has given a verdict. Who says something is no random sample of those who ask.
        verdicts: how often each.
        accepted: accepted or preferred, of those with a verdict.
        usable: these, or edited.
        passed_over: another answer was preferred to so many.
    """

    kind: str
    deployment: str
    requests: int
    heard: Proportion
    verdicts: dict[str, int]
    accepted: Proportion
    usable: Proportion
    passed_over: int
    outcomes: tuple[OutcomeMean, ...]


def opinions(said: Sequence[Said], measured: Sequence[Measured]) -> list[Opinion]:
    """One for each kind and deployment, in order of their names; those of which nothing was said are left out."""
    groups = {(one.kind, one.deployment) for one in said} | {(one.kind, one.deployment) for one in measured}
    found = [
        _opinion(
            key,
            [one for one in said if (one.kind, one.deployment) == key],
            [one for one in measured if (one.kind, one.deployment) == key],
        )
        for key in sorted(groups)
    ]
    return [one for one in found if one.verdicts or one.outcomes or one.passed_over]


def _opinion(key: tuple[str, str], said: Sequence[Said], measured: Sequence[Measured]) -> Opinion:
    verdicts = {one.verdict: one.requests for one in said if one.verdict}
    requests, told = sum(one.requests for one in said), sum(verdicts.values())
    good = sum(verdicts.get(name, 0) for name in _GOOD)
    return Opinion(
        kind=key[0],
        deployment=key[1],
        requests=requests,
        heard=proportion(told, requests),
        verdicts=verdicts,
        accepted=proportion(good, told),
        usable=proportion(good + verdicts.get("edited", 0), told),
        passed_over=sum(one.passed_over for one in said),
        outcomes=tuple(map(_mean, measured)),
    )


def _mean(one: Measured) -> OutcomeMean:
    n, half = one.requests, None
    if n > 1:
        half = t_score(_CONFIDENCE, n - 1) * math.sqrt(max(0.0, one.spread) / (n - 1) / n)
    return OutcomeMean(
        metric=one.metric,
        n=n,
        mean=one.mean,
        low=one.mean - half if half is not None else None,
        high=one.mean + half if half is not None else None,
    )
