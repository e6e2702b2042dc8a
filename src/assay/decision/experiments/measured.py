"""What is measured of arms, and two arms compared by it at any time.

Sessions are what was dealt, so they are what is independent. Where each has one request and each request is a yes or
a no, the comparison is exact; else the mean per request is compared with its variance between sessions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from assay.ledger.dealt import SumsRow
from assay.stats.failure_rates import Tally, difference_interval
from assay.stats.intervals import Interval
from assay.stats.ratios import Contrast, Moments, contrast
from assay.types import Value

__all__ = ["SHARES", "Better", "Compared", "better", "by_arm", "compared", "first_compared", "moments_of"]

Better = Literal["higher", "lower", "neither"]
SHARES = ("failed", "accepted", "edited", "rejected", "judged")
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
    method: Literal["exact", "sessions", "first requests"]
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


def compared(
    sums: Mapping[tuple[str, str], SumsRow], measure: str, old: str, new: str, error: float, *, factor: float = 1.0
) -> Compared:
    """A measure in two arms.

    Args:
        sums: of `by_arm`.
        measure: its name.
        old: arm that the other is compared with.
        new: the other arm.
        error: of the interval, both sides and all looks together.
        factor: what the old arm's mean is multiplied by.
    """
    rows = sums.get((old, measure)), sums.get((new, measure))
    before, after = map(moments_of, rows)
    if measure in SHARES and factor == 1.0 and all(row is None or row.largest <= 1 for row in rows):
        exact = _exact(Tally(round(before.total), before.units), Tally(round(after.total), after.units), error)
        return _told(measure, before, after, exact, "exact")
    found = contrast(before, after, error, factor=factor, share=measure in SHARES)
    return _told(measure, before, after, found, "sessions")


def first_compared(
    sums: Mapping[tuple[str, str], SumsRow], measure: str, old: str, new: str, error: float
) -> Compared | None:
    """As `compared`, exactly, by the first request of each session; None where that is all there is, or no share."""
    rows = sums.get((old, measure)), sums.get((new, measure))
    if measure not in SHARES or all(row is None or row.largest <= 1 for row in rows):
        return None
    tallies = [Tally(round(row.firsts), row.units) if row is not None else Tally(0, 0) for row in rows]
    old_tally, new_tally = tallies
    exact = _exact(old_tally, new_tally, error)
    return _told(measure, _firsts(old_tally), _firsts(new_tally), exact, "first requests")


def _exact(old: Tally, new: Tally, error: float) -> Contrast | None:
    if not old.requests or not new.requests:
        return None
    value = new.failures / new.requests - old.failures / old.requests
    return Contrast(value, difference_interval(old, new, error))


def _firsts(tally: Tally) -> Moments:
    return Moments(units=tally.requests, total=float(tally.failures), requests=float(tally.requests))


def _told(
    measure: str, old: Moments, new: Moments, found: Contrast | None,
    method: Literal["exact", "sessions", "first requests"],
) -> Compared:  # fmt: skip
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
