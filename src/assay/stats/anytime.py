"""An interval for a proportion that may be looked at after every sample: it holds its truth at all looks together.

Wilson's interval is for a number of samples that was fixed beforehand. Where sampling ended because of what was seen,
as in an early verdict, it says 95 % and holds less often.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from assay.errors import EvalError
from assay.stats.beta import log_beta
from assay.stats.intervals import Interval

__all__ = ["anytime"]

_HALVINGS = 50


def anytime(successes: float, n: float, confidence: float = 0.95, *, prior: float = 1.0) -> Interval:
    """The confidence sequence of Robbins (1970, Annals of Mathematical Statistics 41:1397) for a proportion.

    Those p under which the likelihood of what was seen is not below (1 - confidence) times its mean over all p. The
    ratio is a martingale under the true p, so by Ville's inequality that is left out, ever, with probability
    1 - confidence at most.

    Args:
        successes: sum of the scores; may be fractional, as in `wilson`.
        n: number of scores, or what they are worth; with 0 nothing is known: [0, 1].
        confidence: for all looks together.
        prior: what the mean is weighted by: a beta distribution with both parameters of this size. 1 = every p alike;
            1/2 (Krichevsky and Trofimov 1981) is narrower near 0 and 1.

    Raises:
        EvalError: more successes than samples, no probability, or no prior.
    """
    if not 0.0 < confidence < 1.0 or prior <= 0.0:
        raise EvalError(f"confidence must lie strictly between 0 and 1, a prior above 0: {confidence!r}, {prior!r}")
    if n < 0 or not 0 <= successes <= n:
        raise EvalError(f"{successes!r} successes of {n!r}: both must be >= 0 and successes at most n")
    failures = n - successes
    least = log_beta(successes + prior, failures + prior) - log_beta(prior, prior) + math.log(1.0 - confidence)

    def inside(p: float) -> bool:
        up = successes * math.log(p) if successes else 0.0
        down = failures * math.log1p(-p) if failures else 0.0
        return up + down >= least

    centre = successes / n if n else 0.5
    return Interval(
        0.0 if successes == 0 else _border(inside, 0.0, centre), 1.0 if failures == 0 else _border(inside, 1.0, centre)
    )


def _border(inside: Callable[[float], bool], out: float, held: float) -> float:
    for _ in range(_HALVINGS):
        middle = (out + held) / 2
        if inside(middle):
            held = middle
        else:
            out = middle
    return out
