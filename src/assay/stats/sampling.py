"""What temperature, top-k and top-p do to the distribution of the next token. Pure.

The order is llama.cpp's (`common_sampler`: top-k, top-p, then temperature), in which a cut is made on the model's own
distribution; other engines apply temperature first, and then cut more or fewer tokens. Top-p is nucleus sampling
(Holtzman et al. 2020, https://arxiv.org/abs/1904.09751): the fewest most probable tokens that together have at least
that share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["drawn", "entropy_bits"]


def drawn(
    logprobs: Sequence[float], *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> list[float]:
    """The probability with which each token is drawn.

    Args:
        logprobs: natural logarithms of the model's probabilities, largest first; tokens that are not among them are
            taken as never drawn.
        temperature: 0 always takes the first; 1 leaves the shape as it is; above it flattens.
        top_k: only so many are drawn from; None or 0 = all.
        top_p: only the fewest that have this share of the whole; None or 1 = all.

    Returns:
        As many as `logprobs`, summing to 1; 0 for what is never drawn.

    Raises:
        ValueError: no token, not sorted, or a setting out of range.
    """
    if not logprobs or any(later > sooner for sooner, later in pairwise(logprobs)):
        raise ValueError("logprobs must be given, largest first")
    if temperature < 0 or (top_k or 0) < 0 or not 0 <= (1.0 if top_p is None else top_p) <= 1:
        raise ValueError(f"temperature {temperature}, top_k {top_k}, top_p {top_p}: out of range")
    kept = min(top_k or len(logprobs), _nucleus(logprobs[: top_k or None], top_p))
    if temperature == 0:
        return [1.0] + [0.0] * (len(logprobs) - 1)
    weights = [math.exp((one - logprobs[0]) / temperature) for one in logprobs[:kept]]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights] + [0.0] * (len(logprobs) - kept)


def _nucleus(logprobs: Sequence[float], top_p: float | None) -> int:
    """How many of the first tokens have this share of what is left of them; at least one."""
    if top_p is None or top_p >= 1:
        return len(logprobs)
    whole = math.fsum(math.exp(one) for one in logprobs)
    so_far = 0.0
    for count, one in enumerate(logprobs, 1):
        so_far += math.exp(one)
        if so_far >= top_p * whole:
            return count
    return len(logprobs)


def entropy_bits(probabilities: Sequence[float]) -> float:
    """How undecided a distribution is, in bits: 0 = one token is certain, log2(n) = n tokens are equal."""
    return -math.fsum(one * math.log2(one) for one in probabilities if one > 0) + 0.0
