"""Arms of an A/B: the sessions that each has, and what each differs by from the baseline, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

from assay.decision.experiments.experiment import Arm, Difference, Experiment
from assay.decision.experiments.explained import told_interval, told_measure
from assay.numerals import plural
from assay.report.bars import row_plot, row_words
from assay.report.canvas import NARROW
from assay.report.svg import FAINT, INK, MARK, MUTED, PAPER, inline

__all__ = ["differences", "sessions"]


def sessions(arms: Sequence[Arm], width: float, key: str) -> str:
    """The sessions of each arm as bars; an upright mark where its share of all of them ends.

    Args:
        arms: a row each.
        width: in CSS pixels.
        key: begins every id in it; unique in a page.
    """
    total = sum(arm.units for arm in arms)
    with row_plot(len(arms), width, 40.0 if width <= NARROW else 27.0, 40.0) as rows:
        rows.panel.set_xlim(0, 1.05 * max(1.0, *(max(arm.units, arm.share * total) for arm in arms)))
        rows.panel.set_xlabel("sessions; upright: as many as it was to have")
        for place, arm in enumerate(arms):
            at, thick = (place + 0.18, 0.26) if rows.narrow else (place + 0.0, 0.36)
            rows.panel.barh([at], [arm.units], height=thick, color=FAINT, zorder=2)
            rows.panel.plot([arm.share * total] * 2, [at - 0.3, at + 0.3], color=MARK, linewidth=2.4, zorder=3,
                            solid_capstyle="butt")  # fmt: skip
            row_words(rows, place, arm.name, f"{arm.units:,} of {total:,}, wanted {arm.share * 100:.3g}%", MUTED)
        return inline(rows.figure, key, f"Sessions of {plural(len(arms), 'arm')}, and how many each was to have")


def differences(compared: Sequence[Difference], found: Experiment, unit: str, width: float, key: str) -> str:
    """What arms differ by from the baseline, with intervals; filled where something is shown. Empty without rows.

    Args:
        compared: whose measures have one unit, and which have intervals.
        found: the experiment that they are of.
        unit: of the axis; `points` are hundredths.
        width: in CSS pixels.
        key: begins every id in it; unique in a page.
    """
    known = [(one, one.compared.value, one.compared.interval) for one in compared
             if one.compared.value is not None and one.compared.interval is not None]  # fmt: skip
    if not known:
        return ""
    from matplotlib.ticker import MaxNLocator

    factor = 100 if unit == "points" else 1
    with row_plot(len(known), width, 40.0 if width <= NARROW else 27.0, 44.0) as rows:
        ends = [factor * end for _, _, interval in known for end in interval]
        low, high = min(*ends, 0.0), max(*ends, 0.0)
        room = 0.06 * (high - low) or 1.0
        rows.panel.set_xlim(low - room, high + room)
        rows.panel.set_xlabel(f"{unit} more than {found.baseline}")
        rows.panel.xaxis.set_major_locator(MaxNLocator(4 if rows.narrow else 7))
        for place, (one, value, interval) in enumerate(known):
            at, reach = (place + 0.18, 0.2) if rows.narrow else (place + 0.0, 0.4)
            rows.panel.plot([0, 0], [at - reach, at + reach], color=MARK, linewidth=2.4, solid_capstyle="butt")
            rows.panel.plot([factor * end for end in interval], [at, at], color=INK, linewidth=1.6,
                            solid_capstyle="butt")  # fmt: skip
            rows.panel.plot([factor * value], [at], marker="s", markersize=7, markeredgecolor=INK, linestyle="none",
                            markerfacecolor=PAPER if one.shows == "open" else INK, zorder=3)  # fmt: skip
            shown = "" if one.shows == "open" else f", {one.shows}"
            row_words(rows, place, _name(one, found), f"{told_interval(one)}{shown}",
                      MUTED if one.shows == "open" else INK)  # fmt: skip
        title = f"Difference from {found.baseline} in {plural(len(known), 'measure')}, with intervals"
        return inline(rows.figure, key, title)


def _name(one: Difference, found: Experiment) -> str:
    """The measure, and the arm where there are several."""
    measure = told_measure(one.compared.measure, found.metric)
    return f"{measure}, {one.arm}" if len(found.arms) > 2 else measure
