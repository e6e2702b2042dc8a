"""Is the new one not worse than the old one by more than a margin? Told from pairs: both answered the same samples.

A sample's difference is +1 where only the new one is right (gained), -1 where only the old one is (lost), else 0. The
mean of it in new work of the same kind, of which the samples are taken as drawn, is what is tested against -margin.

Two ways lead to a verdict, and each has half of the error:

- *early*: bets on every sample in turn. Whoever bets a share of the capital against "worse by more than the margin"
  multiplies it by 1 + bet * (difference + margin), which cannot grow on the average while that is true; so it ever
  reaches 2 / error with a probability of error / 2 at most, whenever one looks (Ville's inequality; Waudby-Smith and
  Ramdas 2024, JRSS-B 86:1, who bet for means of bounded variables). Several bets are held side by side.
- *at the end*: the score test of Nam (1997, Biometrics 53:1422) and Tango (1998, Statistics in Medicine 17:891), whose
  interval is shown. Its verdict on all samples may be certain before the last one; then it is given.

What has no score may be right or wrong: a pair is the least and the most that its difference can be.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.intervals import Interval, z_score

__all__ = ["Counts", "Noninferiority", "PairedTest", "more_needed", "score", "score_interval"]

_BETS = tuple(step / 20 for step in range(1, 20))
"""Shares of the largest bet that can never lose everything, held side by side."""


class Noninferiority(StrEnum):
    """Whether the new one is proven not worse by more than the margin, proven worse, or neither."""

    NOT_WORSE = "not-worse"
    WORSE = "worse"
    OPEN = "open"


class Counts(NamedTuple):
    """Samples that only the new one got right, that only the old one did, and all others."""

    gained: int = 0
    lost: int = 0
    same: int = 0

    @property
    def total(self) -> int:
        """All samples."""
        return self.gained + self.lost + self.same

    def plus(self, difference: int, times: int = 1) -> Counts:
        """With samples of this difference: 1, 0 or -1."""
        gained, lost, same = self
        if difference > 0:
            return Counts(gained + times, lost, same)
        return Counts(gained, lost + times, same) if difference < 0 else Counts(gained, lost, same + times)


def score(counts: Counts, difference: float) -> float:
    """Tango's statistic for the hypothesis that the true mean difference is `difference`; about standard normal.

    The variance is that of the likeliest shares under the hypothesis, in closed form. 0 without samples.

    Args:
        counts: what was seen.
        difference: between -1 and 1.
    """
    n = counts.total
    if n == 0:
        return 0.0
    only = counts.gained - counts.lost
    b = -(counts.gained + counts.lost) + (2 * n - only) * difference
    c = -counts.lost * difference * (1.0 - difference)
    lost = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2.0 * lost + difference * (1.0 - difference))
    gap = only - n * difference
    if variance <= 0.0:
        return 0.0 if abs(gap) < 1e-12 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def score_interval(counts: Counts, confidence: float = 0.95) -> Interval:
    """Tango's interval of the mean difference: every hypothesis that the two-sided score test does not refute.

    Without samples nothing is known: [-1, 1].
    """
    if counts.total == 0:
        return Interval(-1.0, 1.0)
    z = z_score(confidence)
    value = (counts.gained - counts.lost) / counts.total
    return Interval(_limit(counts, -1.0, value, z), _limit(counts, 1.0, value, -z))


def _limit(counts: Counts, outer: float, inner: float, z: float) -> float:
    """Between a hypothesis that is refuted and one that is not, the one whose statistic is z; `outer` if none is."""
    if abs(score(counts, outer)) <= abs(z):
        return outer
    for _ in range(50):
        middle = (outer + inner) / 2
        if abs(score(counts, middle)) > abs(z):
            outer = middle
        else:
            inner = middle
    return inner


class PairedTest:
    """A comparison that can be looked at after every sample.

    Args:
        total: samples in all.
        margin: how much lower the new one's share of right answers may be.
        not_worse_error: probability of "not worse" where it is worse by more than the margin.
        worse_error: probability of "worse" where it is not.

    Attributes:
        verdict: the first one that was reached; it stays.
        early: whether it came from the bets and not from all samples.

    Raises:
        EvalError: a number is out of its range.
    """

    def __init__(self, total: int, margin: float, not_worse_error: float, worse_error: float) -> None:
        _check(total, margin, not_worse_error, worse_error)
        self.verdict = Noninferiority.OPEN
        self.early = False
        self._total, self._margin = total, margin
        self._errors = not_worse_error / 2, worse_error / 2
        self._least, self._most = Counts(), Counts()

    def see(self, least: int, most: int) -> Noninferiority:
        """The next sample, in an order that was drawn before anything was seen.

        Args:
            least: what its difference is at least: -1, 0 or 1.
            most: what it is at most; the same where both answers have a score.
        """
        self._least, self._most = self._least.plus(least), self._most.plus(most)
        if self.verdict is Noninferiority.OPEN:
            self.verdict, self.early = self._judged()
        return self.verdict

    def interval(self) -> Interval:
        """Of the mean difference, from the samples seen, whatever those without a score would have been."""
        confidence = 1.0 - 2 * self._errors[0]
        return Interval(score_interval(self._least, confidence).low, score_interval(self._most, confidence).high)

    def _judged(self) -> tuple[Noninferiority, bool]:
        least, most, margin = self._least, self._most, self._margin
        left = self._total - least.total
        not_worse, worse = self._errors
        if score(least.plus(-1, left), -margin) >= _quantile(not_worse):
            return Noninferiority.NOT_WORSE, False
        if score(most.plus(1, left), -margin) <= -_quantile(worse):
            return Noninferiority.WORSE, False
        # A verdict never contradicts the interval beside it, although bets alone would be error enough.
        if score(least, -margin) >= _quantile(not_worse) and _capital(least, margin, 1) >= -math.log(not_worse):
            return Noninferiority.NOT_WORSE, True
        if score(most, -margin) <= -_quantile(worse) and _capital(most, margin, -1) >= -math.log(worse):
            return Noninferiority.WORSE, True
        return Noninferiority.OPEN, False


@cache
def _quantile(error: float) -> float:
    return NormalDist().inv_cdf(1.0 - error)


@cache
def _stakes(margin: float, side: int) -> tuple[tuple[float, float, float], ...]:
    """What each bet multiplies its capital by, as logarithms: by a sample gained, lost, and the same."""
    most = 1.0 / (1.0 - side * margin)  # the worst sample for the bet then takes all of it
    bets = (side * share * most for share in _BETS)
    return tuple((math.log1p(b * (1 + margin)), math.log1p(b * (margin - 1)), math.log1p(b * margin)) for b in bets)


def _capital(counts: Counts, margin: float, side: int) -> float:
    """Logarithm of what one unit has become in bets that the mean difference lies above -margin (side 1) or below."""
    logs = [sum(n * log for n, log in zip(counts, stake, strict=True)) for stake in _stakes(margin, side)]
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(one - largest) for one in logs) / len(logs))


def more_needed(counts: Counts, margin: float, *, error: float = 0.05, power: float = 0.8) -> int | None:
    """About how many more samples would give a verdict with probability `power`, if the difference is as it was seen.

    n = (z_error + z_power)^2 (psi - d^2) / (d + margin)^2 with d the difference and psi the share of samples that only
    one gets right, one more of them added on each side (so that none seen does not mean none): Nam (1997), with the
    variance at d in place of that at the margin.

    Returns:
        None where the difference lies on the margin itself: no number of samples tells.
    """
    n = counts.total + 2
    difference = (counts.gained - counts.lost) / n
    gap = abs(difference + margin)
    if gap < 1e-9:
        return None
    spread = math.sqrt(max((counts.gained + counts.lost + 2) / n - difference * difference, 1e-9))
    root = (_quantile(error / 2) + _quantile(1.0 - power)) * spread / gap
    return max(1, math.ceil(root * root) - counts.total)


def _check(total: int, margin: float, *errors: float) -> None:
    if total <= 0:
        raise EvalError(f"{total!r} samples tell nothing; a comparison needs at least one")
    if not 0.0 < margin < 1.0:
        raise EvalError(f"a margin is a share between 0 and 1, not {margin!r}; no number of samples proves that of 0")
    if not all(0.0 < error < 0.5 for error in errors):
        raise EvalError(f"errors are probabilities between 0 and 0.5, not {errors}")
