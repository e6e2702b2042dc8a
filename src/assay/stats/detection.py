"""How long the detector of `assay.stats.change` takes to find a drop, and how often it is wrong: by simulation.

Items are drawn apart from each other, right or wrong, each by its own rate. Where all have the same rate nothing is
gained from asking the same ones again, so that this is the hardest case; `steady` items, which nearly always come to
the same, are the usual one at temperature 0.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
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
    """

    runs: int
    median_days: float | None
    late_days: float | None


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
    """So many of all items, the first ones, fall to nothing; the last in part, where that is no whole number."""
    lost = len(rates) * drop
    return [rate * max(0.0, 1.0 - max(0.0, lost - place)) for place, rate in enumerate(rates)]


def delays(
    before: Sequence[float], after: Sequence[float], *, quiet_days: int, most_days: int, days: float, runs: int,
    seed: int | str = 0, drops: Sequence[tuple[float, float]] = DROPS,
) -> Delays:  # fmt: skip
    """How long a change takes to be found. Nobody looks before it: false alarms are counted by `false_alarms`.

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
    found = []
    for number in range(runs):
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 - a simulation, repeated by its seed
        detector = Detector(len(before), drops)
        for _ in range(quiet_days):
            detector.see(_answers(before, rng))
        found.append(next((day for day in range(1, most_days + 1) if _alarms(detector, after, days, rng)), math.inf))
    found.sort()
    return Delays(runs, _finite(median(found)), _finite(found[math.ceil(0.9 * runs) - 1]))


def false_alarms(
    rates: Sequence[float], *, simulated_days: int, days: float, seed: int | str = 0,
    drops: Sequence[tuple[float, float]] = DROPS,
) -> int:  # fmt: skip
    """Alarms in so many days without a change; after each one the detector begins anew."""
    rng = random.Random(seed)  # noqa: S311 - a simulation, repeated by its seed
    detector, wrong = Detector(len(rates), drops), 0
    for _ in range(simulated_days):
        if _alarms(detector, rates, days, rng):
            detector, wrong = Detector(len(rates), drops), wrong + 1
    return wrong


def _alarms(detector: Detector, rates: Sequence[float], days: float, rng: random.Random) -> bool:
    """Whether one more day brings an alarm."""
    detector.see(_answers(rates, rng))
    return detector.evidence().alarms(days)


def _answers(rates: Sequence[float], rng: random.Random) -> list[Tally]:
    return [_RIGHT if rng.random() < rate else _WRONG for rate in rates]


def _finite(value: float) -> float | None:
    return value if value != math.inf else None
