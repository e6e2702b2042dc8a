"""A weighted split (A/B, canary): the same session always meets the same candidate."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar, Literal

from assay.routing.fallback import after, why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Refuse, Send, State, Step
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
        tried = {attempt.call.target for attempt in state.attempts}
        arms = {
            name: self.weights[name]
            for name in state.candidates
            if self.weights.get(name, 0.0) > 0 and name not in tried
        }
        if not arms:
            return Refuse(reason=why(state.attempts) or "no candidate with a weight is left")
        chosen, by = self._deal(arms, state)
        share = f"split {100 * arms[chosen] / sum(arms.values()):.3g} %, by {by}"
        reason = f"{share}; {after(state.attempts)}" if state.attempts else share
        return Send(calls=(Call(target=chosen, why=reason),))

    def _deal(self, arms: dict[str, float], state: State) -> tuple[str, str]:
        """The arm of a request, and what it hangs on."""
        session = session_of(state.request)
        who, by = (session, "session") if session is not None else (str(state.snapshot.seed), "chance")
        key = f"{state.request.model}/{self.version}/{who}".encode()
        point = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64 * sum(arms.values())
        for name, weight in arms.items():
            point -= weight
            if point < 0:
                return name, by
        return name, by
