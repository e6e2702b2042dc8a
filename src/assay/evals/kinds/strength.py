"""How many groups there are: as many as can be found again in the other half of the requests.

Prediction strength (Tibshirani and Walther 2005, Journal of Computational and Graphical Statistics 14:511): both halves
are grouped; of the pairs that one half puts into one group, how many does the other half's grouping keep together? The
worst group counts. One group is always kept, so that where there is no structure there is none to be found.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from assay.evals.kinds.space import Point, product
from assay.evals.kinds.tree import cuts, numbered

__all__ = ["ENOUGH", "Found", "centres", "count_of", "kept_together", "nearest", "strengths"]

ENOUGH = 0.8
"""Groups of at least this strength are there: the authors' recommendation is 0.8 to 0.9."""
_SPLITS = 6
_ROUNDS = 8
_LEAST_MEMBERS = 3
"""Of one half: a smaller group has too few pairs to speak for anything."""


Found = dict[int, float]
"""By number of groups, the strength, from 0 to 1."""


def strengths(points: Sequence[Point], most: int) -> Found:
    """The strength of each number of groups from 1 to `most`, on average over some splits into halves."""
    chance = random.Random(0)  # noqa: S311 - equal requests give equal groups
    order = list(range(len(points)))
    sums = dict.fromkeys(range(2, most + 1), 0.0)
    rounds = 0
    for _ in range(_SPLITS):
        chance.shuffle(order)
        halves = [[points[place] for place in half] for half in (order[::2], order[1::2])]
        grouped = [grouped_into(half, most) for half in halves]
        for mine, other in ((0, 1), (1, 0)):
            rounds += 1
            for count in range(2, most + 1):
                sums[count] += _strength(halves[mine], grouped[mine][count], halves[other], grouped[other][count])
    return {1: 1.0} | {count: sums[count] / rounds for count in range(2, most + 1)}


def _strength(points: Sequence[Point], groups: Sequence[int], others: Sequence[Point], their: Sequence[int]) -> float:
    """Of the worst group, the share of its pairs that the other half's centres keep together."""
    middle = centres(others, their)
    worst = 1.0
    placed: dict[int, Counter[int]] = {}
    for point, group in zip(points, groups, strict=True):
        placed.setdefault(group, Counter())[nearest(point, middle)] += 1
    for kept in placed.values():
        n = kept.total()
        if n < _LEAST_MEMBERS:
            return 0.0
        worst = min(worst, sum(count * (count - 1) for count in kept.values()) / (n * (n - 1)))
    return worst


def grouped_into(points: Sequence[Point], most: int) -> dict[int, list[int]]:
    """For each number of groups from 1 to `most`, the group of each point: cuts of one tree, put right.

    A tree never takes back what it has joined. Some rounds of spherical k-means (Dhillon and Modha 2001, Machine
    Learning 42:143) bring each point to the centre that it lies closest to.
    """
    return {count: _put_right(points, groups) for count, groups in cuts(points, most).items()}


def _put_right(points: Sequence[Point], groups: list[int]) -> list[int]:
    count = max(groups) + 1
    for _ in range(_ROUNDS):
        middle = centres(points, groups)
        moved = [nearest(point, middle) for point in points]
        if moved == groups or len(set(moved)) < count:  # a group that is left empty is none
            break
        groups = moved
    return numbered(groups)


def kept_together(points: Sequence[Point], groups: Sequence[int]) -> list[float]:
    """Of each group, the share of its pairs that a grouping of the other requests keeps together, on average.

    Groups with fewer than two members in a half count for nothing there.
    """
    count = max(groups) + 1
    chance = random.Random(1)  # noqa: S311 - equal requests give equal figures
    order = list(range(len(points)))
    sums, rounds = [0.0] * count, [0] * count
    for _ in range(_SPLITS):
        chance.shuffle(order)
        for mine, other in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            others = [points[place] for place in other]
            middle = centres(others, grouped_into(others, count).get(count, [0] * len(others)))
            for group in range(count):
                placed = Counter(nearest(points[place], middle) for place in mine if groups[place] == group)
                n = placed.total()
                if n > 1:
                    sums[group] += sum(one * (one - 1) for one in placed.values()) / (n * (n - 1))
                    rounds[group] += 1
    return [total / n if n else 0.0 for total, n in zip(sums, rounds, strict=True)]


def centres(points: Sequence[Point], groups: Sequence[int]) -> list[Point]:
    """The sum of each group's points, by number: whose direction is the group's."""
    sums = [[0.0] * len(points[0]) for _ in range(max(groups) + 1)]
    for point, group in zip(points, groups, strict=True):
        row = sums[group]
        for axis, value in enumerate(point):
            row[axis] += value
    return [_unit(row) for row in sums]


def nearest(point: Point, middle: Sequence[Point]) -> int:
    """The number of the centre that a point lies closest to."""
    return max(range(len(middle)), key=lambda number: (product(point, middle[number]), -number))


def _unit(row: Sequence[float]) -> Point:
    length = product(row, row) ** 0.5
    return tuple(value / length for value in row) if length else tuple(row)


def count_of(found: Found) -> int:
    """The largest number of groups that is strong enough."""
    return max(count for count, strength in found.items() if strength >= ENOUGH)
