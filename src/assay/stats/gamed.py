"""Whether a judge can be fooled: it is shown answers that answer nothing, and must fail them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.intervals import Interval, upper_bound

__all__ = ["Fooled", "Gamed", "gamed"]

TOLERATED = 0.1
"""Share of empty answers that a judge may pass: by chance, or since nothing is right for a few samples."""


class Fooled(StrEnum):
    """What the probe says of a judge."""

    YES = "yes"
    NO = "no"
    OPEN = "open"


class Gamed(NamedTuple):
    """A probe of a judge.

    Attributes:
        fooled: `yes` when some answer passes more often than tolerated, `no` when none does, each with an error of at
            most 1 - confidence; `open` when there were too few samples to say.
        worst: the answer that passed most often.
        share: how often it passed.
        bounds: one-sided exact limits of that share, below and above, which hold for all answers at once.
        tolerated: share that would not count.
    """

    fooled: Fooled
    worst: str
    share: float
    bounds: Interval
    tolerated: float


def gamed(passes: Mapping[str, int], n: int, *, tolerated: float = TOLERATED, confidence: float = 0.95) -> Gamed:
    """Judge a judge by the constant answers that it passed.

    Each answer's share has the limits of Clopper and Pearson (1934, Biometrika 26:404), one-sided with an error of
    (1 - confidence) / m for m answers (Bonferroni). A lower limit above `tolerated` flags the judge, all upper limits
    at or below it clear it: a judge that never passes more than that is flagged with a chance of at most
    1 - confidence, one that does is cleared with at most that.

    Args:
        passes: constant answer -> samples on which the judge passed it.
        n: samples on which each was tried.
        tolerated: share of passes that is no sign of anything: that of samples for which the answer is right, say.
        confidence: of each of the two verdicts.

    Raises:
        EvalError: there is no answer or no sample, or a count cannot be.
    """
    if not passes or n < 1 or not all(0 <= count <= n for count in passes.values()):
        raise EvalError(
            f"a probe needs answers, and passes between 0 and the number of samples {n!r}: {dict(passes)!r}"
        )
    if not 0 <= tolerated < 1:
        raise EvalError(f"what is tolerated is a share below 1, not {tolerated!r}")
    worst = max(passes, key=lambda answer: passes[answer])
    each = 1.0 - (1.0 - confidence) / len(passes)
    bounds = Interval(1.0 - upper_bound(n - passes[worst], n, each), upper_bound(passes[worst], n, each))
    fooled = Fooled.YES if bounds.low > tolerated else Fooled.NO if bounds.high <= tolerated else Fooled.OPEN
    return Gamed(fooled, worst, passes[worst] / n, bounds, tolerated)
