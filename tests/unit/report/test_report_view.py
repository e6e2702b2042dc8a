"""What a report says of a decision, as values."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from invented import config_of, decision, kind, large, result, small, source, view_of

from assay.config.load import parse
from assay.decision.decision import Status
from assay.ledger.rows import ResultRow
from assay.report import numbers
from assay.report.decided import decision_view, letters_of
from assay.report.front import on_front
from assay.report.places import place_of
from assay.report.view import Cost, DecisionView, Samples
from assay.stats.intervals import wilson


def usd(value: float) -> Cost:
    """A measured cost in USD."""
    return Cost(value=value, unit="usd", basis="measured")


def cpu(value: float) -> Cost:
    """A measured cost in seconds of a device."""
    return Cost(value=value, unit="s", basis="measured")


def test_the_line_between_own_and_rent(small_view: DecisionView) -> None:
    """Each kind stands on the side where its chosen candidate works, or says why nobody does."""
    sides = {one.name: one.side for one in small_view.kinds}
    assert sides == {"leak.probe": "own", "sql": "own", "tickets": "rent", "scripts": "none", "dates": "open"}


def test_the_verdict_is_one_sentence(small_view: DecisionView) -> None:
    """It counts what is proven on each side; what is not stands in the lines beside it."""
    assert small_view.verdict == "3 of 5 kinds of work have a proven model: 2 on what you own, 1 on what you rent."
    assert small_view.details[:2] == (
        "Nobody that could be asked passes scripts",
        "It cannot be told with this evidence for dates",
    )
    assert "Nothing is claimed of frontier: not proven from here" in small_view.details


def test_the_verdict_of_all_and_of_none() -> None:
    """A decision in which all or no kinds have a winner says so plainly."""
    won = kind("a", result("x", Status.CHOSEN, 20, 0))
    lost = kind("b", result("x", Status.FAILED, 2, 18))
    assert view_of(decision(won)).verdict == "Every kind of work has a proven model: a on what you own."
    assert view_of(decision(lost)).verdict == "None of 1 kind of work has a proven model."
    assert view_of(decision(won, lost)).verdict.startswith("1 of 2 kinds of work has a proven model: a on what you own")


def test_the_closest_leads_where_nobody_passes(small_view: DecisionView) -> None:
    """The candidate with the greatest share stands for a kind that nobody passes; nobody asked, nobody leads."""
    leaders = {one.name: one.leader.name if one.leader else None for one in small_view.kinds}
    assert leaders["scripts"] == "frontier"
    assert leaders["tickets"] == "frontier"
    nobody = view_of(decision(kind("a", result("x", Status.UNPROVEN)))).kinds[0]
    assert nobody.leader is None
    assert nobody.side == "open"


def test_unscored_is_neither_passed_nor_failed(small_view: DecisionView) -> None:
    """A sample without a score widens the bounds and stays out of the share."""
    found = small_view.kinds[4].standings[0].measure
    assert (found.passed, found.failed, found.unscored) == (14, 2, 4)
    assert found.share == 14 / 16
    assert found.bounds == (0.7, 0.9)


def test_a_gate_has_its_exact_bound(small_view: DecisionView) -> None:
    """None of 20 failing still allows a failure rate of 14 %."""
    gate = small_view.kinds[0]
    assert gate.gate
    assert gate.standings[0].failure_bound == pytest.approx(0.1391, abs=1e-4)


def test_quality_is_the_mean_over_the_kinds_asked_and_gates_are_no_work(small_view: DecisionView) -> None:
    """Kinds count alike, gates not at all; what was not asked widens the bounds and is counted."""
    candidate = small_view.candidates[0]
    shares = [16 / 18, 9 / 14, 1 / 6, 14 / 16]
    assert candidate.quality.share == pytest.approx(sum(shares) / 4)
    assert (candidate.asked_kinds, candidate.kinds) == (4, 4)
    leaky = small_view.candidates[1]
    assert leaky.quality.share is None
    assert leaky.quality.bounds == (0.0, 1.0)
    frontier = small_view.candidates[2]
    assert (frontier.asked_kinds, frontier.kinds) == (2, 4)
    assert frontier.quality.bounds == pytest.approx(((0 + 16 / 20 + 2 / 20 + 0) / 4, (1 + 19 / 20 + 15 / 20 + 1) / 4))


def test_an_unknown_cost_is_not_zero(small_view: DecisionView) -> None:
    """A candidate with a kind of unknown cost has no mean cost and is not on the front."""
    frontier = small_view.candidates[2]
    assert frontier.quality.cost is None
    assert not frontier.front
    assert numbers.cost(None) == numbers.money(None) == "unknown"


def test_measured_and_expected_costs_are_told_apart() -> None:
    """A mean of both is marked; so is what the full grid would cost."""
    made = decision(
        kind("a", result("x", Status.FAILED, 2, 8, usd=0.002), total=10),
        kind("b", result("x", Status.NOT_NEEDED, expected=0.004, expected_unit="usd"), total=30),
    )
    [one] = view_of(made, lambda place: False).candidates
    assert one.quality.cost == Cost(value=0.003, unit="usd", basis="mixed")
    assert numbers.cost(one.quality.cost) == "~3.00 USD/1k"
    assert one.usd == pytest.approx(0.02)
    assert one.full_usd == pytest.approx(0.02 + 0.12)


def test_the_full_grid_is_what_may_be_asked(small_view: DecisionView) -> None:
    """A kind that it is excluded from, or cannot be called for, is none of it; one of unknown cost makes it unknown."""
    assert small_view.candidates[2].grid == 80
    assert small_view.candidates[2].full_usd == pytest.approx(0.202)
    made = decision(kind("a", result("x", Status.CHOSEN, 20, 0, usd=0.1)), kind("b", result("x", Status.NOT_NEEDED)))
    [one] = view_of(made, lambda place: False).candidates
    assert one.full_usd is None


def test_the_front_is_whom_nobody_cheaper_surpasses() -> None:
    """Seconds of an owned device come before bills; ties of cost go to the better; unknown and useless never enter."""
    points = [(cpu(9), 0.5), (cpu(1), 0.6), (usd(0.01), 0.6), (usd(0.02), 0.9), (usd(0.02), 0.8), (None, 1.0),
              (usd(0.5), None), (cpu(0.1), 0.0)]  # fmt: skip
    assert on_front(points) == [False, True, False, True, False, False, False, False]


def test_letters_are_the_same_everywhere_and_do_not_run_out(small_view: DecisionView) -> None:
    """A candidate keeps its letter in every kind; the 27th is A2."""
    by_name = {one.name: one.letter for one in small_view.candidates}
    assert by_name == {"small": "A", "leaky": "B", "frontier": "C"}
    assert all(one.letter == by_name[one.name] for each in small_view.kinds for one in each.standings)
    many = letters_of(large(kinds=1, candidates=30))
    assert list(many.values())[25:28] == ["Z", "A2", "B2"]


def test_a_candidate_that_could_not_be_opened_still_has_a_letter() -> None:
    """Who has no run (weights are missing) comes last."""
    made = decision(kind("a", result("broken", Status.UNPROVEN), result("x", Status.CHOSEN, 20, 0)))
    made = msgspec.structs.replace(made, runs={"x": "run-x"})
    assert letters_of(made) == {"x": "A", "broken": "B"}


def test_latency_is_of_the_answers_that_were_measured() -> None:
    """Answers from the cache and of other kinds stay out; nothing measured is None."""
    made = decision(kind("a", result("x", Status.CHOSEN, 3, 0), total=3, bar=0.5))
    rows = [
        ResultRow(run_id="r", sample_id=str(n), kind=kind_name, value=1.0, unscored=None, scores=b"[]", answer="",
                  cost_basis="none", cached=latency is None, created_at=0.0, latency_s=latency)
        for n, (kind_name, latency) in enumerate([("a", 1.0), ("a", 3.0), ("a", None), ("other", 99.0)])
    ]  # fmt: skip
    config = config_of({"x": True})
    [one] = decision_view(made, {"x": rows}, config, None, source(), Samples()).candidates
    assert one.latency is not None
    assert (one.latency[0].value, one.latency[1].value, one.latency[0].n) == (1.0, 3.0, 2)
    assert view_of(made).candidates[0].latency is None


def test_places_follow_the_configuration() -> None:
    """Own is this machine or a declared private host; a route is as private as its least private candidate."""
    toml = """
