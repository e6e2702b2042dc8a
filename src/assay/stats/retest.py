"""Whether a score that is known still holds, told from as few of its samples, asked again, as the error allows.

Of N samples, `passed` passed and `failed` did not. Asked again, an unknown number L of the first is lost and an
unknown number G of the others is gained; the score has fallen by L - G. The samples are asked in a random order without
replacement, so what was seen of each part is hypergeometric. Only changes tell something: where nothing changes,
nothing varies, and a few dozen samples prove what needs hundreds when passes alone are counted.

The test is an e-process: a mixture over what could be the case, divided by the largest likelihood that the hypothesis
to be refuted allows. Under each member of the hypothesis it is at most a martingale that starts at 1, so that it ever
reaches 1 / error with no more than that probability, whenever one looks and stops (Ville 1939; universal inference:
Wasserman, Ramdas, Balakrishnan 2020, PNAS 117:16880; without replacement: Waudby-Smith, Ramdas 2020, NeurIPS). Where
the hypothesis can no longer be true at all, it is refuted by arithmetic, without any error.

Where answers come out otherwise by chance, as many lost as gained, passes alone tell more, for their lines have an
exact error (`assay.stats.sequential`). Both tests look on side by side and share the error; what that costs where
nothing has changed is less than it brings elsewhere (docs/decisions/050-check.md).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.beta import log_beta
from assay.stats.certainty import Verdict
from assay.stats.sequential import Errors, Lines, lines
from assay.types import Value

__all__ = ["Retest", "Seen"]


class _Belief(NamedTuple):
    """How changes are spread beforehand: beta distributions of the lost and the gained share."""

    lost: tuple[float, float]
    gained: tuple[float, float]


# Any belief keeps the error; these ask few samples where nothing, little, or a fifth has changed (benchmarks/check.py).
_LITTLE = _Belief((0.5, 5.0), (0.5, 5.0))
_MUCH = _Belief((1.0, 3.0), (0.5, 3.0))
_NOTHING = 0.5
"""Probability beforehand that nothing has changed, where it is to be shown that the score holds."""
_CHANGES = 0.7
"""Share of the error that is the changes', where it is to be shown that the score holds; where that it has fallen, the
passes'. The rest is the other's."""


class Seen(NamedTuple):
    """What was asked again: `passing` that passed before, of which `lost` fail; `failing`, of which `gained` pass."""

    passing: int = 0
    lost: int = 0
    failing: int = 0
    gained: int = 0

    @property
    def asked(self) -> int:
        """All of them."""
        return self.passing + self.failing

    @property
    def passes(self) -> int:
        """Those that pass now."""
        return self.passing - self.lost + self.gained


class Retest(Value, frozen=True, kw_only=True):
    """A score of `passed` of `passed + failed` samples, to be proved again.

    Attributes:
        error: probability, less than 1/2, of proving something that is not so; 0 = only what is arithmetically certain
            counts.

    Raises:
        EvalError: a number is out of its range.
    """

    passed: int
    failed: int
    error: float

    def __post_init__(self) -> None:
        if min(self.passed, self.failed) < 0 or not 0.0 <= self.error < 0.5:
            raise EvalError(
                f"{self.passed!r} passed, {self.failed!r} failed, error {self.error!r}: "
                "counts are >= 0, and an error is a probability below 1/2"
            )

    def verdict(self, tolerated: int, worst: Seen, best: Seen) -> Verdict:
        """Whether the score of all samples has fallen by no more than `tolerated`.

        Args:
            tolerated: number of samples.
            worst: what was seen, if each sample without a score had failed.
            best: the same, if each had passed.
        """
        if self.falls_at_most(tolerated, worst):
            return Verdict.PASS
        if self.falls_more_than(tolerated, best):
            return Verdict.FAIL
        return self._lines(tolerated).verdict(worst.passes, best.passes, worst.asked)

    def drop(self, worst: Seen, best: Seen) -> tuple[int, int]:
        """The least and the greatest fall of the whole score that is not refuted; each bound is wrong with `error`.

        They hold at all times at once, also at the moment at which one stopped because of them.
        """
        falls = range(-self.failed, self.passed + 1)
        most = bisect_left(falls, True, key=lambda fall: self.falls_at_most(fall, worst))
        least = bisect_left(falls, True, key=lambda fall: not self.falls_more_than(fall, best))
        return falls[least], falls[most]

    def falls_at_most(self, drop: int, seen: Seen) -> bool:
        """Whether "L - G is greater than `drop`" is refuted."""
        lost = _likeliest(self.passed, seen.passing, seen.lost)

        def likelihood(gained: int) -> float:
            return self._likelihood(max(gained + drop + 1, lost), gained, seen)

        high = min(self.failed - seen.failing + seen.gained, self.passed - seen.passing + seen.lost - drop - 1)
        most = _largest(likelihood, seen.gained, high)
        return _refuted(most, _mixture(seen, _LITTLE, _NOTHING), self.error * _CHANGES)

    def falls_more_than(self, drop: int, seen: Seen) -> bool:
        """Whether "L - G is at most `drop`" is refuted."""
        lost = _likeliest(self.passed, seen.passing, seen.lost)

        def likelihood(gained: int) -> float:
            return self._likelihood(min(gained + drop, lost), gained, seen)

        low, high = max(seen.gained, seen.lost - drop), self.failed - seen.failing + seen.gained
        most = _largest(likelihood, low, high)
        return _refuted(most, _mixture(seen, _MUCH, 0.0), self.error * (1.0 - _CHANGES))

    def _lines(self, tolerated: int) -> Lines:
        """The lines of passes alone."""
        total, wanted = self.passed + self.failed, self.passed - tolerated
        errors = Errors(self.error * (1.0 - _CHANGES), self.error * _CHANGES)
        return lines(total, max(0.0, wanted - 0.5) / total, 0.0, errors)  # half a sample less: no rounding adds one

    def _likelihood(self, lost: int, gained: int, seen: Seen) -> float:
        """Logarithm, of what was seen in its order, if so many were lost and gained in all."""
        return _drawn(self.passed, lost, seen.passing, seen.lost) + _drawn(
            self.failed, gained, seen.failing, seen.gained
        )


def _refuted(hypothesis: float, mixture: float, error: float) -> bool:
    if hypothesis == -math.inf:  # it contradicts what was seen
        return True
    return error > 0.0 and mixture - hypothesis >= -math.log(error)


def _drawn(total: int, hits: int, drawn: int, seen: int) -> float:
    """Logarithm of the probability of a sequence of `drawn` draws with `seen` hits, of `total` with `hits`."""
    return _choose(total - drawn, hits - seen) - _choose(total, hits)


def _choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _likeliest(total: int, drawn: int, seen: int) -> int:
    """The number of hits of all that makes what was seen most likely."""
    return min(total - drawn + seen, (total + 1) * seen // drawn) if drawn else 0


def _largest(likelihood: Callable[[int], float], low: int, high: int) -> float:
    """The maximum over a range; its logarithm is concave, for hypergeometric likelihoods are. -inf of no range."""
    if low > high:
        return -math.inf
    while low < high:
        middle = (low + high) // 2
        if likelihood(middle + 1) > likelihood(middle):
            low = middle + 1
        else:
            high = middle
    return likelihood(low)


def _mixture(seen: Seen, belief: _Belief, nothing: float) -> float:
    """Logarithm of the probability of what was seen under a belief, with so much of it on no change at all."""
    spread = _beta(seen.passing, seen.lost, belief.lost) + _beta(seen.failing, seen.gained, belief.gained)
    if nothing and not seen.lost and not seen.gained:
        return math.log(nothing + (1.0 - nothing) * math.exp(spread))
    return spread + math.log1p(-nothing)


def _beta(drawn: int, hits: int, belief: tuple[float, float]) -> float:
    """Logarithm of the probability of a sequence whose chance is beta-distributed."""
    a, b = belief
    return log_beta(a + hits, b + drawn - hits) - log_beta(a, b)
