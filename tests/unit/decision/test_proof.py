"""`assay check` stops when it is proven, tells what it rests on, goes on after a crash, and lets suites grow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.decision import check as checking
from assay.decision.check import Checking, CheckReport, KindCheck
from assay.decision.lock import Lock, Pin
from assay.decision.pin import pin
from assay.errors import ConfigError
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.spine import Spine

World = Any  # of this folder's conftest
GATE = "gate = true"


async def pinned(
    world: World, outcomes: str, *, tolerated: float = 0.1, bar: float = 0.8, **options: str
) -> tuple[Spine, Lock, Suite]:
    """A kind `a` on which every sample is evidence, pinned with what its samples are."""
    suite = world.suite({"a": len(outcomes)}, a=f"bar = {bar}\n" + options.pop("kind", ""))
    spine = world.spine({"m": {"a": outcomes}}, **options)
    decision = await world.choosing(spine, suite).choose()
    run = decision.runs["m"]
    runner = Runner(spine, suite)
    opened = await runner.open("m")
    await runner.evaluate(opened, suite.samples)
    assert opened.row.id == run
    evidence = tuple(sorted(suite.samples.ids))
    kinds = (msgspec.structs.replace(decision.kinds[0], evidence=evidence),)
    whole = msgspec.structs.replace(decision, kinds=kinds)
    return spine, await pin(spine, whole, tolerated_regression=tolerated, suite=suite), suite


def checker(spine: Spine, lock: Lock, suite: Suite, **options: Any) -> Checking:
    """A call of `assay check`, one sample at a time."""
    concurrency = options.pop("concurrency", 1)
    runner = Runner(spine, suite, seed=lock.seed, use_cache=False, concurrency=concurrency)
    return Checking(spine, lock, suite, runner, **options)


async def one(spine: Spine, lock: Lock, suite: Suite, **options: Any) -> KindCheck:
    """The only pin, proved again."""
    report = await checker(spine, lock, suite, **options).check()
    return report.kinds[0]


def drift(spine: Spine, spoiled: Callable[[int], bool], how: str = "no") -> None:
    """From now on the model says `how` to these samples, or fails (`fault`); nothing that a digest sees has changed."""
    provider: Any = spine.targets["m"].provider  # type: ignore[union-attr]  # a deployment
    real = provider._choose

    def choose(asked: str) -> Any:
        rule, answer = real(asked)
        if not spoiled(int(asked.removeprefix("a ").rstrip("."))):
            return rule, answer
        return (rule, how) if how != "fault" else (msgspec.structs.replace(rule, error="Overloaded"), "")

    provider._choose = choose


async def test_an_unchanged_model_holds_early(world: World) -> None:
    """60 pinned samples, of which 54 passed: a third of the calls prove it, and what was saved is told."""
    spine, lock, suite = await pinned(world, "+" * 54 + "-" * 6)
    before = len(world.calls)
    found = await one(spine, lock, suite)
    assert (found.verdict, found.error) == ("holds", 0.05)
    assert len(world.calls) - before == found.asked <= 30
    assert (found.lost, found.gained, found.tolerated, found.total) == (0, 0, 6, 60)
    assert found.passing is not None
    assert 48 <= found.passing[0] <= 54 <= found.passing[1]


async def test_a_regressed_model_is_found_early(world: World) -> None:
    """Every second answer is wrong now: a dozen calls show it."""
    spine, lock, suite = await pinned(world, "+" * 54 + "-" * 6)
    drift(spine, lambda number: number % 2 == 0)
    found = await one(spine, lock, suite)
    assert found.verdict == "regressed"
    assert found.asked <= 30
    assert found.lost
    assert found.passing is not None
    assert found.passing[1] < 48


async def test_the_verdict_is_the_same_whatever_is_in_flight(world: World) -> None:
    """With eight at once the same beginning of the order decides."""
    spine, lock, suite = await pinned(world, "+" * 54 + "-" * 6)
    drift(spine, lambda number: number % 7 == 0)
    verdicts = {(await one(spine, lock, suite, seed=3, concurrency=width)).verdict for width in (1, 8)}
    assert len(verdicts) == 1


async def test_no_more_is_in_flight_than_could_be_needed(world: World) -> None:
    """The last calls are not overshot: as many are asked with eight in flight as one by one, and one more at most."""
    spine, lock, suite = await pinned(world, "+" * 60)
    asked = [(await one(spine, lock, suite, seed=3, concurrency=width)).asked for width in (1, 8)]
    assert asked[1] <= asked[0] + 1


async def test_full_asks_all_and_is_exact(world: World) -> None:
    """`--full`: every pinned sample, no error, and the passes are known to the sample."""
    spine, lock, suite = await pinned(world, "+" * 20)
    drift(spine, lambda number: number == 1)
    report = await checker(spine, lock, suite, full=True).check()
    found = report.kinds[0]
    assert (found.verdict, found.asked, found.passing, found.error) == ("holds", 20, (19, 19), 0.0)
    assert "exact" in report.guarantee


async def test_without_an_error_the_rest_must_be_unable_to_change_it(world: World) -> None:
    """`--error 0`: of 20 with 2 tolerated, 18 unchanged ones are needed."""
    spine, lock, suite = await pinned(world, "+" * 20)
    assert (await one(spine, lock, suite, error=0.0)).asked == 18


async def test_a_gate_is_proved_without_an_error(world: World) -> None:
    """What must not fail is not left to a probability."""
    spine, lock, suite = await pinned(world, "+" * 20, kind=GATE, bar=0.9)
    found = await one(spine, lock, suite)
    assert (found.verdict, found.error, found.asked) == ("holds", 0.0, 18)


@pytest.mark.parametrize(("bar", "verdict", "wanted"), [(1.0, "regressed", 20), (0.95, "holds", 19)])
async def test_a_gate_never_holds_below_its_bar(world: World, bar: float, verdict: str, wanted: int) -> None:
    """One of twenty leaks now, and two were tolerated: the decision would not have let that through a gate of 100 %."""
    spine, lock, suite = await pinned(world, "+" * 20, kind=GATE, bar=bar)
    drift(spine, lambda number: number == 1)
    found = await one(spine, lock, suite, full=True)
    assert (found.verdict, found.passed) == (verdict, 19)
    assert f"at least {wanted} are wanted" in found.reason


async def test_a_score_that_is_no_decimal_is_not_rounded_up(world: World) -> None:
    """Two thirds passed, and do so again: nothing is tolerated and nothing was lost."""
    spine, lock, suite = await pinned(world, "++-" * 3, tolerated=0.0, bar=0.5)
    assert (await one(spine, lock, suite)).verdict == "holds"


async def test_faults_count_both_ways(world: World) -> None:
    """With too many samples without a score it cannot be told, and the counts say why."""
    spine, lock, suite = await pinned(world, "+" * 20)
    drift(spine, lambda number: number % 2 == 0, "fault")
    found = await one(spine, lock, suite)
    assert found.verdict == "open"
    assert found.unscored >= 3
    assert "are unscored (Overloaded: " in found.reason


async def test_each_check_draws_another_order(world: World) -> None:
    """What one check leaves out, the next one may ask."""
    spine, lock, suite = await pinned(world, "+" * 60)
    asked = []
    for _ in range(2):
        before = len(world.calls)
        await one(spine, lock, suite)
        asked.append(frozenset(world.calls[before:]))
    assert asked[0] != asked[1]


async def test_an_interrupted_check_goes_on(world: World) -> None:
    """Cut after eight answers: the same command asks only the others, in the same order; the next one begins anew."""
    spine, lock, suite = await pinned(world, "+" * 20)
    before = len(world.calls)

    def cutting(target: str, row: Any) -> None:
        if len(world.calls) - before == 8:
            work.cancel()

    runner = Runner(spine, suite, seed=lock.seed, use_cache=False, concurrency=1, on_result=cutting)
    work = asyncio.create_task(Checking(spine, lock, suite, runner, error=0.0).check())
    with pytest.raises(asyncio.CancelledError):
        await work
    first = world.calls[before:]
    found = await one(spine, lock, suite, error=0.0)
    assert (found.verdict, found.asked) == ("holds", 18)
    assert len(world.calls) - before <= 19  # at most the one in flight twice
    assert len(set(world.calls[before:])) == 18
    assert set(first) < set(world.calls[before:])
    assert (await one(spine, lock, suite, error=0.0)).asked == 18
    assert len(world.calls) - before >= 36


async def test_what_a_fault_left_open_counts_once_it_is_answered(world: World) -> None:
    """Cut while its host was down: the first five samples are asked again, and then weigh as all others do."""
    spine, lock, suite = await pinned(world, "+" * 60, tolerated=0.05)
    provider: Any = spine.targets["m"].provider  # type: ignore[union-attr]  # a deployment
    healthy, faults = provider._choose, []

    def cutting(target: str, row: Any) -> None:
        faults.append(row)
        if len(faults) == 5:
            work.cancel()

    drift(spine, lambda number: True, "fault")
    runner = Runner(spine, suite, seed=lock.seed, use_cache=False, concurrency=1, on_result=cutting)
    work = asyncio.create_task(Checking(spine, lock, suite, runner).check())
    with pytest.raises(asyncio.CancelledError):
        await work
    assert all(row.value is None for row in faults)
    provider._choose = healthy
    found = await one(spine, lock, suite)
    assert (found.verdict, found.unscored) == ("holds", 0)
    assert found.asked < 50


async def test_an_old_check_is_not_continued(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers of last week say nothing of now."""
    spine, lock, suite = await pinned(world, "+" * 20)
    drift(spine, lambda number: number % 2 == 0, "fault")
    assert (await one(spine, lock, suite)).verdict == "open"  # stays unfinished
    before = len(world.calls)
    monkeypatch.setattr(checking, "CONTINUES_S", 0.0)
    await one(spine, lock, suite, full=True)
    assert len(world.calls) - before == 20