[deployments.here]
model = "x/a"
dialect = "local"
[deployments.ours]
model = "x/b"
dialect = "openai"
base_url = "https://host.invalid/v1"
private = true
[deployments.theirs]
model = "x/c"
dialect = "openai"
base_url = "https://host.invalid/v1"
[routes.inside]
candidates = ["here", "ours"]
[routes.mixed]
candidates = ["inside", "theirs"]
"""
    config = parse(toml.encode(), Path("assay.toml"))
    found = {name: place_of(config, name)[::2] for name in ("here", "ours", "theirs", "inside", "mixed", "gone")}
    assert found == {
        "here": ("own", True), "ours": ("own", True), "theirs": ("rent", False), "inside": ("own", True),
        "mixed": ("both", False), "gone": ("unknown", None),
    }  # fmt: skip


def test_the_view_is_json_with_nothing_lost(small_view: DecisionView) -> None:
    """What is written as JSON reads back as the same view."""
    assert msgspec.json.decode(msgspec.json.encode(small_view), type=DecisionView) == small_view


def test_intervals_are_those_of_the_decision() -> None:
    """The report invents no second figure for what the decision already says."""
    made = small()
    measured = view_of(made).kinds[1].standings[0].measure
    assert measured.interval == pytest.approx(tuple(wilson(16, 18)))


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0%"), (0.001, "<1%"), (0.5, "50%"), (0.998, ">99%"), (1.0, "100%"), (None, "–")]
)
def test_shares_are_never_rounded_to_all_or_none(share: float | None, text: str) -> None:
    """0 % and 100 % mean none and all."""
    assert numbers.percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"), [(12.5, "12.50 USD"), (0.42, "0.420 USD"), (0.00012, "0.000120 USD"), (0.0, "0.00 USD")]
)
def test_small_sums_keep_their_figures(value: float, text: str) -> None:
    """A sum below one dollar has three figures."""
    assert numbers.money(value) == text
