"""Measured costs at today's prices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from assay.decision.repriced import TodaysCosts, dearer_now, todays_costs
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.deployment import LiveDeployment
from assay.inference.spine import Spine
from assay.ledger.rows import Outcome

World = Any  # of this folder's conftest


async def run_of(spine: Spine, suite: Suite, *, ask: bool = True, seed: int = 0) -> Any:
    """The run of `m`, asked or only opened."""
    runner = Runner(spine, suite, seed=seed)
    run = await runner.open("m")
    if ask:
        await runner.evaluate(run, suite.samples)
    return run


async def test_the_same_price_is_no_difference(world: World) -> None:
    """Nothing is added, not even a rounding."""
    suite = world.suite({"a": 4, "b": 2})
    spine = world.spine({"m": {"a": "++++", "b": "++"}})
    assert await dearer_now(spine, await run_of(spine, suite)) == {}


async def test_another_price_is_told_by_kind(world: World) -> None:
    """As much more for one answer as its tokens cost more; what the other price made is added up exactly."""
    suite = world.suite({"a": 4, "b": 2})
    spine = world.spine({"m": {"a": "++++", "b": "++"}})
    run = await run_of(spine, suite)
    billed = [row.cost_usd for row in run.answers if row.kind == "a"]
    spine = world.spine({"x": {"a": "++++"}, "m": {"a": "++++", "b": "++"}})  # the second: at 2 instead of 1 USD
    found = await dearer_now(spine, await run_of(spine, suite, ask=False))
    assert set(found) == {"a", "b"}
    assert found["a"] == pytest.approx(sum(billed) / 4)


async def test_a_new_run_counts_as_the_one_before_it(world: World) -> None:
    """A suite that has changed makes a new run, whose answers come from the cache at the cost of then."""
    spine = world.spine({"m": {"a": "++++"}})
    await run_of(spine, world.suite({"a": 4}))
    grown = world.suite({"a": 4, "b": 2})
    spine = world.spine({"x": {"a": "++++"}, "m": {"a": "++++", "b": "++"}})
    found = await dearer_now(spine, await run_of(spine, grown, ask=False))
    assert set(found) == {"a"}


async def test_a_first_run_has_nothing_to_reprice(world: World) -> None:
    """Nothing was billed yet."""
    spine = world.spine({"m": {"a": "++++"}})
    assert await dearer_now(spine, await run_of(spine, world.suite({"a": 4}), ask=False)) == {}


async def test_a_price_that_nobody_knows_any_more_changes_nothing(world: World) -> None:
    """What was billed stands: unknown is not free."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "++++"}})
    await run_of(spine, suite)
    live = spine.targets["m"]
    assert isinstance(live, LiveDeployment)
    live.config, live._price = msgspec.structs.replace(live.config, price_usd_per_mtok=None), None
    assert await dearer_now(spine, await run_of(spine, suite, ask=False)) == {}


async def test_a_target_that_is_gone_changes_nothing(world: World) -> None:
    """A deployment below a route that is configured no longer: as it was billed."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "++++"}})
    run = await run_of(spine, suite)
    del spine.targets["m"]
    assert await dearer_now(spine, run) == {}


async def test_who_is_cheapest_today_is_asked(world: World) -> None:
    """Both pass and both are known: the one whose price has risen is no longer chosen, and nobody is called again."""
    suite = world.suite({"a": 10})
    spine = world.spine({"m": {"a": "+" * 10}, "n": {"a": "+" * 10}})
    for name in ("m", "n"):
        decision = await world.choosing(spine, suite, name, bar=1.0, error=0.0).choose()
    calls = len(world.calls)
    spine = world.spine({"n": {"a": "+" * 10}, "m": {"a": "+" * 10}})  # `n` at 1 USD, `m` at 2
    decision = await world.choosing(spine, suite, bar=1.0, error=0.0).choose()
    assert decision.kinds[0].chosen == "n"
    usd = {one.name: one.usd for one in decision.kinds[0].candidates}
    assert usd["m"] == pytest.approx(2 * usd["n"])
    assert len(world.calls) == calls


def outcome(**more: Any) -> Outcome:
    """An answer of a run."""
    plain = {"run_id": "r", "sample_id": "s", "kind": "a", "value": 1.0, "unscored": None, "cost_basis": "measured",
             "cached": False, "created_at": 50.0, "cost_usd": 0.001}  # fmt: skip
    return Outcome(**(plain | more))


@pytest.mark.parametrize(
    ("row", "usd"),
    [
        (outcome(), 0.003),
        (outcome(created_at=150.0), 0.001),  # asked in this call, at today's price already
        (outcome(created_at=150.0, cached=True), 0.003),  # noted in this call, billed before
        (outcome(kind="b"), 0.001),
        (outcome(cost_usd=None), None),
    ],
)
def test_answers_of_before_cost_what_they_would_today(row: Outcome, usd: float | None) -> None:
    """Those that were billed in this very call, those of other kinds and those of unknown cost stay as they are."""
    found = TodaysCosts(None, {"a": 0.002}, since=100.0).of(row).cost_usd
    assert found == (pytest.approx(usd) if usd is not None else None)


async def test_an_engine_here_is_paid_at_the_rate_of_now(make_spine: Callable[..., Spine]) -> None:
    """Its seconds are known: a new rate counts for what was measured, no rate makes it unknown again."""
    toml = '[deployments.m]\nmodel = "qwen/qwen2.5-coder-0.5b-instruct"\ndialect = "local"\nusd_per_hour = {}\n'
    for rate, usd in (("3.6", 0.002), ("0", 0.0)):
        spine = make_spine(toml.format(rate))
        costs = TodaysCosts(spine.targets["m"], {}, since=100.0)  # type: ignore[arg-type]
        assert costs.of(outcome(engine_s=2.0)).cost_usd == pytest.approx(usd)
    spine = make_spine(toml.replace("usd_per_hour = {}\n", ""))
    assert TodaysCosts(spine.targets["m"], {}, since=100.0).of(outcome(engine_s=2.0)).cost_usd is None  # type: ignore[arg-type]


async def test_a_host_is_paid_by_its_tokens(world: World) -> None:
    """Only an engine here has seconds that are paid."""
    spine = world.spine({"m": {"a": "++++"}})
    assert (await todays_costs(spine, await run_of(spine, world.suite({"a": 4})), 0.0)).engine is None
