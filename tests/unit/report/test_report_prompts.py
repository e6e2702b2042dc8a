"""Prompts that were searched: what they brought is told, what they say is not."""

from __future__ import annotations

import msgspec
from invented import config_of, decision, kind, result, source, view_of

from assay.config.schema import Example, Settings
from assay.decision.adapting.adaptation import Adaptation, Gain, KindAdaptation, Spending, Tried
from assay.decision.decision import Decision, Status
from assay.evals.figures.scorecard import Comparison
from assay.report.decided import decision_view
from assay.report.markdown import markdown
from assay.report.page import page
from assay.report.view import Samples


def searched() -> Decision:
    """One prompt won, and one was kept."""
    comparison = Comparison(
        a="small+adapted",
        b="small",
        samples=12,
        only_a=6,
        only_b=0,
        difference=0.5,
        interval=(0.18, 0.72),
        p_value=0.03,
    )
    won = KindAdaptation(
        kind="sql", reason="4 examples: 7 of 8 on dev, and 2 of 8 as configured", won="4 examples",
        tried=(Tried(name="as configured", passed=2, scored=8, size_bytes=9),
               Tried(name="4 examples", passed=7, scored=8, size_bytes=99)),
        settings=Settings(examples=(Example(user="the customer's own words", assistant="x"),)),
        gain=Gain(adapted=11, configured=5, comparison=comparison, optimism=-0.04),
    )  # fmt: skip
    kept = KindAdaptation(kind="tickets", reason="kept as configured: that may be <luck>")
    found = Adaptation(
        candidate="small", answers=64, spending=Spending(answers=64), kinds=(kept, won), adapted="small+adapted"
    )
    return decision(
        kind("sql", result("small+adapted", Status.CHOSEN, 16, 2), result("small", Status.FAILED, 5, 7)),
        adaptations=(found,),
    )


def test_the_gain_is_told_with_its_interval() -> None:
    """In Markdown and on the page: both shares, the difference, what won, and why others were kept."""
    view = view_of(searched())
    for text in (markdown(view), page(view)):
        assert "Prompts that were searched" in text
        for said in ("5 of 12", "11 of 12", "+50 points [+18, +72]", "7 of 8", "4 examples", "tickets, small: kept as"):
            assert said in text
        assert "&lt;luck&gt;" in text


def test_what_a_prompt_says_is_not_told() -> None:
    """Examples are samples, whose words may not be for everybody; the JSON has none either."""
    view = view_of(searched())
    told = [markdown(view), page(view), msgspec.json.encode(view).decode()]
    assert not any("own words" in one for one in told)


def test_an_adapted_candidate_works_where_its_origin_does() -> None:
    """Also as long as the configuration does not have it."""
    config = config_of({"small": True})
    view = decision_view(searched(), {}, config, None, source(), Samples(note="no sample here"))
    places = {one.name: one.place for one in view.candidates}
    assert places["small+adapted"] == places["small"]
    assert view.kinds[0].side == "own"


def test_without_a_search_there_is_no_section() -> None:
    """Nothing is said of what was not done."""
    plain = view_of(decision(kind("sql", result("small", Status.CHOSEN, 16, 2))))
    assert "Prompts that were searched" not in markdown(plain) + page(plain)
