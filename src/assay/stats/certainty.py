"""What is already certain about a suite that has not been finished: plain arithmetic, no statistics.

A sample that has no score (not run yet, or *unscored*) may turn out right or wrong; only what holds in both cases
is certain. All comparisons are in rational numbers: the bar is taken as the decimal that was written, so that
8 of 10 meets a bar of 0.8.
"""

from __future__ import annotations

import math
from enum import StrEnum
from fractions import Fraction

from assay.errors import EvalError
from assay.stats.intervals import Interval

__all__ = ["Verdict", "bounds", "certain", "needed"]


class Verdict(StrEnum):
    """Whether the full suite meets its bar: certainly, certainly not, or not decided yet."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    OPEN = "open"


def needed(total: int, bar: float) -> int:
    """The least number of passes with which `total` samples meet `bar` (passed / total >= bar)."""
    if total <= 0:
        raise EvalError(f"a suite of {total!r} samples cannot meet a bar; it needs at least one sample")
    if not 0 <= bar <= 1:
        raise EvalError(f"a bar is a proportion between 0 and 1, not {bar!r}")
    return math.ceil(Fraction(str(bar)) * total)


def _check(passed: float, failed: float, unscored: int, total: int) -> None:
    if min(passed, failed, unscored) < 0 or passed + failed + unscored > total + 1e-9:
        raise EvalError(
            f"{passed!r} passed, {failed!r} failed, {unscored!r} unscored of {total!r}: "
            "counts must be >= 0 and at most the total"
        )


def certain(passed: int, failed: int, unscored: int, total: int, bar: float) -> Verdict:
    """Whether passed / total >= bar is already certain for the full suite, whatever comes of the rest.

    Args:
        passed: samples scored right.
        failed: samples scored wrong.
        unscored: samples that ran and have no score; like those not run yet, they may count either way.
        total: size of the full suite.
        bar: proportion of passes wanted, inclusive.
    """
    _check(passed, failed, unscored, total)
    need = needed(total, bar)
    if passed >= need:
        return Verdict.PASS
    return Verdict.FAIL if total - failed < need else Verdict.OPEN


def bounds(passed: float, failed: float, unscored: int, total: int) -> Interval:
    """The least and the greatest mean score that the full suite can still have.

    `passed` is the sum of all scores so far, and `failed` what they lack of 1 each; for right or wrong, counts.
    """
    _check(passed, failed, unscored, total)
    if total <= 0:
        raise EvalError("a suite without samples has no proportion of passes")
    return Interval(passed / total, (total - failed) / total)
