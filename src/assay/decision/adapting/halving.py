"""Successive halving: many variants on few samples, then fewer on more, under one number of answers. Pure.

Jamieson and Talwalkar (2016, AISTATS, arXiv:1502.07943): the answers are shared out evenly over the rounds, and after
each the better half goes on. Here the configured prompt goes on whatever it scores, since all is measured against it,
and where the answers are enough for every variant on every sample there is one round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

__all__ = ["LEAST_SAMPLES", "Round", "affordable", "halved", "rounds"]

LEAST_SAMPLES = 8
"""Answers that a variant has on the average, where there are so many samples: fewer variants before fewer answers."""

T = TypeVar("T")


class Round(NamedTuple):
    """So many variants, the configured prompt among them, have answered so many samples each when it ends."""

    variants: int
    samples: int


def affordable(answers: int, samples: int) -> int:
    """How many variants can be tried; 0 or 1: none beside the configured prompt."""
    return answers // max(1, min(samples, LEAST_SAMPLES))


def rounds(variants: int, samples: int, answers: int) -> tuple[Round, ...]:
    """The rounds; the last one has the configured prompt and at least one other.

    Args:
        variants: the configured prompt among them, at least 2.
        samples: that there are to score.
        answers: of all variants and rounds together, never exceeded.
    """
    found: list[Round] = []
    done, left = 0, answers
    while True:
        going_on = max(0, math.ceil(math.log2(variants)) - 1)  # rounds after this one
        whole = variants * (samples - done) <= left
        each = samples - done if whole else min(samples - done, left // (going_on + 1) // variants)
        done, left = done + each, left - each * variants
        if each:
            found.append(Round(variants, done))
        if variants <= 2 or done == samples:
            return tuple(found)
        variants = math.ceil(variants / 2)


def halved(ranked: Sequence[T], wanted: int, stays: Callable[[T], bool]) -> list[T]:
    """The best `wanted` of those that are ranked, the one that always stays among them; in the order given."""
    kept = [one for one in ranked if stays(one)]
    others = [one for one in ranked if not stays(one)]
    return [one for one in ranked if one in [*kept, *others[: wanted - len(kept)]]]
