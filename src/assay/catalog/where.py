"""Conditions on rows of the catalogue: `context_tokens>=128k`, `input=image`, `licence=mit|apache-2.0`, `retires>90d?`.

An unknown fact meets no condition but `NAME=unknown`, unless the condition ends in `?`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

from assay.catalog.columns import Column, Kind, column
from assay.catalog.overview import ModelRow
from assay.errors import CatalogError

__all__ = ["Condition", "cell", "condition"]

_FORM = re.compile(r"\s*([A-Za-z0-9_.-]+?)\s*(>=|<=|!=|=|>|<|~)\s*(.*?)\s*(\?)?\s*$")
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
_OPERATORS: dict[Kind, str] = {"number": ">= <= > < = !=", "day": ">= <= > < = !=", "yes-no": "= !=", "text": "= != ~",
                               "list": "= != ~"}  # fmt: skip
_UNKNOWN = "unknown"


class Condition(NamedTuple):
    """One condition.

    Attributes:
        column: what is compared.
        operator: of lists `=` is *has*, `!=` *has not*; `~` is *contains these letters*.
        values: what it is compared with; one of them is enough, and `!=` means none of them; empty = whether it is
            known.
        lenient: an unknown fact meets it.
    """

    column: Column
    operator: str
    values: tuple[float | bool | str, ...]
    lenient: bool = False

    def met(self, row: ModelRow) -> bool | None:
        """Whether a row meets it; `None` = that is not known, which counts as no."""
        found = cell(row, self.column)
        if not self.values:
            return (found is None) == (self.operator == "=")
        if found is None:
            return True if self.lenient else None
        met = (self._compare(found, value) for value in self.values)
        return all(met) if self.operator == "!=" else any(met)

    def _compare(self, found: Any, value: float | bool | str) -> bool:
        kind = self.column.kind
        if kind == "day":  # as exactly as the condition says it
            return _ORDER[self.operator](str(found)[: len(str(value))], value)
        if kind in ("number", "yes-no"):
            return _ORDER[self.operator](found, value)
        held = [str(one).lower() for one in found] if kind == "list" else [str(found).lower()]
        if self.operator == "~":
            return any(str(value) in one for one in held)
        return (value in held) == (self.operator == "=")


def condition(text: str, today: date, benchmarks: Iterable[str] = ()) -> Condition:
    """A condition as it is written.

    Raises:
        CatalogError: it has no such form, or names no column; says what to write.
    """
    parts = _FORM.match(text)
    if parts is None or not parts[3]:
        raise CatalogError(f"{text!r} is no condition; write NAME>=VALUE with one of >= <= > < = != ~")
    name, sign, value, lenient = parts.groups()
    found = column(name, benchmarks)
    known = _OPERATORS.get(found.kind)
    if known is None:
        raise CatalogError(f"{text!r}: {name} is a table and cannot be compared")
    if sign not in known.split():
        raise CatalogError(f"{text!r}: {name} is a {found.kind} and takes {known}")
    if value.lower() == _UNKNOWN:
        if sign not in ("=", "!="):
            raise CatalogError(f"{text!r}: what is unknown takes = or !=")
        return Condition(found, sign, ())
    values = tuple(found.value(one.strip(), today) for one in value.split("|"))
    return Condition(found, sign, values, lenient=lenient is not None)


def cell(row: ModelRow, asked: Column) -> Any:
    """What a row holds in a column; the best figure of a benchmark in its column."""
    values: dict[str, Any] = {**row["benchmarks"], **row}
    return values.get(asked.name)
