"""Whether a panel of items, asked again and again, passes less often than it used to: a sequential change detector.

The items are the same every day, so each has a rate of its own, and nobody knows it. Given how often an item passed in
all, how many of its passes came late is hypergeometric as long as nothing changes, whatever its rate. So the ratio

    exp(-theta * late passes of all items) / product over items of E[exp(-theta * late passes of the item)]

has mean 1 without a change, exactly and with no baseline taken as known; an item that wavers counts little, one that
never did counts much. It is summed over the days on which the change may have come, as Shiryaev and Roberts do, and
averaged over sizes of the change. An alarm is due where the sum reaches the days that shall lie between false alarms
(`days_between`): for e-processes the mean time to a false alarm is at least that (Shin, Ramdas and Rinaldo 2022,
arXiv:2203.03532), and for normal scores these ratios are one, being those of the maximal invariant. For passes
`python -m benchmarks.watch` measures it.

What must hold: an item's answers of different days are alike, in whatever order they come. A host that is worse on
Mondays has changed, for this detector, every Monday.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = ["DROPS", "HORIZON_DAYS", "LONGEST_DAYS", "Detector", "Evidence", "Tally", "days_between"]

LONGEST_DAYS = 40
"""A change is looked for among so many last days."""

HORIZON_DAYS = 120
"""What is older is forgotten: a change that took longer to find than that is not found."""

DROPS: tuple[tuple[float, float], ...] = ((0.05, 0.7), (0.2, 0.3))
"""Sizes of the drop that is looked for, as shares of all answers, and how much each counts."""

_TILTS = tuple(0.1 * 1.33**step for step in range(14))
"""What theta may be: a drop of five points asks for 0.1 to 4, by how much the items waver. A grid, to be remembered."""


class Tally(NamedTuple):
    """How often something passed, of how many times it was asked."""

    passed: int
    asked: int

    @property
    def share(self) -> float | None:
        """None = it was not asked."""
        return self.passed / self.asked if self.asked else None


class Evidence(NamedTuple):
    """How strongly the days so far speak for a drop.

    Attributes:
        log_value: natural logarithm of the sum; 0 or less says nothing.
        late_days: how many days ago the most probable change came, today included; None = there are no two days.
        before: what all items came to up to then.
        after: the same from then on.
    """

    log_value: float
    late_days: int | None
    before: Tally
    after: Tally

    def alarms(self, days: float) -> bool:
        """Whether it is due an alarm, where so many days shall lie between false ones."""
        return self.log_value >= math.log(days)


def days_between(alarms_per_year: float) -> float:
    """Mean days between false alarms where so many a year are allowed.

    Raises:
        ValueError: none is: no detector can promise that.
    """
    if not 0 < alarms_per_year < math.inf:
        raise ValueError(f"{alarms_per_year!r} false alarms a year: a number above 0 is wanted")
    return max(1.0, 365.0 / alarms_per_year)


class Detector:
    """Sees one day after another.

    Args:
        items: how many there are.
        drops: sizes of drops that are looked for, as shares of all answers, and their weights, which sum to 1.
    """

    def __init__(self, items: int, drops: Sequence[tuple[float, float]] = DROPS) -> None:
        self._drops = drops
        self._days: deque[_Day] = deque(maxlen=HORIZON_DAYS)
        self._asked = [0] * items
        self._passed = [0] * items

    def see(self, day: Iterable[Tally]) -> None:
        """One more day: what each item came to, in the same order every day; `Tally(0, 0)` where it was not asked."""
        if len(self._days) == HORIZON_DAYS:
            self._count(self._days[0], -1)
        self._days.append(_Day.of(day))
        self._count(self._days[-1], 1)

    def _count(self, day: _Day, times: int) -> None:
        self._asked = [so_far + times * one for so_far, one in zip(self._asked, day.asked, strict=True)]
        self._passed = [so_far + times * one for so_far, one in zip(self._passed, day.passed, strict=True)]

    def evidence(self) -> Evidence:
        """What the days so far say of a drop."""
        tilts = [(_tilt(self._asked, self._passed, drop), math.log(weight)) for drop, weight in self._drops]
        late, passes = [0] * len(self._asked), 0
        terms: list[tuple[float, int, Tally]] = []
        for back in range(1, min(len(self._days) - 1, LONGEST_DAYS) + 1):
            day = self._days[-back]
            late = [so_far + one for so_far, one in zip(late, day.asked, strict=True)]
            passes += sum(day.passed)
            alike = Counter(zip(self._asked, late, self._passed, strict=True))
            after = Tally(passes, sum(late))
            terms += [(weight + _log_ratio(alike, passes, tilt), back, after) for tilt, weight in tilts]
        whole = Tally(sum(self._passed), sum(self._asked))
        if not terms:
            return Evidence(-math.inf, None, whole, Tally(0, 0))
        _, back, after = max(terms)
        before = Tally(whole.passed - after.passed, whole.asked - after.asked)
        return Evidence(_log_sum([one for one, _, _ in terms]), back, before, after)


class _Day(NamedTuple):
    """What each item came to, times asked and times passed apart."""

    asked: tuple[int, ...]
    passed: tuple[int, ...]

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> _Day:
        known = tuple(tallies)
        return cls(tuple(one.asked for one in known), tuple(one.passed for one in known))


def _log_ratio(alike: Mapping[tuple[int, int, int], int], late_passes: int, tilt: int) -> float:
    """The logarithm of the ratio above; `alike` counts items by times asked, times asked late, and passes."""
    expected = 0.0
    for (asked, late, passed), count in alike.items():
        expected += count * _log_means(asked, late, tilt)[passed]
    return -_TILTS[tilt] * late_passes - expected


@lru_cache(maxsize=50_000)
def _log_means(asked: int, late: int, tilt: int) -> _LogMeans:
    return _LogMeans(asked, late, tilt)


class _LogMeans(dict[int, float]):
    """Passes -> log E[exp(-theta * H)]: H of `late` draws, without putting back, from `asked` with so many passes."""

    def __init__(self, asked: int, late: int, tilt: int) -> None:
        super().__init__()
        self._asked, self._late, self._theta = asked, late, _TILTS[tilt]

    def __missing__(self, passed: int) -> float:
        asked, late, theta = self._asked, self._late, self._theta
        least, most = max(0, late - (asked - passed)), min(late, passed)
        factor = math.exp(-theta)
        chance = weight = whole = mean = 1.0
        for hits in range(least, most):  # the chance of one more by that of these: no factorial overflows
            chance *= (passed - hits) * (late - hits) / ((hits + 1) * (asked - passed - late + hits + 1))
            weight *= factor
            whole += chance
            mean += chance * weight
        self[passed] = found = math.log(mean / whole) - theta * least
        return found


def _tilt(asked: Sequence[int], passed: Sequence[int], drop: float) -> int:
    """Which tilt lowers the mean of the items' rates by `drop`; the greatest, where they are too steady for that."""
    alike = Counter(pair for pair in zip(asked, passed, strict=True) if pair[0])
    wanted = drop * sum(1 for one in asked if one)
    for tilt in range(len(_TILTS)):
        if sum(count * _lowered(*group, tilt) for group, count in alike.items()) >= wanted:
            return tilt
    return len(_TILTS) - 1


@lru_cache(maxsize=100_000)
def _lowered(asked: int, passed: int, tilt: int) -> float:
    """By how much a tilt lowers a rate."""
    rate = passed / asked
    left = rate * math.exp(-_TILTS[tilt])
    return rate - left / (1 - rate + left)


def _log_sum(logs: Sequence[float]) -> float:
    """Log of the sum of exp, without overflow."""
    greatest = max(logs)
    return greatest + math.log(math.fsum(math.exp(one - greatest) for one in logs))
