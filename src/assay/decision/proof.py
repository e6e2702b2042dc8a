"""One pin proved again: its samples, asked in a random order until it is proven whether they still score as they did.

A verdict reads the longest finished beginning of the order, so that it is the same whatever was in flight. Which
samples passed when they were pinned stands in the lock, so that changes count as well as passes
(`assay.stats.retest`).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection
from fractions import Fraction
from functools import cached_property
from itertools import accumulate

from assay.decision.lock import Lock, Pin
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Samples
from assay.stats.certainty import Verdict, needed
from assay.stats.retest import Retest, Seen

__all__ = ["PinProof"]


class PinProof:
    """What is proven of a pin so far.

    Args:
        lock: whose pin it is; version 1 does not say which samples passed, and passes alone are counted then.
        pin: what is proved again.
        run: holds what its samples come to now.
        order: of the pinned samples; drawn before any was asked.
        repeats: so many answers a sample needs.
        error: probability of a wrong verdict; 0 = only what is arithmetically certain.
        gate: whether it is one: then nothing is tolerated that its bar would not have let through.
    """

    def __init__(
        self, lock: Lock, pin: Pin, run: Run, order: Samples, repeats: int, error: float, *, gate: bool = False
    ) -> None:
        self._paired = lock.version > 1
        self._pin = pin
        self._run = run
        self._order = list(order.ids)
        self._repeats = repeats
        self._gate = gate
        self._failed: Collection[str] = frozenset(pin.failed) if self._paired else ()
        self._test = Retest(passed=len(self._order) - len(self._failed), failed=len(self._failed), error=error)
        self._read = 0
        self._unscored: list[str] = []  # read, and without a score so far
        self._sequential = Verdict.OPEN
        self._worst = self._best = Seen()

    @property
    def tolerated(self) -> int:
        """By so many samples the score may have fallen."""
        total = len(self._order)
        fewer = math.floor(Fraction(str(self._pin.tolerated_regression)) * total)
        return min(fewer, max(0, self._pin.passed - needed(total, self._pin.bar))) if self._gate else fewer

    def settled(self) -> bool:
        """Whether the verdict has fallen; once it has, it stays. What has been answered since the last look is read."""
        if any(map(self._run.has_value, self._unscored)):
            self._worst, self._best, self._unscored = Seen(), Seen(), []
            self._take(self._order[: self._read])  # some had no score in an interrupted check, and have one now
        while self._read < len(self._order) and self._finished(self._order[self._read]):
            self._read += 1
            self._take([self._order[self._read - 1]])
        return self._sequential is not Verdict.OPEN

    def _take(self, samples: Collection[str]) -> None:
        """Count samples that are read."""
        for sample in samples:
            self._worst, self._best = self._with(sample, self._worst, self._best)
        self._unscored += [sample for sample in samples if not self._run.has_value(sample)]
        if self._sequential is Verdict.OPEN:
            self._sequential = self._test.verdict(self._limit, self._worst, self._best)

    def soonest(self) -> int:
        """The least number of further samples after which the verdict could fall; at least 1."""
        left = range(1, len(self._order) - self._read + 1)
        return 1 + bisect_left(left, True, key=self._could_fall)

    def verdict(self) -> Verdict:
        """What is proven. What all answers together make certain comes first: it is without an error."""
        worst = best = Seen()
        for sample in self.answered:
            worst, best = self._with(sample, worst, best)
        certain = Retest(passed=self._test.passed, failed=self._test.failed, error=0.0)
        found, settled = certain.verdict(self._limit, worst, best), self.settled()
        return found if found is not Verdict.OPEN or not settled else self._sequential

    @property
    def answered(self) -> list[str]:
        """The samples that were asked."""
        return [sample for sample in self._order if self._finished(sample)]

    @property
    def changes(self) -> tuple[int, int] | None:
        """Of those that have a score, how many passed only when they were pinned, and only now; None = not known."""
        if not self._paired:
            return None
        values = {sample: value for sample in self.answered if (value := self._run.results[sample].value) is not None}
        lost = sum(value < 1.0 and sample not in self._failed for sample, value in values.items())
        return lost, sum(value >= 1.0 and sample in self._failed for sample, value in values.items())

    def passes(self) -> tuple[int, int]:
        """The least and the most of all pinned samples that pass now; each bound is wrong with the error."""
        verdict, wanted = self.verdict(), self._test.passed - self._limit
        least, most = self._test.drop(self._worst, self._best)
        low, high = self._test.passed - most, self._test.passed - least
        if verdict is Verdict.PASS:
            return max(low, wanted), max(high, wanted)
        return (min(low, wanted - 1), min(high, wanted - 1)) if verdict is Verdict.FAIL else (low, high)

    @property
    def _limit(self) -> int:
        """As `tolerated`; where the pinned outcomes are not known, everything that failed then counts as lost."""
        return self.tolerated + (0 if self._paired else len(self._order) - self._pin.passed)

    def _finished(self, sample: str) -> bool:
        return self._run.is_done(sample, self._repeats)

    def _with(self, sample: str, worst: Seen, best: Seen) -> tuple[Seen, Seen]:
        value = self._run.results[sample].value
        passed_before = sample not in self._failed
        fails, passes = value is None or value < 1.0, value is None or value >= 1.0
        return _seen(worst, passed_before, not fails), _seen(best, passed_before, passes)

    @cached_property
    def _failing(self) -> list[int]:
        """By number of samples: how many of the first of the order failed when they were pinned."""
        return [0, *accumulate(sample in self._failed for sample in self._order)]

    def _could_fall(self, ahead: int) -> bool:
        """Whether so many more samples could end it: if none has changed, or if all fail."""
        failing = self._failing[self._read + ahead] - self._failing[self._read]
        passing = ahead - failing
        same = self._worst._replace(passing=self._worst.passing + passing, failing=self._worst.failing + failing)
        lost = self._best._replace(
            passing=self._best.passing + passing, failing=self._best.failing + failing, lost=self._best.lost + passing
        )
        return self._test.verdict(self._limit, same, lost) is not Verdict.OPEN


def _seen(seen: Seen, passed_before: bool, passes: bool) -> Seen:
    if passed_before:
        return seen._replace(passing=seen.passing + 1, lost=seen.lost + (not passes))
    return seen._replace(failing=seen.failing + 1, gained=seen.gained + passes)
