"""A weighted split (A/B, canary): the same session always meets the same candidate."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar

from assay.routing.fallback import why
from assay.routing.options import PolicyOptions
from assay.routing.protocol import Answer, Call, Refuse, Send, State, Step


class Split(PolicyOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chooses by a hash of version and session; without a session, by the request's seed.

    Attributes:
        weights: candidate -> weight. A candidate without one gets none of the traffic.
        version: change it to deal the sessions anew.
    """

    kind: ClassVar[str] = "split"
    weights: dict[str, float]
    version: str = "1"

    def __post_init__(self) -> None:
        """Weights must be usable.

        Raises:
            ValueError: a weight below 0 or infinite, or none above 0.
        """
        usable = all(weight >= 0 and math.isfinite(weight) for weight in self.weights.values())
        if not usable or not 0 < sum(self.weights.values()) < math.inf:
            raise ValueError("weights must be finite and not negative, and one must be above 0")

    def decide(self, state: State) -> Step:
        """Send to the session's candidate, then answer or refuse."""
        if not state.attempts:
            chosen = self._choose(state)
            if chosen is None:
                return Refuse(reason="no candidate with a weight is left")
            return Send(calls=(Call(target=chosen),))
        last = state.attempts[-1]
        return Answer(attempt=last.index) if last.ok else Refuse(reason=why(state.attempts))

    def _choose(self, state: State) -> str | None:
        weighted = [(name, weight) for name in state.candidates if (weight := self.weights.get(name, 0.0)) > 0]
        if not weighted:
            return None
        total = sum(weight for _, weight in weighted)
        who = state.request.session if state.request.session is not None else str(state.snapshot.seed)
        key = f"{state.request.model}/{self.version}/{who}".encode()
        point = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) / 2**64 * total
        for name, weight in weighted:
            point -= weight
            if point < 0:
                return name
        return weighted[-1][0]
