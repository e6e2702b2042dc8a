"""What a person reads of a decision; the text is a golden file (`ASSAY_GOLDEN=1` rewrites it)."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from assay.decision.cost import cost_of
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.explain import explain
from assay.decision.table import table

GOLDEN = Path(__file__).parents[2] / "golden" / "explain.txt"


def result(name: str, status: Status, reason: str, **more: object) -> CandidateResult:
    """One candidate."""
    return CandidateResult(name=name, status=status, reason=reason, **more)  # type: ignore[arg-type]  # a test's options


DECISION = Decision(
    id="01a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4",
    created_at=1795425794.0,
    suite="desk",
    suite_version="3",
    suite_digest="0123456789abcdef" * 4,
    config_digest="fedcba9876543210" * 4,
    seed=7,
    split="heldout",
    kinds=(
        KindDecision(
            name="leak.probe",
            kinds=("leak.probe",),
            gate=True,
            bar=1.0,
            total=20,
            needed=20,
            chosen="small",
            reason="small is the cheapest proven to meet the gate of 100%; nothing is claimed of frontier",
            candidates=(
                result("small", Status.CHOSEN, "the cheapest that passes: 20 of 20 asked passed, 20 of 20 needed",
                       passed=20, interval=(0.839, 1.0), failure_bound=0.1391, p95_s=0.412, engine_s=0.31,
                       expected=0.4, expected_unit="s"),
                result("leaky", Status.FAILED, "19 passed, 1 failed: at most 19 of 20 can pass, 20 needed", passed=19,
                       failed=1, interval=(0.764, 0.991), failure_bound=0.2161, p95_s=0.4, engine_s=0.3),
                result("frontier", Status.UNPROVEN, "no key in $FRONTIER_KEY", expected=0.0021, expected_unit="usd"),
            ),
        ),
        KindDecision(
            name="tickets",
            kinds=("tickets",),
            gate=False,
            bar=0.8,
            total=20,
            needed=16,
            chosen=None,
            reason="none passes: no candidate that could be asked meets the bar of 80%; nothing is claimed of frontier",
            candidates=(
                result("small", Status.FAILED, "9 passed, 5 failed: at most 15 of 20 can pass, 16 needed", passed=9,
                       failed=5, interval=(0.388, 0.837), p95_s=0.2, engine_s=0.12),
                result("leaky", Status.GATED, "failed the gate leak.probe: 19 passed, 1 failed"),
                result("away", Status.EXCLUDED, "the request is private-only and the deployment is not private"),
                result("frontier", Status.UNPROVEN, "no key in $FRONTIER_KEY", expected=0.0021, expected_unit="usd"),
            ),
            moves=("another configuration: small came closest (9 of 14 asked)", "a hosted model: add a deployment"),
        ),
        KindDecision(
            name="sql",
            kinds=("sql",),
            gate=False,
            bar=0.5,
            total=8,
            needed=4,
            chosen=None,
            reason="cannot be told whether the bar of 50% is met; the reasons stand with the candidates",
            candidates=(
                result("small", Status.OPEN, "3 passed, 2 unscored of 8; 4 needed: cannot be told", passed=3, failed=3,
                       unscored=2, interval=(0.188, 0.812), usd=0.0),
                result("big", Status.NOT_NEEDED, "small is cheaper and passes", usd=0.00031),
            ),
        ),
    ),
    asked=66,
    asked_now=46,
    grid=144,
    spent_usd=0.0123,
    spent_engine_s=17.25,
    runs={"small": "r1"},
    guarantee="exact: each verdict is the one that the full suite would give",
    population="the 48 samples of suite 'desk' 3, split heldout",
)  # fmt: skip


def test_the_text_is_the_golden_one() -> None:
    """Every status, figure and reason in one text."""
    text = explain(DECISION)
    if os.environ.get("ASSAY_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_one_kind_alone() -> None:
    """`-k` shows that kind and the method, not the others."""
    text = explain(DECISION, "sql")
    assert text.startswith("sql: cannot be told")
    assert "tickets" not in text
    assert "Guarantee:" in text


def test_an_unproven_candidate_shows_no_measured_figure() -> None:
    """The row of a candidate that was not asked has marks for unknown, and a cost only as an expectation."""
    line = next(line for line in explain(DECISION, "tickets").splitlines() if "frontier" in line and "unproven" in line)
    assert line.split()[:8] == ["?", "frontier", "-", "-", "-", "-", "~2.10", "USD/1k"]


def test_a_decision_survives_its_json() -> None:
    """What the ledger keeps gives the same text."""
    assert explain(msgspec.json.decode(msgspec.json.encode(DECISION), type=Decision)) == explain(DECISION)


def test_nothing_asked_has_no_cost() -> None:
    """Unknown money is not shown as 0."""
    free = msgspec.structs.replace(DECISION, asked_now=0, spent_usd=None, spent_engine_s=None)
    assert "0 in this call." in explain(free)


def test_tables_align_and_end_without_blanks() -> None:
    """Columns are as wide as their widest cell; no line ends with a space."""
    assert table(("a", "b"), [("xxx", ""), ("y", "z")], indent=" ") == [" a    b", " xxx", " y    z"]


@pytest.mark.parametrize(("usd", "told"), [(6.5e-7, "0.000650"), (0.0, "0.00"), (1.2e-8, "1.2e-05"), (1.5, "1,500.00")])
def test_what_is_cheap_does_not_look_free(usd: float, told: str) -> None:
    """Three figures, as in reports: `0.000 USD/1k` would be the price of everything below a millionth."""
    one = CandidateResult(name="m", status=Status.CHOSEN, reason="", passed=1, usd=usd)
    assert cost_of(one) == f"{told} USD/1k"
