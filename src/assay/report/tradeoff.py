"""Quality against cost or tokens: each candidate with its interval, the bounds of the full suite, and the front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from assay.numerals import plural
from assay.report.canvas import COLOURS, MARKERS, NARROW, SHARES, cut, drawing, scale
from assay.report.numbers import percent
from assay.report.svg import FAINT, INK, MARK, MUTED, PAPER, inline
from assay.report.view import CandidateView, KindView, Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LETTER = 6.1
"""Width of a letter in pixels at the size of labels, for keeping them apart."""
_UNITS = {
    "s": "CPU seconds an answer",
    "usd": "USD per 1,000 answers",
    "tokens": "tokens written for an answer, thoughts included",
    "?": "cost unknown",
    "-": "not told",
}
_SHORT_UNITS = {"s": "CPU s each", "usd": "USD per 1,000", "tokens": "tokens each", "?": "unknown", "-": "not told"}
_UNKNOWN = ("?", "-")


class Point(NamedTuple):
    """One candidate in a plot of quality against what it takes.

    Attributes:
        name: empty where its letter alone stands beside it.
        unit, x: what an answer takes; `?` or `-` = nobody knows.
        front: nobody who takes less passes more.
        model: whose configurations are joined by a line.
    """

    letter: str
    name: str
    side: str
    measure: Measure
    unit: str
    x: float
    front: bool
    model: str | None = None


def candidates_tradeoff(candidates: Sequence[CandidateView], width: float, key: str) -> str:
    """Every candidate over all kinds, against what an answer costs."""
    points = [
        Point(one.letter, _name(one, width), one.side, one.quality, *_cost(one.quality), one.front, one.model)
        for one in candidates
    ]
    title = f"Share passed (mean over kinds) against cost of an answer, for {plural(len(points), 'candidate')}"
    return _tradeoff(points, width, _height(width), None, key, title)


def candidates_tokens(candidates: Sequence[CandidateView], width: float, key: str) -> str:
    """Every candidate over all kinds, against the tokens that it writes; empty where fewer than two are known."""
    points = [
        Point(one.letter, _name(one, width), one.side, one.quality, *_tokens(one.quality), one.tokens_front, one.model)
        for one in candidates
        if one.quality.scored
    ]
    title = f"Share passed (mean over kinds) against tokens of an answer, for {plural(len(points), 'candidate')}"
    return _tradeoff(points, width, _height(width), None, key, title) if _several_known(points) else ""


def kind_tradeoff(kind: KindView, candidates: Mapping[str, CandidateView], key: str) -> str:
    """The candidates of one kind, by their letters, with the bar; empty where fewer than two were asked."""
    points = [
        Point(one.letter, "", candidates[one.name].side, one.measure, *_cost(one.measure), one.front,
              candidates[one.name].model)
        for one in kind.standings if one.measure.scored
    ]  # fmt: skip
    title = f"{kind.name}: share passed against cost of an answer, bar at {percent(kind.bar)}"
    return _tradeoff(points, NARROW, 190.0, kind.bar, key, title) if len(points) > 1 else ""


def kind_tokens(kind: KindView, candidates: Mapping[str, CandidateView], key: str) -> str:
    """As `kind_tradeoff`, against tokens; empty where no model has several configurations to compare."""
    points = [
        Point(one.letter, "", candidates[one.name].side, one.measure, *_tokens(one.measure), one.tokens_front,
              candidates[one.name].model)
        for one in kind.standings if one.measure.scored
    ]  # fmt: skip
    title = f"{kind.name}: share passed against tokens of an answer, bar at {percent(kind.bar)}"
    drawn = kind.more_tokens and _several_known(points)
    return _tradeoff(points, NARROW, 190.0, kind.bar, key, title) if drawn else ""


def _name(one: CandidateView, width: float) -> str:
    return cut(one.name, 28) if width > NARROW else ""


def _height(width: float) -> float:
    return 330.0 if width > NARROW else 300.0


def _cost(found: Measure) -> tuple[str, float]:
    if found.cost is None:
        return "?", 0.0
    return found.cost.unit, found.cost.value * (1000 if found.cost.unit == "usd" else 1)


def _tokens(found: Measure) -> tuple[str, float]:
    return ("tokens", found.tokens.output) if found.tokens is not None else ("-", 0.0)


def _several_known(points: Sequence[Point]) -> bool:
    return sum(point.unit not in _UNKNOWN for point in points) > 1


def _tradeoff(points: Sequence[Point], width: float, height: float, bar: float | None, key: str, title: str) -> str:
    """One panel for each unit, from what is owned to what sends a bill to what nobody knows."""
    groups = {unit: [one for one in points if one.unit == unit] for unit in _UNITS}
    shown = {unit: group for unit, group in groups.items() if group}
    with drawing(width, height) as figure:
        words = _UNITS if width > NARROW or len(shown) == 1 else _SHORT_UNITS
        ratios = [0.35 if unit in _UNKNOWN else 1.0 for unit in shown]
        axes = figure.subplots(
            1, len(shown), sharey=True, squeeze=False,
            gridspec_kw={"width_ratios": ratios, "wspace": 0.08, "left": 40 / width, "right": 1 - 14 / width,
                         "bottom": 40 / height, "top": 1 - 12 / height},
        )[0]  # fmt: skip
        carried: float | None = None
        for panel, (unit, group) in zip(axes, shown.items(), strict=True):
            places = _places(unit, group)
            _panel(panel, unit, places, bar, first=panel is axes[0])
            panel.set_xlabel(words[unit], labelpad=18 if unit in _UNKNOWN else 4)
            _model_lines(panel, places)
            carried = _front_line(panel, group, carried)
            _labels(panel, unit, places)
        return inline(figure, key, title)


def _places(unit: str, group: Sequence[Point]) -> list[tuple[Point, float]]:
    """Each point with its place on the axis; those of which nobody knows it stand side by side, in no order."""
    if unit in _UNKNOWN:
        return [(point, (place + 0.5) / len(group)) for place, point in enumerate(group)]
    return [(point, point.x) for point in group]


def _panel(panel: Axes, unit: str, places: Sequence[tuple[Point, float]], bar: float | None, *, first: bool) -> None:
    panel.set_ylim(-0.04, 1.04)
    panel.set_yticks(*SHARES)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(axis="x", length=3)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="y")
    if not first:
        panel.tick_params(labelleft=False)
    if unit in _UNKNOWN:
        panel.set_xlim(0, 1)
        panel.set_xticks([])
    else:
        scale(panel, [x for _, x in places])
    if bar is not None:
        panel.axhline(bar, color=MARK, linewidth=1.2, dashes=(4, 2.5))
    for point, x in places:
        _draw(panel, point, x)


def _draw(panel: Axes, point: Point, x: float) -> None:
    """Bounds of the full suite as a band, the interval as a line, the share as a mark; a dashed line = not asked."""
    found, colour = point.measure, COLOURS[point.side]
    if found.share is None or found.interval is None:
        panel.plot([x, x], [0, 1], color=FAINT, linewidth=1.4, dashes=(2, 2))
        return
    if found.bounds is not None:
        panel.plot([x, x], found.bounds, color=FAINT, linewidth=7, solid_capstyle="butt")
    panel.plot([x, x], found.interval, color=colour, linewidth=1.5, solid_capstyle="butt")
    panel.plot(
        [x], [found.share], marker=MARKERS[point.side], markersize=7, markeredgewidth=1.6,
        markeredgecolor=colour, markerfacecolor=colour if point.front else PAPER, linestyle="none", zorder=4,
        clip_on=False,
    )  # fmt: skip


def _model_lines(panel: Axes, places: Sequence[tuple[Point, float]]) -> None:
    """Configurations of one model, joined from the one that takes least to the one that takes most."""
    models: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for point, x in places:
        if point.model is not None and point.unit not in _UNKNOWN and point.measure.share is not None:
            models[point.model].append((x, point.measure.share))
    for line in models.values():
        if len(line) > 1:
            panel.plot(*zip(*sorted(line), strict=True), color=MUTED, linewidth=0.9, zorder=2)


def _front_line(panel: Axes, group: Sequence[Point], carried: float | None) -> float | None:
    """The front as steps, from the best share that is to be had for less; returns the best share so far."""
    front = sorted((one for one in group if one.front), key=lambda one: one.x)
    low, high = panel.get_xlim()
    xs, ys = ([low], [carried]) if carried is not None else ([], [])
    best = carried
    for one in front:
        xs.append(one.x)
        ys.append(one.measure.share or 0.0)
        best = ys[-1]
    if best is None or (not front and group[0].unit in _UNKNOWN):
        return best
    panel.step([*xs, high], [*ys, best], where="post", color=INK, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    return best


def _labels(panel: Axes, unit: str, places: Sequence[tuple[Point, float]]) -> None:
    """Letter and name beside each mark, moved up or down where names would touch, with a thin line back to its mark."""
    width, height = panel.bbox.width, panel.bbox.height
    marks = [
        (point, *(panel.transData.transform((x, point.measure.share or 0.0)) - panel.bbox.min)) for point, x in places
    ]
    taken = [(x - 6.0, x + 6.0, y) for point, x, y in marks if point.measure.share is not None]
    for point, x, y in sorted(marks, key=lambda one: (-one[2], one[1])):
        if point.measure.share is None:
            y = height / 2
        label = f"{point.letter} {point.name}".strip() if unit not in _UNKNOWN else point.letter
        label += " ?" if point.measure.share is None else ""
        size = len(label) * _LETTER
        left = x + 9 + size > width + 12 and x > width / 2
        start = x - 9 - size if left else x + 9
        at = _free(taken, start, start + size, y, height)
        taken.append((start, start + size, at))
        panel.annotate(
            label,
            (x / width, y / height), (-9 if left else 9, at - y), xycoords="axes fraction",
            textcoords="offset points", ha="right" if left else "left", va="center", fontsize=10.5,
            color=INK if point.measure.share is not None else MUTED, zorder=5, annotation_clip=False,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6},  # a line stops at a name
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
            if abs(at - y) > 6 else None,
        )  # fmt: skip


def _free(taken: Sequence[tuple[float, float, float]], start: float, end: float, y: float, height: float) -> float:
    """The height nearest to `y` where a label from `start` to `end` touches none that is there."""
    near = [at for low, high, at in taken if low < end and high > start]
    steps = [0.0, *(sign * 6.5 * n for n in range(1, 60) for sign in (-1, 1))]
    for step in steps:
        if 4 <= y + step <= height - 4 and all(abs(at - y - step) >= 13 for at in near):
            return y + step
    return y
