"""The mean of several proportions, each measured on samples of its own, with a confidence interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.intervals import Interval, wilson

__all__ = ["Mean", "mean_of_proportions"]


class Mean(NamedTuple):
    """`value` = the plain mean of the proportions, with its interval."""

    value: float
    interval: Interval


def mean_of_proportions(counts: Sequence[tuple[int, int]], confidence: float = 0.95) -> Mean | None:
    """The mean of passed / scored over groups that count alike, by MOVER from the Wilson limits of each.

    MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693) joins the distances of independent limits by
    square-and-add. With one group it is Wilson's interval.

    Args:
        counts: (passed, scored) of each group, scored >= 1.
        confidence: nominal two-sided coverage.

    Returns:
        None without groups.
    """
    if not counts:
        return None
    below = above = total = 0.0
    for passed, scored in counts:
        if scored < 1:
            raise EvalError(f"{passed!r} of {scored!r}: a group without a score has no proportion; leave it out")
        share = passed / scored
        low, high = wilson(passed, scored, confidence)
        total += share
        below += (share - low) ** 2
        above += (high - share) ** 2
    size = len(counts)
    value = total / size
    return Mean(value, Interval(max(0.0, value - math.sqrt(below) / size), min(1.0, value + math.sqrt(above) / size)))
