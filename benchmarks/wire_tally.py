"""Right and applicable fields per cell, with what is wrong, what was not sent and what was left out of the count."""

from __future__ import annotations

import collections
from typing import Any

__all__ = ["Tally"]


class Tally:
    """The figures of one measurement. A cell is a kind of exchange between two formats, told as words in order."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[str, list[int]]] = {}  # cell -> field -> right, applicable
        self.exchanges: collections.Counter[str] = collections.Counter()
        self.all_right: collections.Counter[str] = collections.Counter()
        self.excluded: collections.Counter[str] = collections.Counter()
        self.unsent: collections.Counter[str] = collections.Counter()
        self.refused: dict[str, collections.Counter[str]] = {}  # pair -> field of the request and reason
        self.wrong: list[dict[str, Any]] = []

    def add(self, cell: str, ident: str, fields: dict[str, bool], **more: Any) -> None:
        """Count one exchange with its fields."""
        table = self.fields.setdefault(cell, {})
        for name, right in fields.items():
            counts = table.setdefault(name, [0, 0])
            counts[0] += right
            counts[1] += 1
        self.note(cell, ident, [name for name, right in fields.items() if not right], **more)

    def note(self, cell: str, ident: str, wrong: list[str], **more: Any) -> None:
        """Count one exchange with what is wrong in it."""
        self.exchanges[cell] += 1
        self.all_right[cell] += not wrong
        if wrong:
            self.wrong.append({"cell": cell, "id": ident, "fields": wrong, **more})

    def refuse(self, pair: str, ident: str, field: str | None, reason: str, *, counts: bool) -> None:
        """Count a request that we refuse to send; `counts` where it should have been sent."""
        self.refused.setdefault(pair, collections.Counter())[f"{field}: {reason}"[:160]] += 1
        if counts:
            self.unsent[pair] += 1
            self.wrong.append({"cell": pair, "id": ident, "fields": ["unsent"], "field": field, "reason": reason[:300]})

    def counts(self, *cells: str) -> tuple[int, int]:
        """Right and applicable fields in these cells; exchanges where no fields are told apart."""
        right = total = 0
        for cell in cells:
            table = self.fields.get(cell)
            if table is None:
                right, total = right + self.all_right[cell], total + self.exchanges[cell]
            else:
                right += sum(count[0] for count in table.values())
                total += sum(count[1] for count in table.values())
        return right, total

    def share(self, *cells: str) -> float:
        """The share of applicable fields that are right; 0 where there are none."""
        right, total = self.counts(*cells)
        return right / total if total else 0.0

    def field(self, name: str, *cells: str) -> tuple[int, int]:
        """Right and applicable values of one field in these cells."""
        found = [self.fields.get(cell, {}).get(name, [0, 0]) for cell in cells]
        return sum(count[0] for count in found), sum(count[1] for count in found)

    def as_dict(self) -> dict[str, Any]:
        """All figures, for `--json`."""
        cells = {
            cell: {
                "exchanges": self.exchanges[cell],
                "all_right": self.all_right[cell],
                "share": self.share(cell),
                "fields": self.fields.get(cell, {}),
            }
            for cell in sorted(self.exchanges)
        }
        return {
            "cells": cells,
            "unsent": dict(self.unsent),
            "refused": {pair: dict(found) for pair, found in sorted(self.refused.items())},
            "excluded": dict(self.excluded),
            "wrong": self.wrong,
        }
