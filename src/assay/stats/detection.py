"""How long the detector of `assay.stats.change` takes to find a drop, and how often it is wrong: by simulation.

Items are drawn apart from each other, right or wrong, each by its own rate. Where all have the same rate nothing is
gained from asking the same ones again, so that this is the hardest case; `steady` items, which nearly always come to
the same, are the usual one at temperature 0.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from assay.stats.change import DROPS, Detector, Tally

__all__ = ["Delays", "delays", "even", "false_alarms", "fewer", "lower", "steady"]

_RIGHT, _WRONG = Tally(1, 1), Tally(0, 1)


class Delays(NamedTuple):
    """Days from a change to its alarm, the day of the change included.

    Attributes:
        median_days: None = more than half of the runs did not find it.
        late_days: nine of ten runs are not later; None likewise.
        early: runs with an alarm before the change; they are not counted.
    """

    runs: int
    median_days: float | None
    late_days: float | None
    early: int


def even(items: int, share: float) -> list[float]:
    """All items have the same rate."""
    return [share] * items


def steady(items: int, share: float, waver: float = 0.05) -> list[float]:
    """So many items are nearly always right, and the others nearly always wrong; each wavers with this chance."""
    right = round(items * share)
    return [1 - waver] * right + [waver] * (items - right)


def lower(rates: Sequence[float], drop: float) -> list[float]:
    """Every rate falls by so much."""
    return [max(0.0, rate - drop) for rate in rates]


def fewer(rates: Sequence[float], drop: float) -> list[float]:
    """So many of all items, the first ones, fall to nothing; the share that is right falls by as much at most."""
    lost = round(len(rates) * drop)
    return [0.0] * lost + list(rates[lost:])


def delays(
    before: Sequence[float], after: Sequence[float], *, quiet_days: int, most_days: int, days: float, runs: int,
    seed: int = 0, drops: Sequence[tuple[float, float]] = DROPS,
) -> Delays:  # fmt: skip
    """How long a change takes to be found.

    Args:
        before: rate of each item up to the change.
        after: and from then on.
        quiet_days: days before the change.
        most_days: looked for so long.
        days: that shall lie between false alarms.
        runs: repetitions.
        seed: of the draws.
        drops: of the detector.
    """
    found: list[float] = []
    early = 0
    for number in range(runs):
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 - a simulation, repeated by its seed
        rates = [before] * quiet_days + [after] * most_days
        day = next(_alarms(rates, days, rng, drops), None)
        if day is not None and day < quiet_days:
            early += 1
        else:
            found.append(day - quiet_days + 1 if day is not None else float("inf"))
    return Delays(runs, _finite(median(found)) if found else None, _finite(_tenth_worst(found)), early)


def false_alarms(
    rates: Sequence[float], *, simulated_days: int, days: float, seed: int = 0,
    drops: Sequence[tuple[float, float]] = DROPS,
) -> int:  # fmt: skip
    """Alarms in so many days without a change; after each one the detector begins anew."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, repeated by its seed
    return sum(1 for _ in _alarms([rates] * simulated_days, days, rng, drops))


def _alarms(
    rates: Sequence[Sequence[float]], days: float, rng: random.Random, drops: Sequence[tuple[float, float]]
) -> Iterator[int]:
    """The days of the alarms."""
    detector = Detector(len(rates[0]), drops)
    for number, today in enumerate(rates):
        detector.see(_RIGHT if rng.random() < rate else _WRONG for rate in today)
        if detector.evidence().alarms(days):
            yield number
            detector = Detector(len(today), drops)


def _finite(value: float | None) -> float | None:
    return value if value is not None and value != float("inf") else None


def _tenth_worst(found: Sequence[float]) -> float | None:
    return sorted(found)[(9 * len(found) + 9) // 10 - 1] if found else None
