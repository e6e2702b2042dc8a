"""The columns of the catalogue's rows: what each holds, in what unit, and what a text means there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Literal, NamedTuple, get_args, get_origin, get_type_hints

from assay.catalog.overview import ModelRow
from assay.errors import CatalogError, did_you_mean

__all__ = ["Column", "Kind", "column", "columns"]

Kind = Literal["number", "yes-no", "day", "text", "list", "table"]
_DAYS = ("knowledge_cutoff", "released", "deprecated", "retires", "price_as_of")
_NUMBER = re.compile(r"([-+]?\d[\d_,]*\.?\d*)\s*([kmbgt]?)$", re.IGNORECASE)
_SCALE = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_YES_NO = {"yes": True, "true": True, "no": False, "false": False}
_UNITS = {"_tokens": "tokens", "_usd_per_mtok": "USD per million tokens", "_days": "days", "parameters": "weights",
          "_bytes": "bytes", "user_cap": "monthly users"}  # fmt: skip


class Column(NamedTuple):
    """One column.

    Attributes:
        kind: what its cells hold; a `table` can be shown and exported, not compared.
        unit: of a number; empty = a count.
    """

    name: str
    kind: Kind
    unit: str = ""

    def value(self, text: str, today: date) -> float | bool | str:
        """What a text means in this column.

        Args:
            text: `128k`, `8B`, `0.6`; `yes`; `2026-03`, `today`, `90d` (from today on); else words, in lower case.
            today: what days are counted from.

        Raises:
            CatalogError: it means nothing here; says what would.
        """
        if self.kind == "number":
            return self._number(text)
        if self.kind == "yes-no":
            return self._yes_no(text)
        return self._day(text, today) if self.kind == "day" else text.lower()

    def _number(self, text: str) -> float:
        found = _NUMBER.match(text)
        if found is None:
            what = f"a number of {self.unit}" if self.unit else "a number"
            raise CatalogError(f"{self.name}: {text!r} is not {what}; write 7, 0.6, 128k, 8B or unknown")
        return float(found[1].replace(",", "").replace("_", "")) * _SCALE[found[2].lower()]

    def _yes_no(self, text: str) -> bool:
        if text.lower() not in _YES_NO:
            raise CatalogError(f"{self.name}: {text!r} is not yes, no or unknown")
        return _YES_NO[text.lower()]

    def _day(self, text: str, today: date) -> str:
        if text.lower() == "today":
            return today.isoformat()
        if ahead := re.fullmatch(r"(\d{1,5})d", text):
            return (today + timedelta(days=int(ahead[1]))).isoformat()
        if not re.fullmatch(r"\d{4}(-\d{2}){0,2}", text):
            raise CatalogError(f"{self.name}: {text!r} is not a day; write 2026, 2026-03, 2026-03-31, today or 90d")
        return text


@cache
def columns() -> dict[str, Column]:
    """All columns of `ModelRow` by their name."""
    return {name: Column(name, _kind(name, hint), _unit(name)) for name, hint in get_type_hints(ModelRow).items()}


def column(name: str, benchmarks: Iterable[str] = ()) -> Column:
    """The column of this name; that of a benchmark holds its best published figure.

    Raises:
        CatalogError: there is none; names the nearest.
    """
    known = columns()
    if name in known:
        return known[name]
    figures = set(benchmarks)
    if name in figures:
        return Column(name, "number", "percent or points")
    raise CatalogError(f"there is no column {name!r}; {did_you_mean(name, [*known, *sorted(figures)])}")


def _kind(name: str, hint: object) -> Kind:
    kinds: dict[object, Kind] = {bool: "yes-no", int: "number", float: "number", str: "text"}
    held = [one for one in (get_args(hint) or (hint,)) if one is not type(None)]
    if get_origin(hint) in (list, dict):
        return "list" if get_args(hint) == (str,) else "table"
    inner = held[0]
    if get_origin(inner) is list:
        return "list"
    return "day" if name in _DAYS else kinds[inner]


def _unit(name: str) -> str:
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
