"""A weighted split (A/B, canary): the same session always meets the same candidate."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar, Literal

from assay.routing.fallback import after, why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Deal, Refuse, Send, State, Step
from assay.routing.session import session_of


class Split(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chooses by a hash of version and session; without a session, by the request's seed.

    The session is the header `x-assay-session`, else what the client's format says of who asks (`safety_identifier`,
    `user`, `metadata.user_id`) or what belongs together (`conversation`, `prompt_cache_key`).

    Attributes:
        weights: candidate -> weight. A candidate without one gets none of the traffic.
        version: change it to deal the sessions anew.
        on_failure: `fail`: the arm's error is the answer, as an honest comparison wants it; `next`: another arm, dealt
            among those that have not failed.

    Where a rollout is under way its weights and version count, if they name candidates of this split. A session then
    stays where it is while the last arm's share grows: it has the upper end of the line that sessions lie on.
    """

    kind: ClassVar[str] = "split"
    weights: dict[str, float]
    version: str = "1"
    on_failure: Literal["fail", "next"] = "fail"

    def __post_init__(self) -> None:
        """Weights must be usable.

        Raises:
            ValueError: a weight below 0 or infinite, or none above 0.
        """
        usable = all(weight >= 0 and math.isfinite(weight) for weight in self.weights.values())
        if not usable or not 0 < sum(self.weights.values()) < math.inf:
            raise ValueError("weights must be finite and not negative, and one must be above 0")

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates that have a weight."""
        return tuple(self.weights)

    def decide(self, state: State) -> Step:
        """Send to the session's candidate, then answer, try another or refuse."""
        if state.attempts and state.attempts[-1].ok:
            return Answer(attempt=state.attempts[-1].index)
        if state.attempts and self.on_failure == "fail":
            return Refuse(reason=why(state.attempts))
        version, weights = self._counting(state)
        tried = {attempt.call.target for attempt in state.attempts}
        arms = {name: weight for name, weight in weights.items() if weight > 0 and name not in tried}
        if not arms:
            return Refuse(reason=why(state.attempts) or "no candidate with a weight is left")
        deal = _deal(arms, version, state)
        share = f"split {100 * deal.shares[deal.arm]:.3g} %, by {'session' if deal.unit is not None else 'chance'}"
        reason = f"{share}; {after(state.attempts)}" if state.attempts else share
        return Send(calls=(Call(target=deal.arm, why=reason, deal=deal),))

    def _counting(self, state: State) -> tuple[str, dict[str, float]]:
        """The version and weights that count: those of a rollout, where it speaks of arms of this split.

        In the order in which the arms lie on the line of sessions; only those that may serve the request.
        """
        left, rolled = state.candidates, state.snapshot.rolled
        if rolled is not None and rolled.weights.keys() <= self.weights.keys():
            return rolled.version, {name: weight for name, weight in rolled.weights.items() if name in left}
        return self.version, {name: self.weights[name] for name in left if name in self.weights}


def _deal(arms: dict[str, float], version: str, state: State) -> Deal:
    """The arm of a request, and how it came to it."""
    session, whole = session_of(state.request), sum(arms.values())
    who = session if session is not None else str(state.snapshot.seed)
    digest = hashlib.blake2b(f"{state.request.model}/{version}/{who}".encode(), digest_size=8)
    arm = _arm_at(int.from_bytes(digest.digest()) / 2**64 * whole, arms)
    shares = {name: float(f"{weight / whole:.6g}") for name, weight in arms.items()}
    return Deal(version=version, arm=arm, shares=shares, unit=digest.hexdigest() if session is not None else None)


def _arm_at(point: float, arms: dict[str, float]) -> str:
    """The arm that a point of the line lies in, on which each is as long as its weight."""
    name = ""
    for name, weight in arms.items():  # noqa: B007 - rounding may leave a point behind the last one
        point -= weight
        if point < 0:
            break
    return name
