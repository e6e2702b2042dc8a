"""Quality against tokens in a report: configurations of one model, joined, with what more of them bought."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from invented import decision, kind, result, view_of

from assay.decision.decision import Decision, Status
from assay.decision.explain import explain
from assay.evals.figures.more_tokens import MoreTokens
from assay.evals.runs.tokens import Tokens
from assay.report.front import unsurpassed
from assay.report.markdown import markdown
from assay.report.page import page
from assay.report.verdict import spending
from assay.report.view import DecisionView

LOW, HIGH, VOTE, LARGE = "small@effort=low", "small@effort=high", "small@effort=low,vote=5", "large"


def took(output: float, reasoning: float = 0.0) -> Tokens:
    """So many tokens an answer."""
    return Tokens(answers=20, input=90, output=output, reasoning=reasoning, interval=(output * 0.9, output * 1.1))


def step(fewer: str, more: str, difference: float, low: float, high: float) -> MoreTokens:
    """What one configuration bought over another."""
    return MoreTokens(fewer=fewer, more=more, fewer_tokens=200, more_tokens=1800, samples=20, difference=difference,
                      interval=(low, high))  # fmt: skip


def thinking(*, told: bool = True) -> Decision:
    """One model at three depths and a larger one, on two kinds."""

    def found(name: str, status: Status, passed: int, usd: float, tokens: Tokens) -> Any:
        return result(name, status, passed, 20 - passed, usd=usd, tokens=tokens if told else None)

    return decision(
        kind(
            "sums", found(LOW, Status.FAILED, 9, 0.0002, took(210, 120)),
            found(HIGH, Status.CHOSEN, 18, 0.0016, took(1850, 1610)),
            found(VOTE, Status.FAILED, 11, 0.0008, took(760, 430)),
            found(LARGE, Status.NOT_NEEDED, 19, 0.004, took(240)),
            more_tokens=(step(LOW, VOTE, 0.1, -0.1, 0.3), step(VOTE, HIGH, 0.35, 0.1, 0.55)),
        ),
        kind(
            "letters", found(LOW, Status.CHOSEN, 17, 0.0002, took(180, 90)),
            found(HIGH, Status.NOT_NEEDED, 17, 0.0012, took(1300, 1100)),
            found(VOTE, Status.NOT_NEEDED, 18, 0.0008, took(700, 400)),
            found(LARGE, Status.NOT_NEEDED, 18, 0.004, took(230)),
            more_tokens=(step(LOW, VOTE, 0.05, -0.1, 0.2), step(VOTE, HIGH, -0.05, -0.2, 0.1)),
        ),
        models={LOW: "x/small", HIGH: "x/small", VOTE: "x/small", LARGE: "x/large"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def view() -> DecisionView:
    """The view of it; all are rented."""
    return view_of(thinking(), lambda place: False)


def test_the_view_has_tokens_models_and_the_front(view: DecisionView) -> None:
    """Means over the kinds, which count alike; who is surpassed by one that writes less is not on the front."""
    quality = {one.name: one.quality.tokens for one in view.candidates}
    assert [round(one.output) for one in quality.values() if one] == [195, 1575, 730, 235]
    assert {one.name: one.model for one in view.candidates}[VOTE] == "x/small"
    assert {one.name for one in view.candidates if one.tokens_front} == {LOW, LARGE}
    assert [one.name for one in view.kinds[0].standings if one.tokens_front] == [LOW, LARGE]


def test_the_page_draws_it_overall_and_by_kind(view: DecisionView) -> None:
    """Two more plots of each sort, a line that joins the model's configurations, and words by their intervals."""
    text = page(view)
    assert "<h2>Quality against tokens</h2>" in text
    plots = [plot for plot in re.findall(r"<svg.*?</svg>", text, re.DOTALL) if "against tokens" in plot]
    assert len(plots) == 2 + 2  # overall in two widths, each kind once
    assert all("tokens" in plot and 'role="img"' in plot for plot in plots)
    assert "small@effort=high writes 1,800 tokens an answer" in text
    assert "+35 points [+10, +55] on 20 samples; it pays" in text
    assert "1,850 <small>1,610 thought</small>" in text


def test_without_tokens_there_is_no_such_plot() -> None:
    """A decision of before, or hosts that tell nothing: no section, and no figure that nobody measured."""
    text = page(view_of(thinking(told=False), lambda place: False))
    assert "against tokens of an answer" not in text


def test_the_words_count_kinds(view: DecisionView) -> None:
    """For each step of the climb in how many kinds it paid, and where it cannot be told."""
    assert spending(view.kinds) == (
        f"{VOTE} writes more than {LOW} in 2 kinds: it cannot be told in 2 (sums, letters)",
        f"{HIGH} writes more than {VOTE} in 2 kinds: more passes in 1 (sums); it cannot be told in 1 (letters)",
    )
    assert spending(()) == ()


def test_markdown_has_them_too(view: DecisionView) -> None:
    """A column of tokens, and what more of them bought, kind by kind."""
    text = markdown(view)
    assert "| 1,850 (1,610 thought) |" in text
    assert "What more tokens bought:" in text
    assert "small&#64;effort=high writes 1,800 tokens an answer" in text


def test_equal_tokens_have_no_heading() -> None:
    """Where no step writes more, the page, the markdown and the text say nothing of what more bought."""
    source = thinking()
    same = tuple(
        msgspec.structs.replace(
            one, more_tokens=tuple(msgspec.structs.replace(step, more_tokens=200) for step in one.more_tokens)
        )
        for one in source.kinds
    )
    plain = msgspec.structs.replace(source, kinds=same)
    found = view_of(plain, lambda place: False)
    assert "hat more tokens bought" in explain(source)
    assert not any("hat more tokens bought" in text for text in (page(found), markdown(found), explain(plain)))
    assert spending(found.kinds) == ()


def test_who_writes_less_and_passes_as_much_is_before() -> None:
    """The front, by what is spent: unknown ones and those that pass nothing are not on it."""
    points = [((1.0,), 0.5), ((2.0,), 0.5), ((2.0,), 0.8), (None, 0.9), ((3.0,), None), ((0.5,), 0.0)]
    assert unsurpassed(points) == [True, False, True, False, False, False]
