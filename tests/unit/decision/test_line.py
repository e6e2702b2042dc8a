"""The line between own and rent, in worlds where the truth is known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from assay.decision.basis import Basis, Conditions, Ground, KindGround
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.explain import explain
from assay.decision.line import KindLine, reasons_of, route_of, told, who_serves, with_line
from assay.errors import DecisionError

World = Any  # of this folder's conftest
RENTED = "private = false"


def line_of(decision: Decision, kind: str = "a") -> KindLine:
    """The line of one kind."""
    return next(one for one in who_serves(decision) if one.kind == kind)


async def test_a_cheaper_own_one_keeps_the_rented_one_away(world: World) -> None:
    """Own passes first: the rented one is not asked, and the line says what it would cost."""
    spine = world.spine({"small": {"a": "+" * 10}, "big": {"a": "+" * 10}}, big=RENTED)
    decision = await world.choosing(spine, world.suite({"a": 10})).choose()
    line = line_of(decision)
    assert (line.side, line.target, line.hosts) == ("own", "small", ())
    assert line.other.startswith("rent not needed: big costs ~")
    assert "own" in told(decision)


async def test_what_fails_here_is_rented(world: World) -> None:
    """The own one fails: the line says by how much, and the host that is paid instead."""
    spine = world.spine({"small": {"a": "+" * 6 + "-" * 4}, "big": {"a": "+" * 10}}, big=RENTED)
    line = line_of(await world.choosing(spine, world.suite({"a": 10}), bar=0.9).choose())
    assert (line.side, line.target, line.hosts) == ("rent", "big", ("big",))
    assert line.other.startswith("own fails: ")
    assert line.other.endswith("of 90% at best, by small")


async def test_a_route_with_a_rented_part_is_rented(world: World) -> None:
    """Own is only what calls nothing that is rented."""
    extra = '[routes.both]\ncandidates = ["small", "big"]\n'
    spine = world.spine({"small": {"a": "+" * 10}, "big": {"a": "+" * 10}}, extra, big=RENTED)
    decision = await world.choosing(spine, world.suite({"a": 10}), "both").choose()
    assert (line_of(decision).side, line_of(decision).hosts) == ("rent", ("big",))
    assert line_of(decision).other == "no candidate to own"


async def test_private_work_can_never_be_rented(world: World) -> None:
    """A kind of which one sample may not leave: the line says so, whoever else would pass."""
    spine = world.spine({"small": {"a": "+" * 10}, "big": {"a": "+" * 10}}, big=RENTED)
    suite = world.suite({"a": 10}, a='label = "private-only"')
    line = line_of(await world.choosing(spine, suite).choose())
    assert (line.side, line.stays) == ("own", True)
    assert line.other == "can never be rented: some of it may not leave"


async def test_unlabelled_work_stays_where_the_constraints_say_so(world: World) -> None:
    """`unlabelled_data = "private-only"` makes every sample one that may not leave."""
    spine = world.spine({"small": {"a": "+" * 10}}, '[constraints]\nunlabelled_data = "private-only"\n')
    assert line_of(await world.choosing(spine, world.suite({"a": 10})).choose()).stays


async def test_nobody_comes_with_the_next_move(world: World) -> None:
    """Where none passes there is no side; the first move that is left stands in its place, all are in the JSON."""
    spine = world.spine({"small": {"a": "-" * 10}})
    decision = await world.choosing(spine, world.suite({"a": 10})).choose()
    line = line_of(decision)
    assert (line.side, line.target, line.cost) == ("nobody", None, None)
    assert line.other == f"next: {line.moves[0]}"
    assert line.moves == decision.kinds[0].moves


async def test_the_line_is_printed_and_in_the_json(world: World) -> None:
    """`assay explain` shows it for all kinds or one; the JSON has it beside the decision as it was stored."""
    spine = world.spine({"small": {"a": "+" * 10, "b": "-" * 10}, "big": {"a": "+" * 10, "b": "+" * 10}}, big=RENTED)
    decision = await world.choosing(spine, world.suite({"a": 10, "b": 10})).choose()
    assert "The line between own and rent:" in explain(decision)
    assert [line.split()[:2] for line in told(decision, "b").splitlines()[2:]] == [["b", "rent"]]
    whole = with_line(decision)
    assert [one["side"] for one in whole["line"]] == ["own", "rent"]
    assert msgspec.convert(whole, Decision) == decision


def candidate(name: str, status: Status, **more: Any) -> CandidateResult:
    """What a candidate came to."""
    return CandidateResult(name=name, status=status, **({"reason": "so it is"} | more))


def decided(*candidates: CandidateResult, own: tuple[str, ...], bar: float = 0.8) -> Decision:
    """A decision on one kind of ten samples; who is not `own` is rented."""
    chosen = next((one.name for one in candidates if one.status is Status.CHOSEN), None)
    kind = KindDecision(
        name="a", kinds=("a",), gate=False, bar=bar, total=10, needed=8, chosen=chosen, reason="because",
        candidates=candidates,
    )  # fmt: skip
    sides = {one.name: "own" if one.name in own else "rent" for one in candidates}
    basis = {
        name: Basis(deployments={name: Conditions(side=side, host="acme" if side == "rent" else None)})  # type: ignore[arg-type]
        for name, side in sides.items()
    }
    return Decision(
        id="0" * 32, created_at=1.8e9, suite="world", suite_version="1", suite_digest="d" * 64, config_digest="",
        seed=0, split=None, kinds=(kind,), asked=0, asked_now=0, grid=0, spent_usd=None, spent_engine_s=None, runs={},
        guarantee="exact", population="some samples", basis=basis,
        ground=Ground(suite_digest="d", kinds={"a": KindGround(samples=10, digest="e")}, split=None, bar=0.8),
    )  # fmt: skip


CHOSEN = candidate("here", Status.CHOSEN, passed=9, failed=1, usd=0.001)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([candidate("far", Status.NOT_NEEDED, passed=9, usd=0.014)],
         "rent passes too: far, 14.00 USD/1k, 14 times as much"),
        ([candidate("far", Status.NOT_NEEDED, passed=3, expected=0.002, expected_unit="usd")],
         "rent not needed: far costs ~2.00 USD/1k"),
        ([candidate("far", Status.FAILED, passed=5, failed=5), candidate("off", Status.FAILED, passed=1, failed=4)],
         "rent fails: 50% of 80% at best, by far"),
        ([candidate("far", Status.FAILED, passed=5, failed=5), candidate("off", Status.UNPROVEN)],
         "rent fails: 50% of 80% at best, by far; nothing is claimed of off"),
        ([candidate("far", Status.FAILED, passed=10, reason="p95 latency 9.00 s is above the limit of 4 s")],
         "rent fails: far: p95 latency 9.00 s is above the limit of 4 s"),
        ([candidate("off", Status.EXCLUDED), candidate("far", Status.UNPROVEN, reason="no key in $KEY")],
         "rent is not proven: far: no key in $KEY"),
        ([candidate("far", Status.GATED)], "rent is barred: far: so it is"),
        ([candidate("far", Status.EXCLUDED)], "rent is not permitted: far: so it is"),
        ([candidate("far", Status.OPEN)], "rent cannot be told: far: so it is"),
        ([], "no candidate to rent"),
    ],
)  # fmt: skip
def test_what_became_of_the_other_side(others: list[CandidateResult], said: str) -> None:
    """The most telling of the candidates there, in words."""
    assert line_of(decided(CHOSEN, *others, own=("here",))).other == said


def test_a_decision_of_an_older_version_has_no_line() -> None:
    """It does not say where its candidates were: nothing is claimed, nothing printed."""
    old = msgspec.structs.replace(decided(CHOSEN, own=("here",)), basis={}, ground=None)
    assert (who_serves(old), told(old), with_line(old)["line"]) == ((), "", ())
    assert "own and rent" not in explain(old)


def test_the_route_serves_what_is_proven_and_refuses_the_rest() -> None:
    """By kind over the chosen; a default only where it is proven; the reasons name decision, suite, bar, guarantee."""
    nobody = KindDecision(
        name="b", kinds=("b",), gate=False, bar=0.9, total=1, needed=1, chosen=None, reason="none passes", candidates=()
    )
    one = decided(CHOSEN, own=("here",))
    decision = msgspec.structs.replace(one, kinds=(*one.kinds, nobody))
    route = route_of(decision, default_kind="a")
    assert route.candidates == ("here",)
    expected = {"kind": "by-kind", "kinds": {"a": "here"}, "unproven": {"b": "none passes"}, "default_kind": "a"}
    assert route.policy == expected
    assert "default_kind" not in route_of(decision, default_kind="b").policy
    said = " ".join(reasons_of(decision))
    for word in (decision.id, "2027-01-15", "dddddddddddd", "a 80%", "Guarantee: exact", "some samples"):
        assert word in said


def test_there_is_no_route_where_nothing_is_proven() -> None:
    """An empty route would refuse everything; that is said instead."""
    with pytest.raises(DecisionError, match="no kind has a proven candidate"):
        route_of(decided(candidate("here", Status.FAILED), own=("here",)))
