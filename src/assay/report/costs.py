"""Two plots of `assay cost`: the bill over the volume with break-even marked, and what moves the cheapest bill."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.envelope.breakeven import break_even
from assay.envelope.monthly import Tariff
from assay.envelope.scenario import Scenario
from assay.envelope.sensitivity import Swing, tornado
from assay.envelope.written import plain
from assay.errors import ReportError
from assay.report.canvas import cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

INK, MUTED, RULE, LESS, MORE = "#1c1f23", "#5b626b", "#d5d9de", "#2f6f9f", "#c2562d"
COLOURS = ("#2f6f9f", "#c2562d", "#4d7f3a", "#7a5aa6", "#a67c1e", "#2a8c8c", "#a33f6b", "#5b626b")
DASHES = {"host": "-", "rent": "--", "buy": "-.", "have": ":"}
FORMATS = (".svg", ".png")
DECADES = 2
"""Powers of ten to each side of the volume that was asked for."""
POINTS = 400
SWINGS = 8


def draw(path: str, scenarios: Sequence[Scenario], ranges: Mapping[str, tuple[float, float]] | None = None) -> None:
    """Write both plots into an SVG or PNG file.

    Args:
        path: whose ending says which.
        scenarios: candidates; those without a bill are left out.
        ranges: of inputs, for what moves the bill; see `tornado`.

    Raises:
        ReportError: another ending, matplotlib is missing, nothing can be drawn, or the file cannot be written.
    """
    if Path(path).suffix.lower() not in FORMATS:
        raise ReportError(f"cannot draw {path}: the file's name must end in {' or '.join(FORMATS)}")
    known = [(one, tariff) for one in scenarios if (tariff := one.tariff()) is not None]
    if not known:
        raise ReportError("there is nothing to draw: no candidate's cost is known")
    with _look() as figure:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        _volume(left, known)
        _swings(right, min(known, key=lambda pair: _total(pair[1], pair[0]))[0], ranges)
        try:
            figure.savefig(path, metadata={"Date": None} if path.lower().endswith(".svg") else None)
        except OSError as error:
            raise ReportError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _look() -> Iterator[Figure]:
    """An empty figure, drawn alike whatever a user's own matplotlib settings are."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("plots need matplotlib: pip install 'assay[report]'") from error
    look: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": "assay", "text.parse_math": False, "font.size": 10,
        "axes.edgecolor": MUTED, "axes.labelcolor": INK, "text.color": INK, "xtick.color": MUTED, "ytick.color": MUTED,
        "axes.spines.top": False, "axes.spines.right": False, "grid.color": RULE, "grid.linewidth": 0.6,
        "axes.axisbelow": True,
    }  # fmt: skip
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(look)
        yield Figure(figsize=(11, 4.8), dpi=120, layout="constrained")


def _total(tariff: Tariff, scenario: Scenario) -> float:
    return tariff.monthly(scenario.workload.requests_per_day).total.value


def _volume(panel: Axes, known: Sequence[tuple[Scenario, Tariff]]) -> None:
    """Every bill over the volume, with its band, and where machines begin to pay."""
    asked = max(known[0][0].workload.requests_per_day, 1.0)
    low, high = math.log10(asked) - DECADES, math.log10(asked) + DECADES
    volumes = [10 ** (low + (high - low) * step / POINTS) for step in range(POINTS + 1)]
    for number, (scenario, tariff) in enumerate(known):
        colour = COLOURS[number % len(COLOURS)]
        totals = [tariff.monthly(volume).total for volume in volumes]
        label = f"{cut(scenario.name, 34)} ({scenario.tenure})"
        panel.plot(volumes, [one.value for one in totals], DASHES[scenario.tenure], color=colour, label=label, lw=1.6)
        panel.fill_between(
            volumes, [one.low for one in totals], [one.high for one in totals], color=colour, alpha=0.12, lw=0
        )
    _crossings(panel, known, volumes[0], volumes[-1])
    panel.axvline(asked, color=MUTED, lw=0.8)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(volumes[0], volumes[-1])
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(lambda value, _: plain(value))
    panel.set_xlabel("requests a day (line: asked for)")
    panel.set_ylabel("USD a month")
    panel.grid(visible=True)
    panel.legend(frameon=False, fontsize=8, loc="upper left")
    panel.set_title("Cost over volume; dots: break-even", fontsize=10.5, loc="left")


def _crossings(panel: Axes, known: Sequence[tuple[Scenario, Tariff]], low: float, high: float) -> None:
    hosts = [tariff for scenario, tariff in known if scenario.tenure == "host"]
    for _, tariff in known:
        if tariff.machine_requests_per_day is None:
            continue
        for host in hosts:
            first = break_even(tariff, host).first
            if first is not None and low <= first <= high:
                panel.plot([first], [host.monthly(first).total.value], "o", color=INK, ms=5, zorder=5)


def _swings(panel: Axes, scenario: Scenario, ranges: Mapping[str, tuple[float, float]] | None) -> None:
    """The strongest inputs as bars about the bill as it is."""
    bill = scenario.monthly()
    swings = tornado(scenario, ranges)[:SWINGS][::-1]
    if bill is None or not swings:
        panel.set_axis_off()
        return
    middle = bill.total.value
    for row, one in enumerate(swings):
        for end, colour in ((one.usd_low, LESS), (one.usd_high, MORE)):
            panel.barh(row, end - middle, left=middle, color=colour, height=0.6)
    panel.axvline(middle, color=INK, lw=0.8)
    panel.set_yticks(range(len(swings)), [_label(one) for one in swings], fontsize=8)
    panel.set_xlabel("USD a month (blue: at the first value)")
    panel.set_title(f"What moves {cut(scenario.name, 40)}", fontsize=10.5, loc="left")
    panel.xaxis.set_major_formatter(lambda value, _: plain(value))
    panel.tick_params(axis="x", labelsize=8)


def _label(one: Swing) -> str:
    return f"{one.name}\n{plain(one.at_low)} to {plain(one.at_high)}"
