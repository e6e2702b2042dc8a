"""A space of few dimensions in which requests of like marks lie close: latent semantic analysis.

Deerwester, Dumais, Furnas, Landauer and Harshman (1990, JASIS 41:391): words that occur together point the same way, so
that two texts may be alike that share none. The leading eigenvectors of the matrix of all products of two requests are
found by subspace iteration (Golub and Van Loan, Matrix Computations, 8.2.4), in plain Python: a few hundred requests
take a second or two.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from operator import mul

from assay.evals.kinds.marks import Weights, weighed, weights_of

__all__ = ["Point", "Space", "product"]

Point = tuple[float, ...]
"""A place on the sphere of length 1; all zeros where a request has none of the marks that weigh."""

_ROUNDS = 12
_SMALLEST = 1e-9


class Space:
    """The space of some requests; others can be put into it.

    Args:
        marked: their marks.
        dimensions: at most so many.

    Attributes:
        points: the requests, in order.
    """

    def __init__(self, marked: Sequence[Counter[str]], dimensions: int = 16) -> None:
        self._weights: Weights = weights_of(marked)
        vectors = [weighed(one, self._weights) for one in marked]
        products = _products(vectors)
        axes = _leading(products, min(dimensions, max(1, len(marked) // 4)))
        self._directions: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(axes))
        for axis, (values, strength) in enumerate(axes):
            for vector, value in zip(vectors, values, strict=True):
                share = value / strength
                for mark, weight in vector.items():
                    self._directions[mark][axis] += weight * share
        self._dimensions = len(axes)
        self.points = [self._placed(vector) for vector in vectors]

    def point(self, marks: Mapping[str, int]) -> Point:
        """The place of another request."""
        return self._placed(weighed(marks, self._weights))

    def _placed(self, vector: Mapping[str, float]) -> Point:
        place = [0.0] * self._dimensions
        for mark, weight in vector.items():
            for axis, value in enumerate(self._directions.get(mark, ())):
                place[axis] += weight * value
        length = math.sqrt(sum(map(mul, place, place)))
        return tuple(value / length for value in place) if length > _SMALLEST else (0.0,) * self._dimensions


def product(one: Sequence[float], other: Sequence[float]) -> float:
    """The inner product: of two points the cosine between them."""
    total: float = sum(map(mul, one, other))
    return total


def _products(vectors: Sequence[Mapping[str, float]]) -> list[list[float]]:
    """All inner products of two vectors, by way of the marks that they share."""
    holders: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, vector in enumerate(vectors):
        for mark, weight in vector.items():
            holders[mark].append((place, weight))
    table = [[0.0] * len(vectors) for _ in vectors]
    for held in holders.values():
        for place, weight in held:
            row = table[place]
            for other, value in held:
                row[other] += weight * value
    return table


def _leading(table: Sequence[Sequence[float]], count: int) -> list[tuple[list[float], float]]:
    """The leading eigenvectors of a symmetric table, each with the root of its eigenvalue."""
    chance = random.Random(0)  # noqa: S311 - where to begin; equal requests give equal spaces
    axes = [[chance.gauss(0.0, 1.0) for _ in table] for _ in range(count)]
    for _ in range(_ROUNDS):
        axes = _apart([[product(row, axis) for row in table] for axis in axes])
    found = []
    for axis in axes:
        value = product([product(row, axis) for row in table], axis)
        if value > _SMALLEST:
            found.append((axis, math.sqrt(value)))
    return found


def _apart(axes: Sequence[list[float]]) -> list[list[float]]:
    """The axes at right angles and of length 1; what lies within the others is left out."""
    found: list[list[float]] = []
    for axis in axes:
        for other in found:
            share = product(axis, other)
            axis = [value - share * along for value, along in zip(axis, other, strict=True)]
        length = math.sqrt(product(axis, axis))
        if length > _SMALLEST:
            found.append([value / length for value in axis])
    return found
