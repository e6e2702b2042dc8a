"""Two arms compared by the mean of something per request, where requests of one session belong together.

Sessions were dealt, so sessions are what is independent: the variance of an arm's mean is estimated between them (the
ratio estimator with its linearised variance: Cochran 1977, Sampling Techniques, 6; for experiments Deng, Knoblich, Lu
2018, KDD, "Applying the Delta Method in Metric Analytics"). Requests without a session are sessions of their own.

The interval may be looked at after every request: it is the confidence sequence of a normal mixture (Robbins 1970;
Johari, Koomen, Pekelis, Walsh 2022, Operations Research 70:1806), which holds for estimated variances of anything with
moments once there are some sessions (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2024, Annals of Statistics 52:2613).
How often it errs with few sessions is measured by `python -m benchmarks.experiments`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.intervals import Interval

__all__ = ["LEAST_OF_AMOUNTS", "LEAST_UNITS", "Contrast", "Moments", "contrast", "units_needed"]

LEAST_UNITS = 30
"""Sessions of each arm before an interval of a share is given: fewer say too little of their variance."""
LEAST_OF_AMOUNTS = 100
"""The same of times, costs and other figures, which may have long tails."""
_TUNED_UNITS = 250.0
"""Where the sequence is narrowest for its error: n1 n2 / (n1 + n2) sessions, 500 in each of two equal arms."""
_MOST_UNITS = 10**9
_ROUNDED = 1e-12
"""Means that differ by no greater part differ by the rounding of their sums alone."""


class Moments(NamedTuple):
    """Sums over sessions of what each had in total and of the requests that it is of.

    Attributes:
        units: sessions with at least one such request.
        total, requests: sums of both.
        total_squared, product, requests_squared: sums of their squares, and of one times the other.
    """

    units: int = 0
    total: float = 0.0
    requests: float = 0.0
    total_squared: float = 0.0
    product: float = 0.0
    requests_squared: float = 0.0

    @property
    def mean(self) -> float | None:
        """Per request; None without any."""
        return self.total / self.requests if self.requests > 0 else None

    def plus(self, total: float, requests: float) -> Moments:
        """With one more session."""
        return Moments(
            self.units + 1,
            self.total + total,
            self.requests + requests,
            self.total_squared + total * total,
            self.product + total * requests,
            self.requests_squared + requests * requests,
        )

    def tempered(self) -> Moments:
        """With a session that is all right and one that is all wrong, so that none seen is not none: for shares.

        Agresti and Caffo (2000, The American Statistician 54:280), a session for a trial.
        """
        size = self.requests / self.units if self.units else 1.0
        return self.plus(size, size).plus(0.0, size)

    @property
    def variance(self) -> float:
        """Of the mean. Infinite with less than two sessions."""
        mean = self.mean
        if mean is None or self.units < 2:
            return math.inf
        spread = self.total_squared - 2 * mean * self.product + mean * mean * self.requests_squared
        return max(0.0, spread) / self.requests**2 * self.units / (self.units - 1)


class Contrast(NamedTuple):
    """How much more the new arm has than `factor` times the old one.

    Attributes:
        value: the estimate.
        interval: at all looks together it holds the truth but for the error; None = too few sessions for one.
    """

    value: float
    interval: Interval | None


def contrast(old: Moments, new: Moments, error: float, *, factor: float = 1.0, share: bool = False) -> Contrast | None:
    """New less `factor` times old.

    Args:
        old: of one arm.
        new: of the other, of the same metric.
        error: of the interval, at all looks together.
        factor: 1 for a difference; 1.2 asks whether the new one has more than a fifth more.
        share: each request's value is 0 or 1.

    Returns:
        None where an arm has nothing to be compared by.

    Raises:
        EvalError: the error is no probability, or the factor not above 0.
    """
    if not 0.0 < error < 1.0 or factor <= 0.0:
        raise EvalError(f"an error lies strictly between 0 and 1 and a factor above 0, not {error!r} and {factor!r}")
    if old.mean is None or new.mean is None:
        return None
    value = new.mean - factor * old.mean
    if math.isclose(new.mean, factor * old.mean, rel_tol=_ROUNDED):
        value = 0.0
    if min(old.units, new.units) < (LEAST_UNITS if share else LEAST_OF_AMOUNTS):
        return Contrast(value, None)
    lower, upper = (old.tempered(), new.tempered()) if share else (old, new)
    centre = (upper.mean or 0.0) - factor * (lower.mean or 0.0)
    half = _half_width(upper.variance + factor * factor * lower.variance, _paired(old.units, new.units), error)
    return Contrast(value, Interval(centre - half, centre + half))


def units_needed(old: Moments, new: Moments, error: float, *, share: bool = False) -> int | None:
    """About how many sessions in all would show the difference, if it is as it was seen and arms grow as they did.

    Returns:
        None where nothing can be said: too few sessions, no difference, or more than a thousand million.
    """
    found = contrast(old, new, error, share=share)
    if found is None or found.interval is None or found.value == 0.0:
        return None
    low, high = found.interval
    variance, paired = (old.variance + new.variance), _paired(old.units, new.units)
    if not math.isfinite(variance) or variance == 0.0 or low == high:
        return None

    def shown(times: float) -> bool:
        return _half_width(variance / times, paired * times, error) < abs(found.value)

    units, most = old.units + new.units, 1.0
    while not shown(most):
        most *= 2
        if units * most > _MOST_UNITS:
            return None
    least = most / 2 if most > 1.0 else 0.0
    for _ in range(30):
        middle = (least + most) / 2
        least, most = (least, middle) if middle > 0 and shown(middle) else (middle, most)
    return math.ceil(units * most)


def _paired(old: int, new: int) -> float:
    """As many pairs of sessions as the smaller variance of two equal arms would need for the same."""
    return old * new / (old + new)


def _half_width(variance: float, units: float, error: float) -> float:
    """Of the normal mixture, at intrinsic time `units`; the mixing variance is that which is narrowest where tuned."""
    wide = -2.0 * math.log(error)
    time = units * (wide + math.log1p(wide)) / _TUNED_UNITS
    return math.sqrt(variance * (1.0 + time) / time * (math.log1p(time) + wide))
