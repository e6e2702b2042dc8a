"""The report says why work is not done on the other side of the line."""

from __future__ import annotations

import msgspec
import pytest
from invented import decision, kind, result, view_of

from assay.decision.basis import Basis, Conditions
from assay.decision.decision import Decision, Status
from assay.report.markdown import markdown
from assay.report.view import DecisionView


@pytest.fixture
def drawn() -> DecisionView:
    """Mail is done here, sums are rented, and nobody does riddles."""
    spared = result("far", Status.NOT_NEEDED, expected=0.002, expected_unit="usd")
    made: Decision = decision(
        kind("mail", result("here", Status.CHOSEN, 20), spared),
        kind("sums", result("here", Status.FAILED, 5, 5), result("far", Status.CHOSEN, 20)),
        kind("riddles", result("here", Status.FAILED, 1, 5), result("far", Status.FAILED, 1, 5)),
    )
    basis = {
        "here": Basis(deployments={"here": Conditions(side="own")}),
        "far": Basis(deployments={"far": Conditions(side="rent", host="acme")}),
    }
    return view_of(msgspec.structs.replace(made, basis=basis))


def test_the_other_side_is_told(drawn: DecisionView) -> None:
    """Of each kind that somebody does; where nobody does, moves stand instead."""
    others = {one.name: one.other_side for one in drawn.kinds}
    assert others == {
        "mail": "rent not needed: far costs ~2.00 USD/1k",
        "sums": "own fails: 50% of 80% at best, by here",
        "riddles": None,
    }


def test_markdown_and_page_show_it(drawn: DecisionView) -> None:
    """Under each kind, in both."""
    from assay.report.page import page

    assert "The other side: own fails: 50% of 80% at best, by here." in markdown(drawn)
    shown = page(drawn)
    assert "The other side: rent not needed: far costs ~2.00 USD/1k." in shown
    assert shown.count("The other side:") == 2


def test_a_decision_that_does_not_say_where_is_shown_without(drawn: DecisionView) -> None:
    """An older version did not record it: nothing is claimed."""
    old = view_of(decision(kind("mail", result("here", Status.CHOSEN, 20))))
    assert old.kinds[0].other_side is None
    assert "The other side" not in markdown(old)
