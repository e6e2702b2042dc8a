"""A plot as inline SVG: no prolog, no metadata, ids of its own, colours that follow the page, words for who cannot see.

The same figure always gives the same text: matplotlib's ids come from a fixed salt and its date is left out.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.report.shown import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, RULE, OWN, RENT, PAPER, FAINT, MARK = (f"#0{n}0{n}0{n}" for n in range(1, 9))
"""Stand-ins for colours: a plot is drawn in them, the page's style sheet says what they are."""
VARIABLES: Mapping[str, str] = {
    INK: "--ink", MUTED: "--muted", RULE: "--rule", OWN: "--own", RENT: "--rent", PAPER: "--paper",
    FAINT: "--faint", MARK: "--mark",
}  # fmt: skip
_COLOUR = re.compile("|".join(VARIABLES))
_ID = re.compile(r' id="([^"]+)"')
_USED = re.compile(r"(?:href=\"#|url\(#)([^\")]+)")
_SHEET = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
"""matplotlib's own style sheet: its `*` would reach the whole page. Ours says the same of plots."""
_NEEDLESS = re.compile(r' transform="rotate\(-?0 [^)]*\)"|font-family: [^;"]*; |<path d="[^"]*" style="fill: none"/>')
"""Turns by nothing, fonts that the page decides on, and outlines of what has no colour."""


def inline(figure: Figure, key: str, title: str) -> str:
    """The figure as an `<svg>` element.

    Args:
        figure: drawn with the stand-in colours.
        key: begins every id in it; unique in a page.
        title: what it shows, in a sentence.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(out, metadata=metadata)  # type: ignore[no-untyped-call]  # matplotlib's
    return _dress(out.getvalue(), key, title)


def _dress(svg: str, key: str, title: str) -> str:
    body = svg[svg.index("<svg") :]
    head, _, body = body.partition(">")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', head)
    width, height = (float(box[1]), float(box[2])) if box else (0.0, 0.0)
    used = set(_USED.findall(body))
    body = _ID.sub(lambda found: f' id="{key}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r"(href=\"#|url\(#)", rf"\g<1>{key}-", body).replace("xlink:href", "href")
    body = _COLOUR.sub(lambda found: f"var({VARIABLES[found[0]]})", body)
    body = _NEEDLESS.sub("", _SHEET.sub("", body))
    body = re.sub(r"\s+", " ", body).replace("> <", "><")
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-labelledby="{key}-title"><title id="{key}-title">{html.escape(visible(title))}</title>{body.strip()}'
    )
