"""Two on the same samples, a row for each kind: their shares, and the difference beside the margin of the move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.decision.migration.finding import Finding
from assay.evals.figures.metrics import Metrics
from assay.evals.figures.points import told_points
from assay.numerals import plural
from assay.report.bars import row_plot, row_words
from assay.report.canvas import NARROW, SHARES
from assay.report.numbers import percent
from assay.report.svg import INK, MARK, MUTED, PAPER, inline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["differences", "shares"]

_APART = 0.16
"""How far the two of a row stand from its middle."""


def shares(findings: Sequence[Finding], width: float, key: str) -> str:
    """What both passed of each kind, with 95 % intervals: rings the old one, filled squares the new one.

    Empty where nothing has a share.

    Args:
        findings: a row each, as far as one of the two has a share.
        width: in CSS pixels.
        key: begins every id in it; unique in a page.
    """
    known = [one for one in findings if _share(one.old) is not None or _share(one.new) is not None]
    if not known:
        return ""
    with row_plot(len(known), width, 46.0 if width <= NARROW else 36.0, 30.0) as rows:
        rows.panel.set_xlim(0, 1)
        rows.panel.set_xticks(*SHARES)
        rows.panel.tick_params(axis="x", length=0)
        for place, one in enumerate(known):
            at = place + (0.16 if rows.narrow else 0.0)
            _side(rows.panel, at - _APART, one.old, old=True)
            _side(rows.panel, at + _APART, one.new, old=False)
            told = f"{percent(_share(one.old))} before, {percent(_share(one.new))} after"
            row_words(rows, place, _name(one), told, MUTED)
        return inline(rows.figure, key, f"Share passed by the old and the new one in {plural(len(known), 'kind')}")


def differences(findings: Sequence[Finding], margin: float, width: float, key: str) -> str:
    """The new one's share less the old one's, with its interval; an upright mark where the margin ends.

    Empty where nothing was paired.

    Args:
        findings: a row each, as far as a difference is known.
        margin: so much lower may the new one's share be.
        width: in CSS pixels.
        key: begins every id in it; unique in a page.
    """
    known = [(one, one.difference, one.interval) for one in findings
             if one.difference is not None and one.interval is not None]  # fmt: skip
    if not known:
        return ""
    with row_plot(len(known), width, 40.0 if width <= NARROW else 27.0, 44.0) as rows:
        ends = [100 * end for _, _, interval in known for end in interval]
        low, high = min(*ends, -100 * margin), max(*ends, 0.0)
        room = 0.06 * (high - low)
        rows.panel.set_xlim(low - room, high + room)
        rows.panel.set_xlabel(f"points; upright: the margin, {-100 * margin:g}")
        rows.panel.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (2, 3)))
        for place, (one, difference, interval) in enumerate(known):
            at = place + (0.18 if rows.narrow else 0.0)
            rows.panel.plot([100 * end for end in interval], [at, at], color=INK, linewidth=1.6, solid_capstyle="butt")
            rows.panel.plot([100 * difference], [at], marker="s", markersize=7, color=INK, linestyle="none")
            rows.panel.plot([-100 * margin] * 2, [at - 0.3, at + 0.3], color=MARK, linewidth=2.4, clip_on=False,
                            solid_capstyle="butt")  # fmt: skip
            row_words(rows, place, _name(one), told_points(difference, interval), MUTED)
        title = f"Difference of the shares in {plural(len(known), 'kind')}, with interval and margin"
        return inline(rows.figure, key, title)


def _share(found: Metrics | None) -> float | None:
    return found.share if found is not None else None


def _name(one: Finding) -> str:
    return one.kind if one.source == "suite" else f"{one.kind}, real"


def _side(panel: Axes, at: float, found: Metrics | None, *, old: bool) -> None:
    """One of the two: its interval as a line, its share as a mark."""
    if found is None or found.share is None:
        return
    colour = MUTED if old else INK
    if found.interval is not None:
        panel.plot(found.interval, [at, at], color=colour, linewidth=1.5, solid_capstyle="butt", clip_on=False)
    panel.plot([found.share], [at], marker="o" if old else "s", markersize=6.5, markeredgecolor=colour,
               markerfacecolor=PAPER if old else INK, markeredgewidth=1.4, linestyle="none", clip_on=False,
               zorder=3)  # fmt: skip
