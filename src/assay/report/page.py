"""A report as one HTML page, or as the same without its frame for a notebook. Nothing in it asks for anything.

Whatever was written by somebody else is escaped by the templates, and a policy in the page's head forbids every
request and every script but our own, should something slip through.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from assay import __version__
from assay.decision.again import told_effect
from assay.errors import ReportError
from assay.evals.figures.more_tokens import told_steps
from assay.evals.figures.points import told_points
from assay.report import numbers
from assay.report.markdown import PROMPTS, meets, method, told_again
from assay.report.shown import visible
from assay.report.verdict import spending
from assay.report.view import DecisionView, View

if TYPE_CHECKING:
    from jinja2 import Environment

_OPEN_KINDS = 10
"""More kinds than this are folded: a reader looks for one of them."""


class Plot(NamedTuple):
    """One plot in the two widths of which a page shows the one that fits; empty where there is nothing to plot."""

    wide: str
    narrow: str


def page(view: View) -> str:
    """The whole page.

    Raises:
        ReportError: jinja2 or matplotlib is not installed.
    """
    return framed(_content(view))


def framed(content: Mapping[str, object]) -> str:
    """A page around the template that `content["view"].source.what` names, filled with the content.

    Raises:
        ReportError: jinja2 is not installed.
    """
    script = _own("filter.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template("page.html.jinja").render(
        **content, style=_own("style.css"), script=script, policy=policy
    )  # fmt: skip


def fragment(view: View) -> str:
    """The page's content with its style, to be shown inside another page: no script, no name that could clash.

    Raises:
        ReportError: jinja2 or matplotlib is not installed.
    """
    return _environment().get_template("fragment.html.jinja").render(**_content(view), style=_own("style.css"))


def _content(view: View) -> dict[str, object]:
    key = f"assay-{view.source.id[:12]}"
    content: dict[str, object] = {
        "view": view,
        "key": key,
        "n": numbers,
        "method": method(view.source, view.samples),
        "meets": meets,
        "version": __version__,
        "open_kinds": len(view.kinds) <= _OPEN_KINDS,
    }
    if not isinstance(view, DecisionView):
        return content
    words = {"spending": spending(view.kinds), "told_steps": told_steps, "prompts": PROMPTS, "told_points": told_points,
             "told_again": told_again, "told_effect": told_effect}  # fmt: skip
    return content | drawn(lambda: _plots(view, key)) | words


def _plots(view: DecisionView, key: str) -> dict[str, object]:
    from assay.report.bars import kinds_bars, latencies
    from assay.report.tradeoff import candidates_tokens, candidates_tradeoff, kind_tokens, kind_tradeoff

    known = {one.name: one for one in view.candidates}
    by_kind = ((kind_tradeoff, "kind"), (kind_tokens, "kindtokens"))
    return {
        "tradeoff": both(lambda width, key: candidates_tradeoff(view.candidates, width, key), f"{key}-cost"),
        "tokens": both(lambda width, key: candidates_tokens(view.candidates, width, key), f"{key}-tokens"),
        "bars": both(lambda width, key: kinds_bars(view.kinds, width, key), f"{key}-kinds"),
        "latency": both(lambda width, key: latencies(view.candidates, width, key), f"{key}-time"),
        "kind_plots": [
            [plot for draw, name in by_kind if (plot := draw(kind, known, f"{key}-{name}{place}"))]
            for place, kind in enumerate(view.kinds)
        ],
    }


def drawn(plots: Callable[[], dict[str, object]]) -> dict[str, object]:
    """The plots of a page.

    Raises:
        ReportError: matplotlib is not installed.
    """
    try:
        return plots()
    except ImportError as error:
        raise _missing(error) from error


def both(draw: Callable[[float, str], str], key: str) -> Plot:
    """A plot drawn in both widths; `draw` takes a width and the begin of all ids in it."""
    from assay.report.canvas import NARROW, WIDE

    return Plot(draw(WIDE, f"{key}-w"), draw(NARROW, f"{key}-n"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    try:
        import jinja2
    except ImportError as error:
        raise _missing(error) from error
    return jinja2.Environment(
        loader=jinja2.PackageLoader("assay.report", "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """What a template writes: a plain text without anything invisible, which autoescape then escapes."""
    return visible(value) if type(value) is str else value


def _missing(error: ImportError) -> ReportError:
    return ReportError(
        f"the page of a report needs {error.name or 'a library'}, which is not installed; "
        "pip install 'assay[report]', or take --format md or json, which need nothing"
    )


def _own(name: str) -> str:
    return files("assay.report").joinpath("templates", name).read_text("utf-8")
