"""A measured context as a page: for each task a heatmap, length by depth, with what it comes to and rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay import __version__
from assay.evals.context.measured import Measured
from assay.evals.context.verdict import Cell, Finding, Reach
from assay.report import numbers
from assay.report.canvas import NARROW, drawing
from assay.report.page import both, framed
from assay.report.svg import INK, MARK, MUTED, OWN, RULE, inline
from assay.report.written import written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["context_page", "heatmap", "write_page"]

_ROW, _FOOT, _LEFT, _RIGHT = 30.0, 62.0, 58.0, 8.0
"""Heights and margins in CSS pixels."""
_GAP = 0.03


def write_page(found: Measured, path: Path | str) -> Path:
    """Write the page of a measured context.

    Raises:
        ReportError: the file cannot be written, or the libraries of the extra `report` are not installed.
    """
    return written(path, context_page(found), "--html")


def context_page(found: Measured) -> str:
    """The page.

    Raises:
        ReportError: the libraries of the extra `report` are not installed.
    """
    key = f"assay-{found.run[:12]}"
    title = f"How much of its context {found.target} uses"
    view = {"source": {"what": "context", "suite": found.target, "id": found.run}, "verdict": title}
    plots = [_plots(one, found.grid.depths, f"{key}-{one.task}") for one in found.findings]
    return framed({"view": view, "found": found, "plots": plots, "key": key, "n": numbers, "version": __version__})


def _plots(one: Finding, depths: Sequence[int], key: str) -> object:
    return both(lambda width, name: heatmap(one, depths, width, name), key)


def heatmap(one: Finding, depths: Sequence[int], width: float, key: str) -> str:
    """One task: a column for each length, a row for each depth; the fuller a cell, the more of it passed.

    A line stands behind the last length that holds.

    Args:
        one: the task.
        depths: rows, from the begin of the text to its end.
        width: in CSS pixels.
        key: begins every id in it; unique in a page.
    """
    height = _ROW * len(depths) + _FOOT
    size = (_LEFT / width, _FOOT / height, 1 - (_LEFT + _RIGHT) / width, 1 - (_FOOT + 6) / height)
    small = width <= NARROW
    with drawing(width, height) as figure:
        panel = figure.add_axes(size)
        panel.set_xlim(-0.5, len(one.reaches) - 0.5)
        panel.set_ylim(len(depths) - 0.5, -0.5)
        for place, reach in enumerate(one.reaches):
            _column(panel, place, reach, depths, small=small)
        panel.set_yticks(range(len(depths)), [f"{depth} %" for depth in depths])
        panel.set_ylabel("depth")
        panel.set_xticks(range(len(one.reaches)), [_name(reach, small=small) for reach in one.reaches])
        panel.set_xlabel("tokens of prompt and answer" if small else "tokens of prompt and answer, and how many passed")
        panel.tick_params(length=0)
        for side in panel.spines.values():
            side.set_visible(False)
        held = sum(bool(one.effective_tokens) and reach.length <= (one.effective_tokens or 0) for reach in one.reaches)
        if held < len(one.reaches):
            panel.axvline(held - 0.5, color=MARK, linewidth=2.4, clip_on=False)
        return inline(figure, key, f"{one.task}: share passed by length ({len(one.reaches)}) and depth ({len(depths)})")


def _column(panel: Axes, place: int, reach: Reach, depths: Sequence[int], *, small: bool) -> None:
    cells = {cell.depth: cell for cell in reach.cells}
    for row, depth in enumerate(depths):
        cell = cells.get(depth)
        _box(panel, place, row, _share(cell))
        words = "" if cell is None else f"{cell.passed}/{cell.passed + cell.failed}" + ("?" if cell.unscored else "")
        panel.text(place, row, words, ha="center", va="center", fontsize=8 if small else 10, color=INK)


def _box(panel: Axes, place: int, row: int, share: float | None) -> None:
    """An outline, and as much colour as has passed; what was not asked is empty and dashed."""
    from matplotlib.patches import Rectangle

    corner, side = (place - 0.5 + _GAP, row - 0.5 + _GAP), 1 - 2 * _GAP
    style = "-" if share is not None else (0, (2, 3))
    if share:
        panel.add_patch(Rectangle(corner, side, side, facecolor=OWN, edgecolor="none", alpha=0.1 + 0.5 * share))
    panel.add_patch(Rectangle(corner, side, side, facecolor="none", edgecolor=MUTED if share == 0 else RULE,
                              linewidth=1, linestyle=style))  # fmt: skip


def _share(cell: Cell | None) -> float | None:
    scored = cell.passed + cell.failed if cell is not None else 0
    return cell.passed / scored if cell is not None and scored else None


def _name(reach: Reach, *, small: bool) -> str:
    """`4k` with what passed under it, where there is room."""
    size = f"{reach.length // 1024}k" if reach.length % 1024 == 0 else f"{reach.length:,}"
    scored = reach.passed + reach.failed
    if small:
        return size
    if reach.refused is not None and not reach.passed:
        return f"{size}\nrefused"
    return f"{size}\n{reach.passed} of {scored}" if scored else f"{size}\n{numbers.DASH}"
