"""A measured context as a page: heatmaps for wide and narrow, and nothing of a stranger's in its markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from assay.evals.context.measured import Measured
from assay.evals.context.plan import Budget, Grid, Quoted
from assay.evals.context.ruler import ASSUMED
from assay.evals.context.standing import Rule
from assay.evals.context.verdict import Seen, finding
from assay.report.canvas import NARROW, WIDE
from assay.report.heatmap import context_page, heatmap

DEPTHS = (0, 50, 100)
GRID = Grid(tasks=("needle",), lengths=(1024, 2048, 4000), depths=DEPTHS, repeats=2, answer_tokens=32)


def measured(seen: Sequence[Seen], target: str = "small") -> Measured:
    """What these prompts come to."""
    orders = {length: [one.id for one in GRID.places(("needle",), (length,))] for length in GRID.lengths}
    return Measured(
        target=target, run="0123456789abcdef", created_at=0.0, quoted=Quoted(model=8192, engine=None), grid=GRID,
        ruler=ASSUMED, budget=Budget(prompts=18, input_tokens=1, output_tokens=1, usd=None), bar=0.9, error=0.0,
        asked=len(seen), need=None, stopped=None, findings=(finding("needle", seen, Rule(0.9), orders),),
    )  # fmt: skip


def prompts(length: int, values: Sequence[float | None], refused: str | None = None) -> list[Seen]:
    """Two of each depth, in their order."""
    places = GRID.places(("needle",), (length,))
    return [Seen(place, value, 900, refused) for place, value in zip(places, values, strict=False)]


SEEN = [*prompts(1024, [1.0] * 6), *prompts(2048, [1.0, 1.0, 0.0, 1.0, 0.0, None])]


@pytest.mark.parametrize(("width", "counts"), [(WIDE, True), (NARROW, False)])
def test_a_cell_for_each_length_and_depth(width: float, counts: bool) -> None:
    """Passed of asked in each cell, `?` where one has no score, dashes where nothing was asked; counts if they fit."""
    found = measured(SEEN).findings[0]
    drawn = heatmap(found, DEPTHS, width, "k")
    assert [drawn.count(f">{words}<") for words in ("2/2", "1/2", "0/1?")] == [4, 1, 1]
    assert drawn.count("stroke-dasharray") == 3
    assert ("6 of 6" in drawn) is counts
    assert all(f">{name}<" in drawn for name in ("1k", "2k", "4,000", "0 %", "100 %"))


def test_the_same_page_for_the_same_figures() -> None:
    """A page can be compared with an older one: nothing in it depends on when it was drawn."""
    assert context_page(measured(SEEN)) == context_page(measured(SEEN))


def test_what_others_wrote_is_text() -> None:
    """Names and the words of a host are escaped."""
    refused = prompts(4000, [0.0] * 3, "<script>alert(1)</script>")
    page = context_page(measured([*SEEN[:6], *prompts(2048, [1.0] * 6), *refused], "<b>me</b>"))
    assert "<script>alert" not in page
    assert "<b>me" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r'(?:src|href)="(?!#)', page)


def test_a_page_without_anything() -> None:
    """Where nothing has a score the page says so, and is no error."""
    page = context_page(measured([]))
    assert "needle: cannot be told" in page
    assert page.count("not asked") >= 3
