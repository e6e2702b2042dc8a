"""Aligned columns: what decisions and lists are written in. Apart from them, for it is needed where they are not."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MOST", "printable", "table"]

MOST = 120
"""Letters of a line that most terminals show; what is cut for it is whole in the JSON."""
_LEAST = 12
"""Narrower columns are not cut: numbers stay whole."""


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "", *, most: int | None = None
) -> list[str]:
    """Aligned columns of plain text; the last column is not padded.

    With `most` letters a line at most: the widest columns are cut for it, the first, which names the row, last of all.
    """
    head, *rows = ([printable(cell) for cell in row] for row in (head, *rows))
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    if most is not None:
        widths = _narrowed(widths, most - len(indent) - 2 * (len(widths) - 1))
    return [
        (indent + "  ".join(_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
        for row in (head, *rows)
    ]


def printable(text: str) -> str:
    """A text as a piece of one line: what would move the cursor, colour the rest or turn its direction is written out.

    Kinds of work are named by clients and errors by hosts: they shall not write upon the terminal of who looks at them.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else " " if one.isspace() else one.encode("unicode_escape").decode() for one in text
    )


def _narrowed(widths: Sequence[int], room: int) -> list[int]:
    """Widths that come to no more than the room, if they can: the widest gives first."""
    left = list(widths)
    while sum(left) > room and max(left) > _LEAST:
        others = range(1, len(left)) if max(left[1:], default=0) > _LEAST else range(1)
        left[max(others, key=left.__getitem__)] -= 1
    return left


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"
