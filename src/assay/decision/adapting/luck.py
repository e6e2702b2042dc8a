"""When a lead on dev is more than luck: the rule by which the configured prompt is left. Pure."""

from __future__ import annotations

from math import comb

__all__ = ["CHANCE", "RULE", "beyond_luck", "chance"]

CHANCE = 0.2
"""A lead that two equal prompts show less often than this counts. It is lenient on purpose: what wins is decided beside
the configured prompt, on samples that the search never saw, so that a mistake costs answers and not a wrong verdict."""

RULE = (
    "the configured prompt is kept unless another passes more dev samples, with a lead that two equal prompts show "
    f"in at most {CHANCE:.0%} of cases (one-sided sign test on the samples where they differ)"
)


def chance(wins: int, losses: int) -> float:
    """How often the first of two equal prompts wins at least so many of the samples on which they differ.

    One-sided sign test: the upper tail of a binomial with 1/2, in whole numbers.
    """
    differ = wins + losses
    return sum(comb(differ, one) for one in range(wins, differ + 1)) / (1 << differ)


def beyond_luck(wins: int, losses: int) -> bool:
    """Whether a variant that won and lost so many samples against the configured prompt takes its place."""
    return wins > losses and chance(wins, losses) <= CHANCE
