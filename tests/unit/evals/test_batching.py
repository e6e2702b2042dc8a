"""Suites that are asked in batches: half the price, no latency, and nothing lost whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import BudgetExceeded
from assay.evals.runs.batching import complete_in_batches
from assay.evals.runs.run import Run
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.batch_desk import BatchDesk, Patience
from assay.inference.purse import Purse
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger
from batch_stub import FULL_USD, STUBS, stub

WriteSuite = Callable[..., Path]
MakeSpine = Callable[..., Spine]
EVERY = pytest.mark.parametrize("name", sorted(STUBS))
QUICK = Patience(first_s=0.005, most_s=0.01, tries=1, listed_s=0.0)
TOML = """
name = "tiny"
version = "1"
[kinds.words]
samples = "words.jsonl"
graders = [{ check = "exact" }]
"""


def a_suite(write_suite: WriteSuite, count: int = 4, toml: str = TOML, **more: Any) -> Suite:
    """`word N` wants `WORD N`, but for the last sample, which wants something else."""
    lines = [{"id": f"w{n}", "input": f"word {n}", "target": f"WORD {n}", **more} for n in range(count)]
    lines[-1]["target"] = "something else"
    return read_suite(write_suite(toml, words=lines))


async def evaluate(
    spine: Spine, suite: Suite, *targets: str, within_s: float | None = 5.0, **more: Any
) -> tuple[list[Run], int]:
    """What `assay eval --batch` does."""
    desk = BatchDesk(spine.targets, spine.constraints, spine.ledger, patience=QUICK)
    await desk.open()
    runner = Runner(spine, suite, desk=desk, **more)
    runs = [await runner.open(target) for target in targets or ("up",)]
    problem = await complete_in_batches(runner, runs, suite, desk, within_s)
    if problem is not None:
        raise problem
    return runs, sum(len(run.waiting) for run in runs)


async def rows_of(ledger: SqliteLedger, run: Run) -> dict[str, Any]:
    """The rows of a run, by sample."""
    return {row.sample_id: row for row in await ledger.results(run.row.id)}


@EVERY
async def test_a_run_in_batches_is_scored_like_any_other(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger, name: str
) -> None:
    """Scores are those of the answers; each row is marked, has half the cost and no latency; the run is complete."""
    async with stub(name) as up:
        [run], waiting = await evaluate(make_spine(up.toml("up")), a_suite(write_suite))
        assert list(map(sorted, up.texts)) == [["word 0", "word 1", "word 2", "word 3"]]
    found = await rows_of(ledger, run)
    assert {sample: row.value for sample, row in found.items()} == {"w0": 1.0, "w1": 1.0, "w2": 1.0, "w3": 0.0}
    assert {(row.batched, row.latency_s, row.cost_basis) for row in found.values()} == {(True, None, "measured")}
    assert [row.cost_usd for row in found.values()] == [pytest.approx(FULL_USD / 2)] * 4
    assert waiting == 0
    [kept] = await ledger.runs()
    assert kept.finished_at is not None


async def test_two_targets_wait_at_the_same_time(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger
) -> None:
    """All jobs are sent before any of them is waited for."""
    async with stub("openai", polls=3) as one, stub("anthropic") as two:
        spine = make_spine(one.toml("one") + two.toml("two"))
        runs, waiting = await evaluate(spine, a_suite(write_suite), "one", "two")
        assert (waiting, [len(await rows_of(ledger, run)) for run in runs]) == (0, [4, 4])
        assert one.jobs[0].looks > 1


@EVERY
async def test_without_waiting_the_next_run_picks_up(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger, name: str
) -> None:
    """`--no-wait` sends and leaves; the same command later continues the run and pays nothing twice."""
    async with stub(name, polls=2) as up:
        spine, suite = make_spine(up.toml("up")), a_suite(write_suite)
        [run], waiting = await evaluate(spine, suite, within_s=0.0)
        assert (waiting, await rows_of(ledger, run)) == (4, {})
        [again], waiting = await evaluate(spine, suite)
        assert (waiting, again.row.id, len(await rows_of(ledger, again))) == (0, run.row.id, 4)
        assert len(up.jobs) == 1


async def test_an_error_is_a_third_state_and_is_asked_again_next_time(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger
) -> None:
    """What failed is unscored with its reason and its cost; the next run in batches asks for that alone."""
    fates = {"word 1": "expired", "word 2": "missing"}
    async with stub("openai", fate=lambda text: fates.get(text, "ok")) as up:
        spine, suite = make_spine(up.toml("up")), a_suite(write_suite)
        [run], _ = await evaluate(spine, suite)
        found = await rows_of(ledger, run)
        assert [("expired" in found["w1"].unscored), ("leave this request out" in found["w2"].unscored)] == [True, True]
        assert [(found[one].cost_basis, found[one].batched, found[one].latency_s) for one in ("w1", "w2")] == [
            ("none", True, None), ("unknown", True, None),
        ]  # fmt: skip
        up.fate = lambda text: "ok"
        [run], _ = await evaluate(spine, suite)
        assert (await rows_of(ledger, run))["w1"].value == 1.0
        assert list(map(sorted, up.texts[1:])) == [["word 1", "word 2"]]


async def test_a_conversation_takes_a_batch_for_each_turn(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger
) -> None:
    """The second turn is asked when the first has been answered, with that answer in it."""
    async with stub("openai") as up:
        suite = a_suite(write_suite, 2, follow_ups=["and now?"])
        [run], waiting = await evaluate(make_spine(up.toml("up")), suite)
        second = sorted([turn["content"] for turn in one["messages"]] for one in up.jobs[1].asked.values())
        assert second[0] == ["word 0", "WORD 0", "and now?"]
    assert (waiting, {row.answer for row in (await rows_of(ledger, run)).values()}) == (0, {"AND NOW?"})


async def test_repeats_are_requests_of_their_own(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger
) -> None:
    """A sample that is asked three times stands in the job three times."""
    async with stub("openai") as up:
        suite = a_suite(write_suite, 2)
        [run], waiting = await evaluate(make_spine(up.toml("up")), suite, repeats=3)
        assert (waiting, len(up.texts[0])) == (0, 6)
    assert len(await ledger.results(run.row.id)) == 6


async def test_a_purse_ends_the_asking_and_what_was_left_is_sent(
    make_spine: MakeSpine, write_suite: WriteSuite, ledger: SqliteLedger
) -> None:
    """What fits is sent, waited for and scored, and then the run ends for want of money."""
    async with stub("openai") as up:
        toml = up.toml("up", "price_usd_per_mtok = { input = 1.0, output = 2.0 }\nsettings = { max_tokens = 50 }")
        spine, suite = make_spine(toml), a_suite(write_suite)
        with pytest.raises(BudgetExceeded):
            await evaluate(spine, suite, purse=Purse(0.0003, "this eval"))
        sent = len(up.texts[0])
        assert 0 < sent < 4
        assert len(await ledger.results((await ledger.runs())[0].id)) == sent
        _, waiting = await evaluate(spine, suite)
        assert (waiting, sum(map(len, up.texts))) == (0, 4)
