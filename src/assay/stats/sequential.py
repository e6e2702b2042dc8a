"""Whether a whole suite would pass its bar, told from as few of its samples as the error allows.

A suite of N samples, of which an unknown number K pass, is asked in a random order. Two one-sided tests watch the
count of passes after every sample:

- *accept*: "K misses the bar by more than the tolerance" is refuted;
- *reject*: "K meets the bar" is refuted.

A test is a line: passes needed (or no longer enough) after t samples. Its error is the probability that a suite which
lies just on the wrong side ever crosses it, computed exactly, for all N looks together; suites that lie farther off
cross it less often, since a sample that passes instead of failing never lowers a count. So whoever looks after every
sample, or now and then, and stops when a line is crossed, is wrong with no more than that probability. Seen as a
process, P(the line is ever crossed | what was seen) / error is an e-process (Ramdas, Grünwald, Vovk, Shafer 2023,
Statistical Science 38:576) that starts at 1 and stands at 1 / error on the line: no mass overshoots, which is what
the usual mixtures give away (docs/decisions/046-the-guarantee.md compares them).

Of all pairs of lines with these errors, these ask the fewest samples where every K is equally likely beforehand: they
are the borders of Bayesian optimal stopping (Wald and Wolfowitz 1948; Lorden 1976 for lines that draw together) whose
two prices of a wrong verdict are chosen so that the errors come out right.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.certainty import Verdict, needed

__all__ = ["Errors", "Lines", "lines", "shared"]

_CLOSE = 0.97
"""Errors that come to this share of what is allowed are near enough."""
_STEPS = 24
"""Of the search for the prices; small suites have few different lines, so that it may end before it is close."""
_APART = 1e-3
"""Prices whose logarithms are nearer have the same lines, nearly always."""
_NEGLIGIBLE = 1e-13
"""Paths less likely than this are left out; all of them together, over all looks, stay below 1e-8."""
_LEAST_ERROR = 1e-7
"""Lesser errors are taken as none, for what is left out would come to as much."""


class Errors(NamedTuple):
    """Probabilities of a wrong verdict on one candidate; 0 = only what is arithmetically certain counts."""

    accept: float
    reject: float


class Lines(NamedTuple):
    """After t of `total` samples: `accept[t]` passes or more prove the bar, `reject[t]` or fewer prove it missed.

    Attributes:
        accept: by t = 0 ... total; total + 1 = not yet.
        reject: by t = 0 ... total; -1 = not yet.
        errors: probability that a suite just on the wrong side ever crosses the line.
    """

    accept: tuple[int, ...]
    reject: tuple[int, ...]
    errors: Errors

    @property
    def total(self) -> int:
        """Samples of the suite."""
        return len(self.accept) - 1

    def verdict(self, passes_least: int, passes_most: int, seen: int) -> Verdict:
        """After `seen` samples in their order: passes if what has no score had failed, and if it had passed."""
        if passes_least >= self.accept[seen]:
            return Verdict.PASS
        return Verdict.FAIL if passes_most <= self.reject[seen] else Verdict.OPEN

    def soonest(self, passes: int, seen: int) -> int:
        """The least number of further samples after which a verdict could fall; at least 1."""
        ahead = 1
        for t in range(seen + 1, self.total + 1):
            if passes + ahead >= self.accept[t] or passes <= self.reject[t]:
                break
            ahead += 1
        return ahead


def shared(error: float, candidates: int) -> tuple[Errors, ...]:
    """The errors of candidates that are tried one after another, so that the choice is wrong with probability `error`.

    A choice is wrong when one that misses the bar is accepted, or the first that meets it is rejected. An acceptance
    can be wrong at every candidate before the right one, a rejection at the right one alone: so a rejection may err
    with all that the acceptances before it have left. Four fifths are divided among acceptances in proportion to the
    place: the first ones are the cheapest, and are rarely accepted. (Shares of 0.4 to 0.9 need the same number of
    samples within 2 %.) The last one, often the dearest, has nobody behind it: all that is left is its own.

    Args:
        error: of the whole choice.
        candidates: how many there are.

    Returns:
        By place, the first one tried first.

    Raises:
        EvalError: the error is no probability below 1/2.
    """
    if not 0.0 <= error < 0.5:
        raise EvalError(f"an error is a probability from 0 to below 0.5, not {error!r}")
    each = 0.8 * error / max(1, candidates * (candidates + 1) // 2)
    left = [error - each * (place * (place - 1) // 2) for place in range(1, candidates + 1)]
    return tuple(Errors(place * each if place < candidates else rest, rest) for place, rest in enumerate(left, 1))


@cache
def lines(total: int, bar: float, tolerance: float, errors: Errors) -> Lines:
    """The lines for a suite.

    Args:
        total: samples of the whole suite.
        bar: share that must pass, inclusive.
        tolerance: a candidate that misses the bar by no more may be accepted; one that meets it is never in the zone.
        errors: of one candidate.

    Raises:
        EvalError: a number is out of its range.
    """
    if not 0.0 <= tolerance < 1.0:
        raise EvalError(f"a tolerance is a share from 0 to below 1, not {tolerance!r}")
    meets = needed(total, bar)
    misses = needed(total, max(0.0, round(bar - tolerance, 12))) - 1
    test = _Test(total, misses, meets)
    errors = Errors(*(error if error >= _LEAST_ERROR else 0.0 for error in errors))
    sure = test.certain()
    if max(errors) == 0.0 or misses < 0:
        return sure
    if min(errors) > 0.0:
        return test.calibrated(errors)
    both = test.calibrated(Errors(max(errors), max(errors)))  # each line's error is its own, whatever the other one is
    if errors.accept == 0.0:
        return both._replace(accept=sure.accept, errors=both.errors._replace(accept=0.0))
    return both._replace(reject=sure.reject, errors=both.errors._replace(reject=0.0))


class _Test(NamedTuple):
    """`misses` passes of `total` are too few, `meets` are enough; what lies between may be judged either way."""

    total: int
    misses: int
    meets: int

    def certain(self) -> Lines:
        """The lines of plain arithmetic."""
        accept = [self.misses + 1 if self.misses < t else self.total + 1 for t in range(self.total + 1)]
        reject = [max(-1, min(self.misses, self.meets - 1 - (self.total - t))) for t in range(self.total + 1)]
        return Lines(tuple(accept), tuple(reject), Errors(0.0, 0.0))

    def calibrated(self, errors: Errors) -> Lines:
        """The lines whose errors come closest to those allowed, and are never above."""
        best, closest = self.certain(), -math.inf
        accept, reject = _Search(errors.accept), _Search(errors.reject)
        for _ in range(_STEPS):
            found = self._priced(accept.price, reject.price)
            over = accept.note(found.errors.accept), reject.note(found.errors.reject)
            if max(over) <= 0.0 and sum(over) > closest:
                best, closest = found, sum(over)
            near = max(over) <= 0.0 and min(over) >= math.log(_CLOSE)
            if near or (accept.done and reject.done):
                break
        return best

    def _priced(self, price_accept: float, price_reject: float) -> Lines:
        accept, reject = self._optimal(price_accept, price_reject)
        crossed = _ever_reaches(self.total, self.misses, accept)
        # To be down to r passes after t samples is to have t - r failures.
        failures = [t - passes for t, passes in enumerate(reject)]
        dropped = _ever_reaches(self.total, self.total - self.meets, failures)
        return Lines(tuple(accept), tuple(reject), Errors(crossed, dropped))

    def _optimal(self, price_accept: float, price_reject: float) -> tuple[list[int], list[int]]:
        """Borders of the least expected number of samples plus price x probability of each wrong verdict.

        By backward induction over (t, passes). Beforehand every K is equally likely, so the next sample passes with
        probability (passes + 1) / (t + 2). The price of accepting is price x likelihood of what was seen if K were
        `misses`, over its probability beforehand, 1 / (t + 1): a martingale, so where both outcomes of a sample lead to
        the same verdict, that verdict is given at once. The states where to go on at t therefore lie within those of
        t + 1 and one below, and only they are visited.
        """
        total, misses, meets = self
        wrong_accept = _Price(price_accept, total, misses, 1)
        wrong_reject = _Price(price_reject, total, meets, -1)
        accept, reject = [total + 1] * (total + 1), [-1] * (total + 1)
        low, high = misses + 1, misses  # states to go on at; none at the end
        costs: list[float] = []  # what is expected to come at each of them
        for t in range(total, -1, -1):
            if t < total:
                first, last = max(low - 1, 0), min(high, t)
                below = [wrong_reject.at(t + 1, first)] if first < low else []
                above = [wrong_accept.at(t + 1, last + 1)] if last == high else []
                after = below + costs + above
                likely = [(passes + 1) / (t + 2) for passes in range(first, last + 1)]
                costs = [1.0 + p * up + (1.0 - p) * down for p, (down, up) in zip(likely, pairwise(after), strict=True)]
                low, high = first, last
                while costs and wrong_accept.at(t, high) <= min(costs[-1], wrong_reject.at(t, high)):
                    high -= 1
                    costs.pop()
                done = 0
                while done < len(costs) and wrong_reject.at(t, low) <= costs[done]:
                    low += 1
                    done += 1
                del costs[:done]
            if high < t:
                accept[t] = high + 1
            reject[t] = low - 1
        return accept, reject


class _Price:
    """What a verdict is expected to cost at a state, were it wrong where the suite has `right` passes of `total`.

    Args:
        side: 1: the verdict is "more pass", given above that share only; -1: "fewer pass", given below it.
    """

    def __init__(self, price: float, total: int, right: int, side: int) -> None:
        self._factorials = _log_factorials(total)
        self._total, self._right, self._side = total, right, side
        self._log = math.log(price) - self._choose(total, right)

    def _choose(self, n: int, k: int) -> float:
        return self._factorials[n] - self._factorials[k] - self._factorials[n - k]

    def at(self, seen: int, passes: int) -> float:
        """Price x likelihood of `passes` among the first `seen`, over its probability beforehand; 0 if impossible."""
        if self._side * (passes * self._total - seen * self._right) <= 0:
            return math.inf
        left = self._right - passes
        if left < 0 or left > self._total - seen:
            return 0.0
        likelihood = self._choose(seen, passes) + self._choose(self._total - seen, left)
        return math.exp(min(700.0, self._log + likelihood)) * (seen + 1)


@cache
def _log_factorials(most: int) -> list[float]:
    return [math.lgamma(n + 1) for n in range(most + 1)]


class _Search:
    """Looks for the least price of a wrong verdict whose probability is not above what is allowed."""

    def __init__(self, allowed: float) -> None:
        self._allowed = allowed
        self._log = math.log(8 / allowed)
        # The last price that was too low, with how far the error was above; and the last that was high enough.
        self._below: tuple[float, float] | None = None
        self._above: tuple[float, float] | None = None

    @property
    def price(self) -> float:
        """To be tried next."""
        return math.exp(self._log)

    @property
    def done(self) -> bool:
        """Whether no price lies between one that is too low and one that is high enough."""
        if self._below is None or self._above is None:
            return False
        return abs(self._above[0] - self._below[0]) < _APART

    def note(self, error: float) -> float:
        """Move on from what came of the price; how far the error is above what is allowed, by logarithms."""
        over = math.log(max(error, 1e-300) / self._allowed)
        if over > 0.0:
            self._below = (self._log, over)
        else:
            self._above = (self._log, over)
        if self._below is None or self._above is None:
            self._log += min(2.0, over + 0.1) if over > 0.0 else max(-1.0, 0.8 * over - 0.01)
        elif over > 0.0 or over < math.log(_CLOSE):
            (low, above), (high, below) = self._below, self._above
            aim = (above + 0.01) / (above - below)  # a straight line between the two
            self._log = low + min(0.9, max(0.1, aim)) * (high - low)
        return over


def _ever_reaches(total: int, right: int, line: list[int]) -> float:
    """Probability that the count of passes ever stands at the line or above, where `right` of `total` pass.

    Exact but for paths that are left out as unlikely; those are counted as if they reached it.
    """
    if line[0] <= 0:
        return 1.0
    reached, low, paths = 0.0, 0, [1.0]
    for t in range(total):
        share = 1.0 / (total - t)
        ups = [path * (right - passes) * share for passes, path in enumerate(paths, low)]
        paths = [path - up + below for path, up, below in zip([*paths, 0.0], [*ups, 0.0], [0.0, *ups], strict=True)]
        while paths and low + len(paths) - 1 >= line[t + 1]:
            reached += paths.pop()
        while paths and paths[-1] < _NEGLIGIBLE:
            reached += paths.pop()
        done = 0
        while done < len(paths) and paths[done] < _NEGLIGIBLE:
            reached += paths[done]
            done += 1
        if done:
            del paths[:done]
            low += done
        if not paths:
            break
    return min(1.0, reached)
