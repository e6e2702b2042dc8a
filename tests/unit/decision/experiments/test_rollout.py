"""Rollouts in the ledger: begun once, moved by one of several, and what a person may do with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from desks import BUSY, TOML, Desk

from assay.config.load import parse
from assay.config.schema import Config
from assay.decision.experiments.guard import Plan
from assay.decision.experiments.rollout import begin, change, look, perform, present, rolled
from assay.errors import ConfigError, DecisionError
from assay.ledger.rollouts import newest_rollouts, rollout_moves
from assay.ledger.rows import RolloutRow

MakeDesk = Callable[..., Desk]
PLAN = Plan(stages=(0.5, 1.0), min_requests=20, max_error_rise=0.3)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The configuration of the desk."""
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "new.json").write_text("{}")
    return parse(TOML.replace("new = 1", "new = 0").encode(), tmp_path / "assay.toml")


async def begun(one: Desk, config: Config, plan: Plan = PLAN) -> RolloutRow:
    """A rollout that has begun, and that the desk follows."""
    row = await begin(one.ledger, config, "desk", "old", "new", plan, "a test")
    one.spine.take_rolled(rolled([row]))
    return row


async def test_a_good_arm_gets_everything(desk: MakeDesk, config: Config) -> None:
    """Start, evidence, finish: each with its reason, and who has met the new arm stays there."""
    one = desk()
    row = await begun(one, config)
    before = {request.arm for request in await one.ask_all(80)}
    assert before == {"old", "new"}
    found = await look(one.ledger, row)
    assert (found.move, found.share) == ("finish", 1.0)
    after = await perform(one.ledger, row, found, "gateway a")
    assert after is not None
    assert (after.state, after.share) == ("done", 1.0)
    moves = await rollout_moves(one.ledger, row.id)
    assert [(move.move, move.who) for move in moves] == [("start", "a test"), ("finish", "gateway a")]
    assert b'"failed"' in moves[-1].body
    one.spine.take_rolled(rolled(await newest_rollouts(one.ledger)))
    assert {request.arm for request in await one.ask_all(20)} == {"new"}


async def test_a_bad_arm_is_rolled_back(desk: MakeDesk, config: Config) -> None:
    """Failures of the new arm count although the old one answers in its place; then all traffic is the old one's."""
    one = desk(new=BUSY)
    row = await begun(one, config)
    await one.ask_all(30)
    after = await perform(one.ledger, row, await look(one.ledger, row), "gateway a")
    assert after is not None
    assert (after.state, after.share) == ("rolled-back", 0.0)
    one.spine.take_rolled(rolled([after]))
    assert {request.arm for request in await one.ask_all(20)} == {"old"}


async def test_of_several_gateways_one_moves(desk: MakeDesk, config: Config) -> None:
    """Four that have seen the same move it once; the others are told that it is moved already."""
    one = desk(new=BUSY)
    row = await begun(one, config)
    await one.ask_all(30)
    found = await look(one.ledger, row)
    moved = await asyncio.gather(*(perform(one.ledger, row, found, f"gateway {n}") for n in range(4)))
    assert sum(after is not None for after in moved) == 1
    assert len(await rollout_moves(one.ledger, row.id)) == 2


async def test_only_the_stage_counts(desk: MakeDesk, config: Config) -> None:
    """What was dealt before the stage began, or with other shares, is no evidence for it."""
    one = desk(new=BUSY)
    await one.ask_all(30)
    row = await begun(one, config)
    found = await look(one.ledger, row)
    assert found.move is None
    assert found.waiting[0] == "20 more requests of the new arm"


async def test_paused_it_only_goes_back(desk: MakeDesk, config: Config) -> None:
    """A paused rollout does not advance, but harm still ends it; resumed it goes on."""
    one = desk()
    await begun(one, config)
    await one.ask_all(80)
    row = await change(one.ledger, "desk", "pause", "a test")
    found = await look(one.ledger, row)
    assert found.move == "finish"
    assert await perform(one.ledger, row, found, "g") is None
    row = await change(one.ledger, "desk", "resume", "a test")
    assert await perform(one.ledger, row, await look(one.ledger, row), "g") is not None
    two = desk(new=BUSY)
    row = await begun(two, config)
    await two.ask_all(40)
    row = await change(two.ledger, "desk", "pause", "a test")
    after = await perform(two.ledger, row, await look(two.ledger, row), "g")
    assert after is not None
    assert after.state == "rolled-back"


async def test_a_person_ends_it(desk: MakeDesk, config: Config) -> None:
    """Abort gives all back; end lets go, so that the file's weights count; neither twice."""
    one = desk()
    await begun(one, config)
    row = await change(one.ledger, "desk", "abort", "a test")
    assert rolled([row])["desk"].weights == {"old": 1.0, "new": 0.0}
    with pytest.raises(DecisionError, match="is aborted; pause is for one that is running"):
        await change(one.ledger, "desk", "pause", "a test")
    row = await change(one.ledger, "desk", "end", "a test")
    assert rolled([row]) == {}
    await begun(one, config)
    assert (await present(one.ledger, "desk")).state == "running"


async def test_one_at_a_time(desk: MakeDesk, config: Config) -> None:
    """A route has one rollout under way; the other one is refused with the way to end it."""
    one = desk()
    await begun(one, config)
    with pytest.raises(DecisionError, match="assay rollout abort desk"):
        await begin(one.ledger, config, "desk", "old", "new", PLAN, "a test")


async def test_routes_that_are_no_such_split(desk: MakeDesk, tmp_path: Path, config: Config) -> None:
    """Another policy, another arm, a third one with a weight, the same twice, no such route: each is told."""
    one = desk()
    three = parse(TOML.replace('"new"]', '"new", "third"]').replace("new = 1 }", "new = 0, third = 1 }").replace(
        "[routes.desk]", '[deployments.third]\nmodel = "x"\ndialect = "scripted"\nscript = "old.json"\n[routes.desk]'
    ).encode(), tmp_path / "assay.toml")  # fmt: skip
    for given, route, new, problem in (
        (config, "dekc", "new", "there is no route"),
        (config, "desk", "other", "is no split between old and other"),
        (three, "desk", "new", "third has a weight"),
        (config, "desk", "old", "both are old"),
    ):
        with pytest.raises(ConfigError, match=problem):
            await begin(one.ledger, given, route, "old", new, PLAN, "a test")
    with pytest.raises(DecisionError, match="no rollout of 'desk'"):
        await present(one.ledger, "desk")
