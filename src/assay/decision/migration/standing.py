"""How a canary goes: what came of the requests of each arm since it began, and whether to go on, wait or go back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from assay.config.schema import Config
from assay.decision.migration.canary import Canary
from assay.ledger.arms import ArmRow, arm_latencies, arm_rows
from assay.ledger.store import Ledger
from assay.stats.failure_rates import Tally, log_evidence, rate_interval
from assay.stats.latency import in_order, value_at
from assay.types import Value

__all__ = ["Arm", "Standing", "standing_of"]

_LATENCIES = 20_000
"""The newest of both arms that p50 and p95 are of."""
Advice = Literal["proceed", "hold", "go-back"]


class Arm(Value, frozen=True, kw_only=True, omit_defaults=False):
    """One arm.

    Attributes:
        requests: that it was dealt and that came to an end; those that the client left are in `cancelled`.
        failures: where it gave no answer, whether or not the other arm then did; `interval` holds its failure rate at
            any time.
        feedback: verdicts on the requests that it was dealt.
        usd: of one request, the other arm's help in it; None = not known.
        p50_s, p95_s: until the whole answer, of what it answered itself.
    """

    name: str
    requests: int
    failures: int
    interval: tuple[float, float]
    cancelled: int
    feedback: dict[str, int]
    usd: float | None
    p50_s: float | None
    p95_s: float | None


class Standing(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How a canary goes.

    Attributes:
        since_s: when it began, in seconds since 1970.
        share: of traffic that the new arm gets now; `next_share` of the next stage.
        advice: what the failure rates say.
        unplaced: requests whose arm cannot be told.
    """

    route: str
    id: str
    since_s: float
    share: float
    next_share: float | None
    margin: float
    error: float
    old: Arm
    new: Arm
    advice: Advice
    reason: str
    unplaced: int
    guarantee: str

    @property
    def exit_code(self) -> int:
        """0 = proceed; 1 = go back; 4 = it cannot be told yet."""
        return {"proceed": 0, "go-back": 1, "hold": 4}[self.advice]


async def standing_of(ledger: Ledger, config: Config, canary: Canary, margin: float, error: float) -> Standing:
    """Read from the ledger how a canary goes.

    Args:
        ledger: of the gateway that serves it.
        config: with the routes of its arms.
        canary: see `canary_of`.
        margin: so much higher may the new arm's failure rate be.
        error: probability of a wrong "proceed", and of a wrong "go back", however often one looks.
    """
    place = _Places(config, canary)
    sides = {name: _Side(name) for name in (canary.old, canary.new)}
    unplaced = 0
    for row in await arm_rows(ledger, canary.route, canary.since_s):
        dealt = place.arm(row.dealt_route, row.dealt_deployment)
        if dealt is None:
            unplaced += row.requests
        else:
            sides[dealt].add(row, place.arm(row.route, row.deployment))
    for one in await arm_latencies(ledger, canary.route, canary.since_s, _LATENCIES):
        dealt = place.arm(one.dealt_route, one.dealt_deployment)
        if dealt is not None and dealt == place.arm(one.route, one.deployment):
            sides[dealt].latencies.append(one.total_s)
    old, new = sides[canary.old], sides[canary.new]
    advice, reason = _advice(old.tally, new.tally, margin, error)
    return Standing(
        route=canary.route,
        id=canary.id,
        since_s=canary.since_s,
        share=canary.share,
        next_share=canary.next_share,
        margin=margin,
        error=error,
        old=old.arm(error),
        new=new.arm(error),
        advice=advice,
        reason=reason,
        unplaced=unplaced,
        guarantee=(
            f"a wrong proceed, and a wrong go-back, have a probability of {error:.0%} at most each, however often one "
            f"looks, for requests that fail independently at constant rates; failures only, not what answers are worth"
        ),
    )


def _advice(old: Tally, new: Tally, margin: float, error: float) -> tuple[Advice, str]:
    limit, points = -math.log(error), f"{margin * 100:g} points"
    seen = f"{new.failures} of {new.requests} failed, {old.failures} of {old.requests} in the old arm"
    if log_evidence(old, new, margin, above=True) >= limit:
        return "go-back", f"the new arm's failure rate is higher by more than {points}: {seen}"
    if log_evidence(old, new, margin, above=False) >= limit:
        return "proceed", f"the new arm's failure rate is not higher by {points} or more: {seen}"
    return "hold", f"these requests cannot tell whether the new arm fails more often by {points}: {seen}"


class _Places:
    """Which arm an attempt was made in."""

    def __init__(self, config: Config, canary: Canary) -> None:
        self._canary = canary
        below = {arm: set(_routes(config, arm)) for arm in (canary.old, canary.new)}
        shared = below[canary.old] & below[canary.new]
        self._arms: Mapping[str, str] = {
            route: arm for arm, routes in below.items() for route in routes if route not in shared
        }

    def arm(self, route: str | None, deployment: str | None) -> str | None:
        """By the innermost route of the attempt; where that is the split itself, an arm is a deployment."""
        if route == self._canary.route:
            return deployment if deployment in (self._canary.old, self._canary.new) else None
        return self._arms.get(route or "")


def _routes(config: Config, name: str) -> Iterator[str]:
    """A route and all routes below it."""
    if name in config.routes:
        yield name
        for candidate in config.routes[name].candidates:
            yield from _routes(config, candidate)


class _Side:
    """Adds up what came of the requests of an arm."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._requests = self._failures = self._cancelled = self._unpriced = 0
        self._usd = 0.0
        self._feedback: Counter[str] = Counter()
        self.latencies: list[float] = []

    @property
    def tally(self) -> Tally:
        return Tally(self._failures, self._requests)

    def add(self, row: ArmRow, answered: str | None) -> None:
        if row.outcome == "cancelled":  # the client's doing, which says nothing of the arm
            self._cancelled += row.requests
            return
        self._requests += row.requests
        self._failures += row.requests if row.outcome != "answered" or answered != self._name else 0
        self._usd += row.usd or 0.0
        self._unpriced += row.unpriced
        if row.verdict is not None:
            self._feedback[row.verdict] += row.requests

    def arm(self, error: float) -> Arm:
        ordered = in_order(self.latencies)
        low, high = rate_interval(self.tally, error)
        return Arm(
            name=self._name,
            requests=self._requests,
            failures=self._failures,
            interval=(low, high),
            cancelled=self._cancelled,
            feedback=dict(self._feedback),
            usd=self._usd / self._requests if self._requests and not self._unpriced else None,
            p50_s=value_at(ordered, 0.5),
            p95_s=value_at(ordered, 0.95),
        )
