"""Some rows of the catalogue: those that meet all conditions, in an order, and what unknown facts have left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from assay.catalog.columns import Column
from assay.catalog.overview import ModelRow
from assay.catalog.where import Condition, cell
from assay.errors import CatalogError, did_you_mean

__all__ = ["Order", "Selection", "select", "unheard"]


class Order(NamedTuple):
    """What rows are sorted by; unknown ones come last either way."""

    column: Column
    descending: bool = False


class Selection(NamedTuple):
    """Rows that were asked for.

    Attributes:
        rows: the first of them.
        found: how many there are.
        unknown: by column, how many rows met every condition but those on facts that nobody knows.
    """

    rows: tuple[ModelRow, ...]
    found: int
    unknown: dict[str, int]


def select(
    rows: Iterable[ModelRow],
    conditions: Sequence[Condition],
    *,
    words: Sequence[str] = (),
    order: Order | None = None,
    limit: int | None = None,
) -> Selection:
    """The rows that meet all conditions and have all words in id, name, family or maker.

    Raises:
        CatalogError: the column of the order has none.
    """
    kept: list[ModelRow] = []
    unknown = Counter[str]()
    for row in rows:
        if not _has(row, words):
            continue
        missed = [(one.column.name, met) for one in conditions if (met := one.met(row)) is not True]
        if not missed:
            kept.append(row)
        elif all(met is None for _, met in missed):
            unknown.update({name for name, _ in missed})
    if order is not None:
        if order.column.kind == "table":
            raise CatalogError(f"{order.column.name} is a table and has no order; sort by another column")
        kept = _sorted(kept, order)
    return Selection(tuple(kept[:limit]), len(kept), dict(unknown))


def unheard(rows: Iterable[ModelRow], conditions: Iterable[Condition]) -> list[str]:
    """What to say of words that no row has in the column where they are looked for: the nearest that one has."""
    rows, said = list(rows), list[str]()
    for one in conditions:
        if one.operator != "=" or one.column.kind not in ("text", "list"):
            continue
        known = {word for row in rows for word in _words(cell(row, one.column))}
        for value in dict.fromkeys(one.values):
            if value not in known:
                said.append(f"no model has the {one.column.name} {value!r}; {did_you_mean(str(value), known)}")
    return said


def _words(held: Any) -> set[str]:
    return {str(one).lower() for one in (held if isinstance(held, list) else [held]) if one is not None}


def _has(row: ModelRow, words: Sequence[str]) -> bool:
    text = f"{row['id']} {row['name']} {row['family']} {row['maker']}".lower()
    return all(word.lower() in text for word in words)


def _sorted(rows: Iterable[ModelRow], order: Order) -> list[ModelRow]:
    cells = [(cell(row, order.column), row) for row in rows]
    known = [(value, row) for value, row in cells if value is not None]
    known.sort(key=lambda one: one[0], reverse=order.descending)
    return [row for _, row in known] + [row for value, row in cells if value is None]
