"""Points joined step by step into groups, so that each number of groups can be had from one tree.

Ward's criterion (1963, JASA 58:236) over chains of nearest neighbours (Murtagh 1983, The Computer Journal 26:354), with
the distances of joined groups by Lance and Williams (1967, The Computer Journal 9:373): n points take time and room of
n squared.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.evals.kinds.space import Point, product

__all__ = ["cuts", "numbered"]


def cuts(points: Sequence[Point], most: int) -> dict[int, list[int]]:
    """For each number of groups from 1 to `most`, the group of each point; the largest group is 0."""
    joins = sorted(_joins(points))
    above = list(range(2 * len(points) - 1))
    found: dict[int, list[int]] = {}
    for left, (_, one, other) in zip(range(len(points) - 1, -1, -1), joins, strict=False):
        if left + 1 <= most:
            found[left + 1] = numbered([_root(above, place) for place in range(len(points))])
        above[_root(above, other)] = _root(above, one)
    found[1] = [0] * len(points)
    return found


def _root(above: list[int], place: int) -> int:
    while above[place] != place:
        above[place] = above[above[place]]
        place = above[place]
    return place


def numbered(roots: Sequence[int]) -> list[int]:
    """Groups numbered by their size, 0 the largest."""
    sizes: dict[int, int] = {}
    for root in roots:
        sizes[root] = sizes.get(root, 0) + 1
    order = {root: number for number, root in enumerate(sorted(sizes, key=lambda root: (-sizes[root], root)))}
    return [order[root] for root in roots]


def _joins(points: Sequence[Point]) -> list[tuple[float, int, int]]:
    """`(distance, point, point)` of each join, one point of either group."""
    far = [[max(0.0, 2.0 - 2.0 * product(one, other)) for other in points] for one in points]
    sizes = dict.fromkeys(range(len(points)), 1)
    joins: list[tuple[float, int, int]] = []
    chain: list[int] = []
    while len(sizes) > 1:
        if not chain:
            chain.append(next(iter(sizes)))
        last = chain[-1]
        row = far[last]
        before = chain[-2] if len(chain) > 1 else None
        nearest = min((one for one in sizes if one != last), key=lambda one: (row[one], one != before, one))
        if nearest != before:
            chain.append(nearest)
            continue
        del chain[-2:]
        joins.append((row[nearest], last, nearest))
        _join(far, sizes, last, nearest)
    return joins


def _join(far: list[list[float]], sizes: dict[int, int], one: int, other: int) -> None:
    """Put the group of `other` to that of `one`."""
    mine, theirs = far[one], far[other]
    between, n, m = mine[other], sizes[one], sizes.pop(other)
    for third, size in sizes.items():
        if third != one:
            joined = ((n + size) * mine[third] + (m + size) * theirs[third] - size * between) / (n + m + size)
            mine[third] = far[third][one] = joined
    sizes[one] = n + m
