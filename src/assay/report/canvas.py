"""What all plots of a report are drawn on. matplotlib is imported when the first of them is wanted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay.report.shown import visible
from assay.report.svg import INK, MUTED, OWN, RENT, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW = 860.0, 340.0
"""Widths in CSS pixels that plots are drawn for; a page shows the one that fits, scaled to its own width."""
MARKERS = {"own": "o", "rent": "s", "both": "D", "unknown": "^"}
"""Forms of the sides, so that nobody has to tell them apart by colour."""
COLOURS = {"own": OWN, "rent": RENT, "both": INK, "unknown": MUTED}
SHARES = ([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
"""Ticks of an axis of shares, and their words."""


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many CSS pixels, drawn alike whatever a user's own matplotlib settings are."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # only the reader's browser needs the letters of a name
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none", "svg.hashsalt": "assay", "text.parse_math": False,
                "font.size": 11, "axes.edgecolor": RULE,
                "axes.labelcolor": MUTED, "text.color": INK, "xtick.color": RULE, "ytick.color": RULE,
                "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED, "axes.facecolor": "none",
                "figure.facecolor": "none", "axes.spines.top": False, "axes.spines.right": False,
                "xtick.labelsize": 10, "ytick.labelsize": 10, "axes.labelsize": 10.5, "grid.color": RULE,
                "grid.linewidth": 0.6, "axes.axisbelow": True,
            }
        )  # fmt: skip
        yield Figure(figsize=(width / 72, height / 72), dpi=72)


def scale(panel: Axes, values: Sequence[float]) -> None:
    """The x axis for these values: by their logarithm where they differ much, else from 0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = min(values), max(values)
    if low > 0 and high / low >= 6:
        panel.set_xscale("log")
        panel.set_xlim(low / 1.6, high * 1.9)
        wide = high / low > 300
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 3.0), numticks=6))
        panel.xaxis.set_minor_locator(NullLocator())
    else:
        panel.set_xlim(0, (high or 1.0) * 1.3)
        panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


def cut(text: str, limit: int) -> str:
    """A name of at most so many letters, nothing invisible among them."""
    text = visible(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
