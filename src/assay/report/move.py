"""A migration as a page: the verdict, what it rests on kind by kind, what else changes, the steps and the way back.

No text of a sample, of a request or of a prompt stands in it: a page is passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from assay import __version__
from assay.decision.migration.explained import SAID, ends, points, told_reasons
from assay.decision.migration.migration import Migration
from assay.evals.figures.points import told_points
from assay.numerals import digits
from assay.report import numbers
from assay.report.markdown import PROMPTS
from assay.report.page import both, drawn, framed
from assay.report.prompts import prompts_of
from assay.report.written import written

__all__ = ["Steps", "move_page", "write_page"]


class Steps(NamedTuple):
    """The commands of a move: one for each stage, how it goes, and back."""

    stages: Sequence[str]
    status: str
    back: str


def write_page(found: Migration, steps: Steps, path: Path | str) -> Path:
    """Write the page of a migration.

    Raises:
        ReportError: the file cannot be written, or the libraries of the extra `report` are not installed.
    """
    return written(path, move_page(found, steps), "--html")


def move_page(found: Migration, steps: Steps) -> str:
    """The page.

    Raises:
        ReportError: the libraries of the extra `report` are not installed.
    """
    key = f"assay-{found.id[:12]}"
    verdict = f"{SAID[found.verdict]}: {found.reason}"
    view = {"source": {"what": "migration", "suite": f"{found.old} to {found.new}", "id": found.id}, "verdict": verdict}
    content = {
        "view": view, "found": found, "steps": steps, "key": key, "n": numbers, "version": __version__, "said": SAID,
        "ends": list(ends(found)), "points": points, "told_points": told_points, "told_reasons": told_reasons,
        "digits": digits, "prompts_lead": PROMPTS,
        "prompts": prompts_of((found.adapted,)) if found.adapted is not None else (),
    }  # fmt: skip
    return framed(content | drawn(lambda: _plots(found, key)))


def _plots(found: Migration, key: str) -> dict[str, object]:
    from assay.report.pairs import differences, shares

    return {
        "shares": both(lambda width, name: shares(found.findings, width, name), f"{key}-shares"),
        "differences": both(
            lambda width, name: differences(found.findings, found.margin, width, name), f"{key}-differences"
        ),
    }
