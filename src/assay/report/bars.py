"""One row for each kind or candidate: shares passed with interval and bar, and latencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from assay.numerals import plural
from assay.report.canvas import COLOURS, MARKERS, NARROW, SHARES, cut, drawing, scale
from assay.report.numbers import count, duration
from assay.report.svg import FAINT, INK, MARK, MUTED, PAPER, inline
from assay.report.view import CandidateView, KindView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LEFT, _RIGHT = 170.0, 215.0
"""Room for the words beside the rows of a wide plot, in CSS pixels; in a narrow one they stand above."""
_SIDES_NARROW = 10.0, 16.0


class RowPlot(NamedTuple):
    """The panel of a plot of rows."""

    figure: Figure
    panel: Axes
    narrow: bool


@contextmanager
def row_plot(number: int, width: float, row: float, foot: float) -> Iterator[RowPlot]:
    """A plot of so many rows, each `row` pixels high, above a foot for the axis."""
    narrow = width <= NARROW
    height = row * number + foot + 4
    left, right = _SIDES_NARROW if narrow else (_LEFT, _RIGHT)
    with drawing(width, height) as figure:
        panel = figure.add_axes((left / width, foot / height, 1 - (left + right) / width, 1 - (foot + 2) / height))
        panel.set_ylim(number - 0.45, -0.5)
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        panel.grid(axis="x")
        yield RowPlot(figure, panel, narrow)


def row_words(rows: RowPlot, at: float, name: str, words: str, ink: str) -> None:
    """A row's name, and what is said of it: at its two sides, or above it."""
    across = rows.panel.get_yaxis_transform()
    if rows.narrow:
        rows.panel.text(0, at - 0.3, cut(name, 26), fontsize=10.5, va="center", color=INK, transform=across)
        rows.panel.text(1, at - 0.3, cut(words, 30), fontsize=9.5, va="center", ha="right", color=ink, transform=across)
        return
    for place, move, text, side, colour in (
        (0, -12, cut(name, 26), "right", INK), (1, 14, cut(words, 34), "left", ink),
    ):  # fmt: skip
        rows.panel.annotate(text, (place, at), (move, 0), xycoords=across, textcoords="offset points", va="center",
                            ha=side, fontsize=10.5, color=colour, annotation_clip=False)  # fmt: skip


def kinds_bars(kinds: Sequence[KindView], width: float, key: str) -> str:
    """For each kind the candidate that leads, with its interval and the bar; the others as open marks."""
    with row_plot(len(kinds), width, 40.0 if width <= NARROW else 27.0, 30.0) as rows:
        rows.panel.set_xlim(0, 1)
        rows.panel.set_xticks(*SHARES)
        rows.panel.tick_params(axis="x", length=0)
        rows.panel.spines["bottom"].set_visible(False)
        for place, kind in enumerate(kinds):
            _kind_bar(rows, place, kind)
            row_words(rows, place, f"{kind.name} (gate)" if kind.gate else kind.name, _who(kind),
                   INK if kind.chosen is not None else MUTED)  # fmt: skip
        title = f"Share passed in each of {plural(len(kinds), 'kind')}, with interval and bar"
        return inline(rows.figure, key, title)


def _who(kind: KindView) -> str:
    return f"{kind.leader.name}, {count(kind.leader.measure)}" if kind.leader else "nobody could be asked"


def _kind_bar(rows: RowPlot, place: int, kind: KindView) -> None:
    at, thick, reach = (place + 0.18, 0.26, 0.24) if rows.narrow else (place + 0.0, 0.36, 0.34)
    for one in kind.standings:
        if one.measure.share is not None and (kind.leader is None or one.name != kind.leader.name):
            rows.panel.plot([one.measure.share], [at], marker="o", markersize=5, markerfacecolor=PAPER,
                            markeredgecolor=MUTED, markeredgewidth=1, linestyle="none", zorder=4,
                            clip_on=False)  # fmt: skip
    if kind.leader is not None and kind.leader.measure.share is not None:
        _leader(rows.panel, at, thick, kind.leader.measure.share, kind.leader.measure.interval,
                COLOURS.get(kind.side, FAINT))  # fmt: skip
    rows.panel.plot([kind.bar, kind.bar], [at - reach, at + reach], color=MARK, linewidth=2.4, zorder=5, clip_on=False,
                    solid_capstyle="butt")  # fmt: skip


def _leader(
    panel: Axes, at: float, thick: float, share: float, interval: tuple[float, float] | None, colour: str
) -> None:
    """A bar with its interval, which has an edge of paper so that it shows on the bar too."""
    panel.barh([at], [share], height=thick, color=colour, zorder=2)
    if interval is not None:
        panel.plot(interval, [at, at], color=PAPER, linewidth=4, zorder=3, solid_capstyle="butt")
        panel.plot(interval, [at, at], color=INK, linewidth=1.3, zorder=3, solid_capstyle="butt")


def latencies(candidates: Sequence[CandidateView], width: float, key: str) -> str:
    """From the median to the 95th percentile of each candidate's latency; empty where nothing was measured."""
    timed = [
        (one, one.latency[0].value, one.latency[1].value, one.latency[0].n)
        for one in candidates
        if one.latency is not None
    ]
    known = [(one, p50, p95, n) for one, p50, p95, n in timed if p50 is not None and p95 is not None]
    if not known:
        return ""
    with row_plot(len(known), width, 38.0 if width <= NARROW else 24.0, 36.0) as rows:
        rows.panel.set_xlabel("seconds, from the median (mark) to the 95th percentile (end)")
        scale(rows.panel, [time for _, p50, p95, _ in known for time in (p50, p95)])
        for place, (one, p50, p95, answers) in enumerate(known):
            at, colour = place + (0.16 if rows.narrow else 0.0), COLOURS[one.side]
            rows.panel.plot((p50, p95), [at, at], color=colour, linewidth=3.4, solid_capstyle="butt", zorder=2)
            rows.panel.plot([p50], [at], marker=MARKERS[one.side], markersize=7, color=colour, linestyle="none")
            said = f"{duration(p50)} to {duration(p95)}"
            row_words(rows, place, one.name, said if rows.narrow else f"{said}, {plural(answers, 'answer')}", MUTED)
        title = f"Latency of {plural(len(known), 'candidate')}: median and 95th percentile"
        return inline(rows.figure, key, title)