async def test_only_some_kinds(world: World) -> None:
    """`-k`: the others are named as left out; an unknown one is an error."""
    suite = world.suite({"a": 4, "b": 4})
    spine = world.spine({"m": {"a": "++++", "b": "++++"}})
    lock = await pin(spine, await world.choosing(spine, suite).choose(), tolerated_regression=0.0, suite=suite)
    report: CheckReport = await checker(spine, lock, suite).check(("b",))
    assert [found.kind for found in report.kinds] == ["b"]
    assert report.left_out == ("a",)
    with pytest.raises(ConfigError, match="no kind 'c'"):
        await checker(spine, lock, suite).check(("c",))


# -------------------------------------------------------------------------------------- suites that grow


def append(folder: Path, kind: str, *lines: dict[str, Any]) -> None:
    """More samples of a kind."""
    with (folder / "suite" / f"{kind}.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


async def test_a_suite_that_grew_breaks_no_pin(world: World) -> None:
    """More samples, another kind: the pinned ones are what they were."""
    spine, lock, suite = await pinned(world, "+" * 10)
    append(world.folder, "a", {"id": "new", "input": "a 77.", "target": "yes"})
    table = world.folder / "suite" / "suite.toml"
    append(world.folder, "other", {"id": "o", "input": "x", "target": "y"})
    table.write_text(table.read_text() + '[kinds.other]\nsamples = "other.jsonl"\ngraders = [{ check = "exact" }]\n')
    grown = read_suite(world.folder / "suite")
    assert grown.digest != suite.digest
    assert (await one(spine, lock, grown)).verdict == "holds"


@pytest.mark.parametrize("what", ["question", "answer", "grader", "repeats", "gone"])
async def test_a_change_of_what_is_pinned_breaks_it(world: World, what: str) -> None:
    """Another question, gold answer, grader or number of repeats, or a sample that is gone: changed, nothing asked."""
    spine, lock, _ = await pinned(world, "+" * 10)
    samples, table = world.folder / "suite" / "a.jsonl", world.folder / "suite" / "suite.toml"
    if what == "grader":
        table.write_text(table.read_text().replace('check = "exact"', 'check = "normalised"'))
    elif what == "repeats":
        table.write_text(table.read_text() + "repeats = 2\n")
    else:
        old, new = {"question": ("a 3.", "a 4."), "answer": ("yes", "no"), "gone": ("a003", "b003")}[what]
        samples.write_text(samples.read_text().replace(old, new))
    before = len(world.calls)
    found = await one(spine, lock, read_suite(world.folder / "suite"))
    assert found.verdict == "changed"
    assert ("not in the suite any more" if what == "gone" else "not as they were") in found.reason
    assert len(world.calls) == before


async def test_a_lock_of_version_1_is_still_proved(world: World) -> None:
    """It does not say which samples passed: passes are counted, and the suite as a whole must be unchanged."""
    spine, lock, suite = await pinned(world, "+" * 54 + "-" * 6)
    old = {name: getattr(lock.kinds["a"], name) for name in Pin.__struct_fields__}
    plain = Pin(**{**old, "failed": (), "samples_sha256": ""})
    first = msgspec.structs.replace(lock, version=1, kinds={"a": plain})
    found = await one(spine, first, suite)
    assert (found.verdict, found.lost, found.gained) == ("holds", None, None)
    append(world.folder, "a", {"id": "new", "input": "a 77.", "target": "yes"})
    assert (await one(spine, first, read_suite(world.folder / "suite"))).verdict == "changed"
