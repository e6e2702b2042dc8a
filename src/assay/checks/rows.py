"""Are two query results the same, up to the order of columns, of rows where it is free, and rounding?"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

__all__ = ["Cell", "Row", "same_cell", "same_rows"]

Cell: TypeAlias = int | float | str | bytes | None
Row: TypeAlias = tuple[Cell, ...]

_MAX_PERMUTATIONS = 500
_MAX_STEPS = 20_000
_MAX_GREEDY = 300


def same_cell(one: Cell, other: Cell, abs_tol: float, rel_tol: float) -> bool:
    """Whole numbers exactly, numbers of which one is a float within the tolerance, everything else by equality."""
    if isinstance(one, int | float) and isinstance(other, int | float) and not (type(one) is type(other) is int):
        return math.isclose(one, other, rel_tol=rel_tol, abs_tol=abs_tol)
    return type(one) is type(other) and one == other


def same_rows(
    gold: Sequence[Row],
    answer: Sequence[Row],
    *,
    ordered: bool,
    keys: Sequence[int] = (),
    abs_tol: float = 1e-6,
    rel_tol: float = 1e-6,
) -> bool:
    """Whether some order of the answer's columns makes its rows those of the gold result.

    Args:
        gold: rows wanted, all of one width.
        answer: rows found.
        ordered: the order of rows counts.
        keys: columns of gold that the order was asked for; rows that are equal in them may change places. Empty: the
            whole sequence counts.
        abs_tol: absolute tolerance of a float.
        rel_tol: relative tolerance of a float.
    """
    if len(gold) != len(answer):
        return False
    if not gold:
        return True
    if len(gold[0]) != len(answer[0]):
        return False
    compare = _Comparison(abs_tol, rel_tol)
    whole_sequence = ordered and not keys
    columns = [[row[i] for row in gold] for i in range(len(gold[0]))]
    found = [[row[i] for row in answer] for i in range(len(answer[0]))]
    fits = [
        [j for j, there in enumerate(found) if compare.columns(here, there, whole_sequence or (ordered and i in keys))]
        for i, here in enumerate(columns)
    ]
    for tried, places in enumerate(_permutations(fits)):
        if tried >= _MAX_PERMUTATIONS:
            return False
        turned = [tuple(row[j] for j in places) for row in answer]
        if compare.sequence(gold, turned) if whole_sequence else compare.multiset(gold, turned):
            return True
    return False


def _permutations(fits: list[list[int]]) -> Iterator[tuple[int, ...]]:
    """Ways to give each column of gold another column of the answer that fits, leftmost first; bounded in steps."""
    waiting: list[tuple[int, ...]] = [()]
    for _ in range(_MAX_STEPS):
        if not waiting:
            return
        chosen = waiting.pop()
        if len(chosen) == len(fits):
            yield chosen
        else:
            waiting.extend((*chosen, j) for j in reversed(fits[len(chosen)]) if j not in chosen)


class _Comparison:
    def __init__(self, abs_tol: float, rel_tol: float) -> None:
        self._abs_tol, self._rel_tol = abs_tol, rel_tol

    def _same(self, one: Row, other: Row) -> bool:
        return all(same_cell(a, b, self._abs_tol, self._rel_tol) for a, b in zip(one, other, strict=True))

    def sequence(self, gold: Iterable[Row], answer: Iterable[Row]) -> bool:
        return all(self._same(one, other) for one, other in zip(gold, answer, strict=True))

    def columns(self, gold: list[Cell], answer: list[Cell], in_order: bool) -> bool:
        one, other = [(cell,) for cell in gold], [(cell,) for cell in answer]
        return self.sequence(one, other) if in_order else self.multiset(one, other)

    def multiset(self, gold: Sequence[Row], answer: Sequence[Row]) -> bool:
        """Rows grouped by what is no number; within a group sorted, or else matched one by one."""
        here, there = _grouped(gold), _grouped(answer)
        return here.keys() == there.keys() and all(self._group(rows, there[key]) for key, rows in here.items())

    def _group(self, gold: list[Row], answer: list[Row]) -> bool:
        if len(gold) != len(answer):
            return False
        if self.sequence(sorted(gold, key=_numbers), sorted(answer, key=_numbers)):
            return True
        if len(gold) > _MAX_GREEDY:
            return False
        left = list(answer)
        for row in gold:
            place = next((i for i, other in enumerate(left) if self._same(row, other)), None)
            if place is None:
                return False
            del left[place]
        return True


def _grouped(rows: Iterable[Row]) -> dict[Row, list[Row]]:
    groups: defaultdict[Row, list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple("number" if isinstance(c, int | float) else ("", c) for c in row)].append(row)  # type: ignore[misc]
    return groups


def _numbers(row: Row) -> tuple[float, ...]:
    return tuple(float(cell) for cell in row if isinstance(cell, int | float))
