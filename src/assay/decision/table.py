"""Aligned columns: what decisions and lists are written in. Apart from them, for it is needed where they are not."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Aligned columns of plain text; the last column is not padded."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return [
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in (head, *rows)
    ]
