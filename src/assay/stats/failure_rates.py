"""Two arms of live traffic: does the new one fail more often than the old one by more than a margin? Asked at any time.

Whoever looks at a dashboard looks again and again, and stops when it looks good. So the evidence against a hypothesis
is an e-process: the likelihood of what was seen under a mixture of all rates, over the greatest that the hypothesis
allows (universal inference: Wasserman, Ramdas, Balakrishnan 2020, PNAS 117:16880). While the hypothesis is true it ever
reaches 1 / error with a probability of error at most, however often one looks. Requests count as independent and the
rates as constant; the share of traffic that an arm gets may change at will.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.anytime import anytime
from assay.stats.beta import log_beta
from assay.stats.intervals import Interval

__all__ = ["Tally", "difference_interval", "log_evidence", "rate_interval", "shown"]

_PRIOR = 0.5
"""Both parameters of the beta distribution of rates that is mixed over."""
_STEPS = 60
_HALVINGS = 24
_EDGE = 1.0 - 1e-9
"""Differences of 1 itself have likelihoods without a logarithm."""
_GOLDEN = (math.sqrt(5) - 1) / 2


class Tally(NamedTuple):
    """Failures among some requests."""

    failures: int
    requests: int


def log_evidence(old: Tally, new: Tally, margin: float, *, above: bool) -> float:
    """Natural logarithm of the evidence that new less old lies above the margin (`above`), or below it.

    Args:
        old: what was seen of one arm so far.
        new: and of the other.
        margin: difference of the two rates, 0 to below 1.
        above: whether evidence is wanted for "above the margin" or for "below".

    Raises:
        EvalError: counts or margin are out of range.
    """
    _check(margin, old, new)
    seen = _mixture(old) + _mixture(new)
    if not old.requests or not new.requests:
        return 0.0
    difference = new.failures / new.requests - old.failures / old.requests
    allowed = difference <= margin if above else difference >= margin
    if allowed:
        return seen - _likelihood(old, old.failures / old.requests) - _likelihood(new, new.failures / new.requests)
    return seen - _greatest(old, new, margin)


def rate_interval(tally: Tally, error: float = 0.05) -> Interval:
    """Rates that cannot be excluded; all of the intervals that are ever looked at hold the true rate, but for `error`.

    It is of the same mixture as the evidence.
    """
    _check(0.0, tally)
    return anytime(tally.failures, tally.requests, 1.0 - error, prior=_PRIOR)


def difference_interval(old: Tally, new: Tally, error: float = 0.05) -> Interval:
    """Differences of the rates, new less old, that the evidence on either side does not exclude.

    Exact for any number of requests, and at any time: all intervals that are ever looked at hold the true difference,
    but for `error`, of which each side has half.
    """
    half = error / 2
    return Interval(
        _limit(lambda at: shown(old, new, at, half, above=True), -1.0),
        _limit(lambda at: shown(old, new, at, half, above=False), 1.0),
    )


def shown(old: Tally, new: Tally, difference: float, error: float, *, above: bool) -> bool:
    """Whether it is shown that new less old lies above a difference (`above`), or below it; wrongly with the error.

    Args:
        old: what was seen of one arm.
        new: and of the other.
        difference: between -1 and 1, both left out.
        error: probability that it is ever shown though it is not so.
        above: which of both is asked.
    """
    limit = -math.log(error)
    if difference >= 0:
        return log_evidence(old, new, difference, above=above) >= limit
    return log_evidence(new, old, -difference, above=not above) >= limit


def _limit(excluded: Callable[[float], bool], outer: float) -> float:
    """Between a difference at the edge, and the one in the middle of all, where exclusion ends."""
    edge, inner = outer * _EDGE, -outer * _EDGE
    if not excluded(edge):
        return outer
    for _ in range(_HALVINGS):
        middle = (edge + inner) / 2
        edge, inner = (middle, inner) if excluded(middle) else (edge, middle)
    return edge


def _mixture(tally: Tally) -> float:
    """Log-likelihood under a Beta(1/2, 1/2) mixture of rates (Krichevsky and Trofimov 1981)."""
    others = tally.requests - tally.failures
    return log_beta(tally.failures + _PRIOR, others + _PRIOR) - log_beta(_PRIOR, _PRIOR)


def _likelihood(tally: Tally, rate: float) -> float:
    """Log-likelihood of a rate."""
    return _times_log(tally.failures, rate) + _times_log(tally.requests - tally.failures, 1.0 - rate)


def _times_log(count: int, share: float) -> float:
    if count == 0:
        return 0.0
    return count * math.log(share) if share > 0.0 else -math.inf


def _greatest(old: Tally, new: Tally, margin: float) -> float:
    """The greatest log-likelihood of rates that lie just the margin apart, by golden section: it is concave."""
    low, high = 0.0, 1.0 - margin

    def at(rate: float) -> float:
        return _likelihood(old, rate) + _likelihood(new, min(1.0, rate + margin))

    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = at(left), at(right)
    for _ in range(_STEPS):
        if at_left >= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = at(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = at(right)
    return max(at(low), at(high), at_left, at_right)


def _check(margin: float, *tallies: Tally) -> None:
    if not 0.0 <= margin < 1.0:
        raise EvalError(f"a margin of two rates lies from 0 to below 1, not {margin!r}")
    for one in tallies:
        if not 0 <= one.failures <= one.requests:
            raise EvalError(f"{one.failures!r} failures of {one.requests!r} requests cannot be")
