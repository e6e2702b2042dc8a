"""What is measured of arms, and two arms compared by it at any time.

Sessions are what was dealt, so they are what is independent. Where each has one request and each request is a yes or
a no, the comparison is exact; else the mean per request is compared with its variance between sessions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from assay.ledger.dealt import SumsRow
from assay.stats.failure_rates import Tally, difference_interval, shown
from assay.stats.intervals import Interval
from assay.stats.ratios import Contrast, Moments, contrast
from assay.types import Value

__all__ = [
    "SHARES", "Better", "BySessions", "Compared", "Exact", "Look", "all_requests", "better", "by_arm", "by_sessions",
    "first_requests", "moments_of",
]  # fmt: skip

Better = Literal["higher", "lower", "neither"]
Method = Literal["exact", "sessions", "first requests"]
SHARES = ("failed", "cancelled", "accepted", "edited", "rejected", "judged")
"""Of these each request is a yes or a no."""
_HIGHER, _NEITHER = ("accepted", "metric"), ("judged",)


class Compared(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A measure in two arms.

    Attributes:
        old, new: the mean per request; None = there is none.
        value: new less `factor` times old.
        interval: holds the truth at all looks together, but for the error; None = too few sessions for one.
        method: `exact`: requests are independent, each a yes or a no; `sessions`: by the variance between sessions;
            `first requests`: exact, of the first request of each session.
        old_units, new_units: sessions that it is of, a request without one being its own.
    """

    measure: str
    old: float | None
    new: float | None
    value: float | None
    interval: tuple[float, float] | None
    method: Method
    old_units: int
    new_units: int


def better(measure: str) -> Better:
    """Whether more of it is better."""
    if measure in _NEITHER:
        return "neither"
    return "higher" if measure in _HIGHER else "lower"


def by_arm(rows: Sequence[SumsRow]) -> dict[tuple[str, str], SumsRow]:
    """Sums by arm and measure."""
    return {(row.arm, row.measure): row for row in rows}


def moments_of(row: SumsRow | None) -> Moments:
    """The sums of a measure; all 0 where there is nothing."""
    if row is None:
        return Moments()
    return Moments(row.units, row.total, row.requests, row.total_squared, row.product, row.requests_squared)


class Look(Protocol):
    """Two arms beside each other in one measure."""

    def above(self, limit: float) -> bool:
        """Whether it is shown that the new arm has more than `factor` times the old one's, by more than the limit."""
        ...

    def below(self, limit: float) -> bool:
        """Whether it is shown that it has less than that."""
        ...

    def told(self) -> Compared:
        """What was seen, with the interval."""
        ...


class Exact(NamedTuple):
    """By requests that are independent, each a yes or a no. `error`: of each side."""

    measure: str
    old: Tally
    new: Tally
    error: float
    method: Method = "exact"

    def above(self, limit: float) -> bool:
        """See `Look.above`."""
        return shown(self.old, self.new, limit, self.error, above=True)

    def below(self, limit: float) -> bool:
        """See `Look.below`."""
        return shown(self.old, self.new, limit, self.error, above=False)

    def told(self) -> Compared:
        """See `Look.told`."""
        found = None
        if self.old.requests and self.new.requests:
            value = self.new.failures / self.new.requests - self.old.failures / self.old.requests
            found = Contrast(value, difference_interval(self.old, self.new, 2 * self.error))
        return _told(self.measure, _as_moments(self.old), _as_moments(self.new), found, self.method)


class BySessions(NamedTuple):
    """By the mean per request, with its variance between sessions. `error`: of both sides together."""

    measure: str
    old: Moments
    new: Moments
    error: float
    factor: float = 1.0

    def above(self, limit: float) -> bool:
        """See `Look.above`."""
        found = self._contrast()
        return found is not None and found.interval is not None and found.interval.low > limit

    def below(self, limit: float) -> bool:
        """See `Look.below`."""
        found = self._contrast()
        return found is not None and found.interval is not None and found.interval.high < limit

    def told(self) -> Compared:
        """See `Look.told`."""
        return _told(self.measure, self.old, self.new, self._contrast(), "sessions")

    def _contrast(self) -> Contrast | None:
        return contrast(self.old, self.new, self.error, factor=self.factor, share=self.measure in SHARES)


def all_requests(
    sums: Mapping[tuple[str, str], SumsRow], measure: str, old: str, new: str, error: float, *, factor: float = 1.0
) -> Look:
    """A measure in two arms, over all requests.

    Args:
        sums: of `by_arm`.
        measure: its name.
        old: arm that the other is compared with.
        new: the other arm.
        error: of one side, at all looks together. Between sessions both sides share it: their variance is estimated.
        factor: what the old arm's mean is multiplied by.
    """
    rows = sums.get((old, measure)), sums.get((new, measure))
    if measure not in SHARES or factor != 1.0 or _long(rows):
        return by_sessions(sums, measure, old, new, error, factor=factor)
    before, after = (Tally(round(one.total), one.units) for one in map(moments_of, rows))
    return Exact(measure, before, after, error)


def by_sessions(
    sums: Mapping[tuple[str, str], SumsRow], measure: str, old: str, new: str, error: float, *, factor: float = 1.0
) -> BySessions:
    """As `all_requests`, by the variance between sessions also where it could be exact: that proves with less."""
    before, after = (moments_of(sums.get((arm, measure))) for arm in (old, new))
    return BySessions(measure, before, after, error, factor)


def first_requests(
    sums: Mapping[tuple[str, str], SumsRow], measure: str, old: str, new: str, error: float
) -> Look | None:
    """As `all_requests`, by the first request of each session; None where that is all there is, or no share."""
    rows = sums.get((old, measure)), sums.get((new, measure))
    if measure not in SHARES or not _long(rows):
        return None
    before, after = (Tally(round(row.firsts), row.units) if row is not None else Tally(0, 0) for row in rows)
    return Exact(measure, before, after, error, "first requests")


def _long(rows: Sequence[SumsRow | None]) -> bool:
    """Whether some session has several requests."""
    return any(row is not None and row.largest > 1 for row in rows)


def _as_moments(tally: Tally) -> Moments:
    return Moments(units=tally.requests, total=float(tally.failures), requests=float(tally.requests))


def _told(measure: str, old: Moments, new: Moments, found: Contrast | None, method: Method) -> Compared:
    interval: Interval | None = found.interval if found is not None else None
    return Compared(
        measure=measure,
        old=old.mean,
        new=new.mean,
        value=found.value if found is not None else None,
        interval=(interval.low, interval.high) if interval is not None else None,
        method=method,
        old_units=old.units,
        new_units=new.units,
    )
