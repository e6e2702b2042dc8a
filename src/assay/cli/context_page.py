"""How `assay context` shows itself: a table of each task, length by depth, and what it comes to in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from assay.decision.table import table
from assay.evals.context.measured import Measured
from assay.evals.context.verdict import Cell, Finding, Reach
from assay.report.numbers import DASH, span

__all__ = ["render"]

_WIDTH = 110
_NOTHING = "·"


def render(found: Measured) -> str:
    """All of it as text."""
    lines: list[str] = []
    for one in found.findings:
        lines += [*_table(one, found.grid.depths), ""]
    lines += [line for sentence in found.sentences for line in _wrapped(sentence)]
    return "\n".join([*lines, "", *(line for sentence in found.method for line in _wrapped(sentence))])


def _table(one: Finding, depths: Sequence[int]) -> list[str]:
    head = (one.task, *(f"{depth} %" for depth in depths), "passed", "95 % interval", "prompt", "")
    return table(head, [_row(reach, depths) for reach in one.reaches])


def _row(reach: Reach, depths: Sequence[int]) -> tuple[str, ...]:
    cells = {cell.depth: cell for cell in reach.cells}
    read = f"{reach.input_tokens:,.0f} tokens" if reach.input_tokens is not None else DASH
    return (
        f"{reach.length:,}",
        *(_cell(cells.get(depth)) for depth in depths),
        f"{reach.passed} of {reach.passed + reach.failed}" if reach.share is not None else DASH,
        span(reach.interval),
        read,
        "refused" if reach.refused is not None and not reach.passed else reach.verdict,
    )


def _cell(cell: Cell | None) -> str:
    """`3/4` passed of those scored; `?` where one has no score."""
    if cell is None:
        return _NOTHING
    return f"{cell.passed}/{cell.passed + cell.failed}" + ("?" if cell.unscored else "")


def _wrapped(text: str) -> list[str]:
    return wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
