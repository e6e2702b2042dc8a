"""Do the arms of an experiment have the sessions that they were to have? Where not, nothing it says can be believed.

Arms that lose sessions (a client that gives up on the slower one, a filter, a bug) differ in who is left, not only in
what they did. The test may be looked at any time: the posterior odds of any other shares against the wanted ones are a
martingale while the wanted ones are true (Lindon and Malek 2022, NeurIPS, "Anytime-Valid Inference for Multinomial
Count Data"), so that they ever reach 1 / error with a probability of error at most.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from assay.errors import EvalError

__all__ = ["ERROR", "mismatch_p"]

ERROR = 0.001
"""From here on it is a mismatch."""
_WEIGHT = 100.0
"""Of the prior: as if so many sessions had come as they were wanted."""


def mismatch_p(dealt: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """The always-valid p-value of "the sessions came as the shares say", from what was seen up to now.

    Args:
        dealt: sessions by arm.
        shares: that each arm was to have, together 1; an arm without one was to have none.

    Raises:
        EvalError: a count is negative, or shares are no shares.
    """
    if any(count < 0 for count in dealt.values()):
        raise EvalError(f"counts are not negative: {dict(dealt)}")
    if any(not 0.0 <= share <= 1.0 for share in shares.values()) or abs(sum(shares.values()) - 1.0) > 1e-3:
        raise EvalError(f"shares lie between 0 and 1 and come to 1: {dict(shares)}")
    if any(count and not shares.get(arm) for arm, count in dealt.items()):
        return 0.0
    arms = [(dealt.get(arm, 0), share) for arm, share in shares.items() if share > 0.0]
    total = sum(count for count, _ in arms)
    odds = math.lgamma(_WEIGHT) - math.lgamma(_WEIGHT + total)
    for count, share in arms:
        prior = _WEIGHT * share
        odds += math.lgamma(prior + count) - math.lgamma(prior) - count * math.log(share)
    return min(1.0, math.exp(-odds)) if odds > 0.0 else 1.0
