"""A rollout's next move: on when it is shown to be no worse, back at the first proof of harm, else it waits."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from assay.decision.experiments.guard import Next, Plan, Stage, limits_of, next_move
from assay.decision.experiments.measured import by_arm
from assay.ledger.dealt import SumsRow

PLAN = Plan(stages=(0.1, 0.5, 1.0), min_requests=50)


def sums(arm: str, measure: str, values: list[list[float]]) -> SumsRow:
    """Sums over sessions, each given as what its requests had."""
    totals, counts = [sum(one) for one in values], [len(one) for one in values]
    return SumsRow(
        arm=arm, measure=measure, units=len(values), total=sum(totals), requests=sum(counts),
        total_squared=sum(y * y for y in totals), product=sum(y * n for y, n in zip(totals, counts, strict=True)),
        requests_squared=sum(n * n for n in counts), largest=max(counts, default=0),
        firsts=sum(one[0] for one in values),
    )  # fmt: skip


def stage(old: dict[str, Any], new: dict[str, Any], number: int = 0, age_s: float = 0.0) -> Stage:
    """A stage in which the arms have these values, by measure; a plain value is a session of one request."""
    rows = [
        sums(arm, measure, [one if isinstance(one, list) else [one] for one in values])
        for arm, table in (("old", old), ("new", new))
        for measure, values in table.items()
    ]
    return Stage(number, age_s, len(new.get("failed", ())), by_arm(rows))


def decided(plan: Plan, seen: Stage) -> Next:
    """What is to be done."""
    return next_move(plan, seen, "old", "new")


def test_no_worse_goes_on_stage_by_stage_to_the_end() -> None:
    """An arm that fails as seldom as the old one is given the next share, and at last all of it."""
    fine = [0.0] * 300
    found = decided(PLAN, stage({"failed": fine}, {"failed": fine}))
    assert (found.move, found.stage, found.share) == ("advance", 1, 0.5)
    last = decided(PLAN, stage({"failed": fine}, {"failed": fine}, number=1))
    assert (last.move, last.stage, last.share) == ("finish", 2, 1.0)
    assert "failed: 0 against 0" in last.why


def test_failures_lead_back_at_once() -> None:
    """Five failures of five where the old arm has none are proof enough, long before the requests are complete."""
    found = decided(PLAN, stage({"failed": [0.0] * 200}, {"failed": [1.0] * 5}))
    assert (found.move, found.share) == ("roll-back", 0.0)
    assert found.why.startswith("worse: failed: 1 against 0")


def test_a_host_that_is_down_for_both_leads_nowhere() -> None:
    """Arms that fail alike are no proof of anything against the new one."""
    found = decided(PLAN, stage({"failed": [1.0] * 100}, {"failed": [1.0] * 40}))
    assert found.move is None


@pytest.mark.parametrize(
    ("measure", "old", "new"),
    [
        ("rejected", [0.0] * 300, [1.0] * 40),
        ("cancelled", [0.0] * 300, [1.0] * 8),
        ("usd", [0.01 + 0.001 * (n % 3) for n in range(200)], [0.05 + 0.001 * (n % 3) for n in range(120)]),
        ("latency", [1.0 + 0.1 * (n % 5) for n in range(200)], [4.0 + 0.1 * (n % 5) for n in range(120)]),
    ],
)
def test_rejected_dear_slow_and_abandoned_answers_lead_back_too(
    measure: str, old: list[float], new: list[float]
) -> None:
    """Each limit is watched, also those that need not be proven."""
    fine = {"failed": [0.0] * 200}
    found = decided(PLAN, stage({**fine, measure: old}, {"failed": [0.0] * 60, measure: new}))
    assert (found.move, found.why.startswith(f"worse: {measure}")) == ("roll-back", True)


def test_of_nothing_there_is_no_part() -> None:
    """Where the old arm costs nothing, a part more of that says nothing, and the cost leads nowhere."""
    costs = {"failed": [0.0] * 200, "usd": [0.0] * 200}
    found = decided(PLAN, stage(costs, {"failed": [0.0] * 60, "usd": [0.01 * (n % 3 + 1) for n in range(60)]}))
    assert found.move != "roll-back"


def test_what_is_waited_for_is_said() -> None:
    """Too few requests, too little time, and what is not proven yet: all are named."""
    plan = msgspec.structs.replace(PLAN, hold_s=3600.0, metric="accepted")
    found = decided(plan, stage({"failed": [0.0] * 300}, {"failed": [0.0] * 20}, age_s=600.0))
    assert found.move is None
    assert found.waiting == (
        "30 more requests of the new arm",
        "3000 s of the time that a stage lasts",
        "proof that failed is no worse than allowed",
        "proof that accepted is no worse than allowed",
    )


def test_what_people_say_can_be_a_condition() -> None:
    """With --metric a stage is left when fewer accepted answers than allowed are excluded, and back when proven."""
    plan = msgspec.structs.replace(PLAN, metric="accepted", tolerance=0.1)
    fine = [0.0] * 400
    half = [float(n % 2) for n in range(800)]
    found = decided(plan, stage({"failed": fine, "accepted": half}, {"failed": fine, "accepted": half}))
    assert found.move == "advance"
    worse = decided(plan, stage({"failed": fine, "accepted": half}, {"failed": fine, "accepted": [0.0] * 100}))
    assert worse.move == "roll-back"
    assert "may be 0.1 lower" in worse.why


def test_long_sessions_are_not_many() -> None:
    """A stage is not left on the strength of a few sessions with many requests each."""
    long = [[0.0] * 50 for _ in range(10)]
    found = decided(PLAN, stage({"failed": long}, {"failed": long}))
    assert found.move is None
    assert found.waiting[-1] == "proof that failed is no worse than allowed"
    many = [[0.0] * 3 for _ in range(400)]
    assert decided(PLAN, stage({"failed": many}, {"failed": many})).move == "advance"


def test_harm_in_later_turns_is_seen() -> None:
    """Where first requests are well and later ones fail, all requests are looked at, not only the first."""
    good, bad = [[0.0] * 4 for _ in range(300)], [[0.0, 1.0, 1.0, 1.0] for _ in range(60)]
    assert decided(PLAN, stage({"failed": good}, {"failed": bad})).move == "roll-back"


def test_an_arm_that_is_no_worse_is_hardly_ever_sent_back() -> None:
    """Over 60 rollouts of an equal arm, looked at again and again, few are sent back: 5 % at most by the guarantee."""
    back = 0
    for seed in range(60):
        chance = random.Random(seed)  # noqa: S311 - a simulation
        old: dict[str, list[float]] = {"failed": [], "rejected": []}
        new: dict[str, list[float]] = {"failed": [], "rejected": []}
        for n in range(300):
            table = new if n % 4 == 0 else old
            table["failed"].append(float(chance.random() < 0.05))
            table["rejected"].append(float(chance.random() < 0.3))
            if n % 60 == 59 and decided(PLAN, stage(old, new)).move == "roll-back":
                back += 1
                break
    assert back <= 3


@pytest.mark.parametrize("stages", [(0.5, 0.1, 1.0), (0.1, 0.5), (), (0.0, 1.0), (0.5, 0.5, 1.0)])
def test_stages_rise_to_the_whole(stages: tuple[float, ...]) -> None:
    """Stages that fall, repeat, begin at nothing or end short are a mistake."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"stages": stages}, Plan)


def test_what_is_watched() -> None:
    """Without a metric rejected answers can lead back; with one, that is what is watched and demanded."""
    watched = [(one.measure, one.required) for one in limits_of(PLAN)]
    assert watched[:3] == [("failed", True), ("cancelled", False), ("rejected", False)]
    asked = limits_of(msgspec.structs.replace(PLAN, metric="accepted"))
    assert (asked[2].measure, asked[2].required) == ("accepted", True)
