"""The runner: bounded, resumable, and honest about what got no score."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import AssayError, BudgetExceeded, LedgerError, WeightsError
from assay.evals.figures.scorecard import scorecard
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Suite
from assay.inference.spine import Spine
from assay.ledger.rows import ResultRow
from assay.ledger.store import SqliteLedger
from assay.providers.provider import Attempted, Meter
from assay.providers.scripted import ScriptedProvider
from assay.types import Event

Tiny = Callable[[int], Suite]
MakeSpine = Callable[..., Spine]

CONFIG = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
concurrency = 64
retries = 0
"""


class Calls:
    """Every call that reached the model: texts, and how many at once."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.running = self.most = 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Counts what reaches scripted models."""
    counted = Calls()
    stream = ScriptedProvider.stream

    async def counting(self: ScriptedProvider, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        counted.texts.append(attempt.request.messages[-1].text)
        counted.running += 1
        counted.most = max(counted.most, counted.running)
        try:
            async for event in stream(self, attempt, meter):
                yield event
        finally:
            counted.running -= 1

    monkeypatch.setattr(ScriptedProvider, "stream", counting)
    return counted


def spine_of(make_spine: MakeSpine, *rules: dict[str, Any], default: str = "yes", config: str = CONFIG) -> Spine:
    """A spine whose model `m` answers by rules."""
    return make_spine(config, {"m.json": {"rules": list(rules), "default": default}})


async def run_all(spine: Spine, suite: Suite, **options: Any) -> tuple[Any, int]:
    """One whole run."""
    runner = Runner(spine, suite, **options)
    run = await runner.open("m")
    asked = await runner.evaluate(run, suite.samples)
    await runner.finish(run)
    return run, asked


async def test_no_more_than_concurrency_samples_are_in_flight(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """`concurrency` bounds what is in flight, and is used to the full."""
    spine = spine_of(make_spine, {"match": "ask", "answer": "yes", "delay_s": 0.01})
    await run_all(spine, tiny(24), concurrency=5)
    assert calls.most == 5
    assert len(calls.texts) == 24


async def test_one_by_one_never_has_two_in_flight(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """Where latency counts, no sample waits for another, whatever the concurrency."""
    spine, suite = spine_of(make_spine, {"match": "ask", "answer": "yes", "delay_s": 0.002}), tiny(6)
    runner = Runner(spine, suite, concurrency=5)
    run = await runner.open("m")
    await runner.evaluate(run, suite.samples, one_by_one=True)
    assert (calls.most, len(calls.texts)) == (1, 6)


async def test_a_target_that_answers_one_at_a_time_is_asked_so(
    make_spine: MakeSpine, tiny: Tiny, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More in flight would only wait for each other, and be asked although the verdict is certain."""
    monkeypatch.setattr(Spine, "one_at_a_time", lambda _spine, _name: True)
    spine, suite = spine_of(make_spine, {"match": "ask", "answer": "yes", "delay_s": 0.002}), tiny(6)
    runner = Runner(spine, suite, concurrency=5)
    run = await runner.open("m")
    assert await runner.evaluate(run, suite.samples, lambda: len(run.results) >= 3) == 3
    assert calls.most == 1


async def test_the_start_of_an_engine_is_no_latency(
    make_spine: MakeSpine, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first sample waited for a local engine to start is paid once: no candidate is too slow for that."""

    async def stream(self: ScriptedProvider, attempt: Attempted, meter: Meter) -> AsyncGenerator[Event, None]:
        meter.load_s = 1000.0
        async for event in original(self, attempt, meter):
            yield event

    original = ScriptedProvider.stream
    monkeypatch.setattr(ScriptedProvider, "stream", stream)
    run, _ = await run_all(make_spine(CONFIG, {"m.json": {"default": "yes"}}), tiny(1))
    assert run.results["w000"].latency_s < -900  # no clock waited so long: it was taken off


async def test_a_prompt_that_does_not_fit_is_a_failed_sample(
    make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger
) -> None:
    """A context too small is no fault that heals: the sample is scored 0, with the host's words."""
    spine = spine_of(make_spine, {"match": r"ask 1\.", "error": "ContextTooLong"})
    run, _ = await run_all(spine, tiny(3))
    row = (await ledger.results(run.row.id))[1]
    assert (row.sample_id, row.value, row.unscored) == ("w001", 0.0, None)
    assert b"context" in row.scores
    assert run.row.finished_at is not None or all(one.value is not None for one in run.results.values())


async def test_a_second_run_asks_nothing(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """The same run again is the same run: no sample is asked, no call is made, the results stand."""
    spine, suite = spine_of(make_spine), tiny(12)
    first, asked = await run_all(spine, suite)
    again, asked_again = await run_all(spine, suite)
    assert (asked, asked_again, len(calls.texts)) == (12, 0, 12)
    assert again.row.id == first.row.id
    assert again.results == first.results
    assert again.row.finished_at is not None


async def test_another_process_continues_a_run(
    make_spine: MakeSpine, tiny: Tiny, calls: Calls, ledger: SqliteLedger
) -> None:
    """A run is found by what decides its answers, not by who began it."""
    suite = tiny(12)
    spine = spine_of(make_spine)
    runner = Runner(spine, suite)
    run = await runner.open("m")
    await runner.evaluate(run, suite.samples[:5])
    other = spine_of(make_spine)
    found, asked = await run_all(other, suite)
    assert (found.row.id, asked, len(calls.texts)) == (run.row.id, 7, 12)


@pytest.mark.parametrize("change", ["script", "prompt", "seed", "suite"])
async def test_another_identity_is_another_run(make_spine: MakeSpine, tiny: Tiny, calls: Calls, change: str) -> None:
    """Another script (weights), prompt, seed or suite is asked anew: old evidence says nothing of it."""
    suite = tiny(4)
    await run_all(spine_of(make_spine), suite)
    spine = spine_of(
        make_spine,
        default="yes " if change == "script" else "yes",
        config=CONFIG + ('settings = { system = "be brief" }' if change == "prompt" else ""),
    )
    later = tiny(5) if change == "suite" else suite
    _, asked = await run_all(spine, later, seed=1 if change == "seed" else 0)
    assert asked == len(later.samples)
    reasked = {"script": 8, "prompt": 8, "seed": 8, "suite": 5}  # equal calls of a changed suite come from the cache
    assert len(calls.texts) == reasked[change]


async def test_unscored_samples_are_asked_again(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """A fault leaves a sample unscored; the next run asks exactly that sample again."""
    spine = spine_of(make_spine, {"match": r"ask 3\.", "error": "ProviderFault", "times": 1})
    suite = tiny(8)
    run, _ = await run_all(spine, suite)
    assert run.results["w003"].value is None
    assert "ProviderFault" in (run.results["w003"].unscored or "")
    assert run.row.finished_at is None
    again, asked = await run_all(spine, suite)
    assert asked == 1
    assert Counter(calls.texts)["ask 3."] == 2
    assert {row.value for row in again.results.values()} == {1.0}


async def test_answers_that_came_are_not_asked_again_when_results_are_lost(
    make_spine: MakeSpine, tiny: Tiny, calls: Calls, ledger: SqliteLedger, tmp_path: Path
) -> None:
    """A crash between answer and grade loses a result, not the answer: it comes from the cache, and is marked."""
    spine, suite = spine_of(make_spine), tiny(6)
    first, _ = await run_all(spine, suite)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("delete from results")
    connection.close()
    again, asked = await run_all(spine, suite)
    assert (asked, len(calls.texts)) == (6, 6)
    assert all(row.cached and row.value == 1.0 and row.latency_s is None for row in again.results.values())
    assert {row.cost_basis for row in again.results.values()} == {row.cost_basis for row in first.results.values()}


async def test_without_cache_the_model_is_asked(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """`fresh` and no cache: every sample reaches the model again."""
    spine, suite = spine_of(make_spine), tiny(6)
    await run_all(spine, suite)
    runner = Runner(spine, suite, use_cache=False)
    run = await runner.open("m", fresh=True)
    await runner.evaluate(run, suite.samples)
    assert len(calls.texts) == 12
    assert not any(row.cached for row in run.results.values())


async def test_a_run_of_another_purpose_is_no_evidence(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """`assay check` re-proves some samples; that run must not stand in for the one of the evidence."""
    spine, suite = spine_of(make_spine), tiny(6)
    first, _ = await run_all(spine, suite)
    runner = Runner(spine, suite, use_cache=False)
    proof = await runner.open("m", fresh=True, purpose="check")
    await runner.evaluate(proof, suite.samples[:2])
    again, asked = await run_all(spine, suite)
    assert (again.row.id, asked) == (first.row.id, 0)


async def test_a_tenth_of_faults_stays_visible(make_spine: MakeSpine, tiny: Tiny) -> None:
    """With faults in 10 % of the samples nothing is dropped and the bounds contain the true share."""
    rules = ({"match": r"ask \d*0\.", "error": "Overloaded"}, {"match": r"ask \d*[1-6]\.", "answer": "yes"})
    suite = tiny(100)
    run, _ = await run_all(spine_of(make_spine, *rules, default="no"), suite)
    card = scorecard(run, suite)
    assert (card.overall.passed, card.overall.failed, card.overall.unscored) == (60, 30, 10)
    assert card.overall.total == 100
    assert sum(card.unscored.values()) == 10
    low, high = card.overall.bounds or (1, 0)
    for truth in (0.60, 0.65, 0.70):  # whatever the ten would have come to
        assert low <= truth <= high
    assert (low, high) == (0.6, 0.7)


async def test_the_stop_condition_is_asked_before_each_sample(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """No sample is begun once the stop condition holds; what is in flight is awaited and counted."""
    seen: list[str] = []

    def note(target: str, row: ResultRow) -> None:
        seen.append(row.sample_id)

    spine, suite = spine_of(make_spine), tiny(20)
    runner = Runner(spine, suite, concurrency=1, on_result=note)
    run = await runner.open("m")
    asked = await runner.evaluate(run, suite.samples, lambda: len(run.results) >= 7)
    assert (asked, len(calls.texts), len(seen), len(run.results)) == (7, 7, 7, 7)
    assert await runner.evaluate(run, suite.samples, lambda: True) == 0


async def test_a_deadline_cuts_a_sample_and_leaves_it_unscored(make_spine: MakeSpine, tiny: Tiny) -> None:
    """A sample that takes longer than the deadline is cut in time and unscored; the others are not touched."""
    spine, suite = spine_of(make_spine, {"match": r"ask 2\.", "delay_s": 30}), tiny(4)
    started = time.monotonic()
    run, _ = await run_all(spine, suite, deadline_s=0.2)
    assert time.monotonic() - started < 5
    assert [run.results[f"w00{n}"].value for n in range(4)] == [1.0, 1.0, None, 1.0]
    assert "Timeout" in (run.results["w002"].unscored or "")


async def test_cancelling_keeps_what_was_done(
    make_spine: MakeSpine, tiny: Tiny, calls: Calls, ledger: SqliteLedger
) -> None:
    """A cancelled evaluation ends soon, its open attempts are settled as cancelled, and a later one continues."""
    rules = ({"match": r"ask [0-4]\.", "answer": "yes"}, {"match": "ask", "answer": "yes", "delay_s": 1.5})
    spine, suite = spine_of(make_spine, *rules), tiny(10)
    runner = Runner(spine, suite, concurrency=10)
    run = await runner.open("m")
    work = asyncio.create_task(runner.evaluate(run, suite.samples))
    async with asyncio.timeout(10):
        while len(run.results) < 5 or calls.running < 5:  # noqa: ASYNC110 - scripted models have no event
            await asyncio.sleep(0.005)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert len(await ledger.results(run.row.id)) == 5
    await ledger.touch()  # what a cancelled attempt came to is on its way; writes keep their order
    states = Counter(row["outcome"] for row in await ledger.attempts())
    assert states == {"ok": 5, "cancelled": 5}
    _, asked = await run_all(spine, suite)
    assert asked == 5


async def test_an_unexpected_error_of_one_sample_is_its_own(
    make_spine: MakeSpine, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake in some part (not an `AssayError`) leaves one sample unscored; the run goes on."""
    real = Spine.answer

    async def broken(self: Spine, request: Any, *rest: Any) -> Any:
        if request.messages[-1].text == "ask 1.":
            raise RuntimeError("a mistake of ours")
        return await real(self, request, *rest)

    monkeypatch.setattr(Spine, "answer", broken)
    run, _ = await run_all(spine_of(make_spine), tiny(4))
    assert [row.value for row in run.results.values()].count(1.0) == 3
    assert "a mistake of ours" in (run.results["w001"].unscored or "")


@pytest.mark.parametrize("error", [WeightsError("gone"), BudgetExceeded("2026-11", need_usd=1, spent_usd=0, held_usd=0,
                                                                        limit_usd=0)])  # fmt: skip
async def test_what_stops_every_sample_stops_the_run(
    make_spine: MakeSpine, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, error: AssayError, ledger: SqliteLedger
) -> None:
    """Missing weights or a spent budget end the evaluation with that very error; nothing is marked as unscored."""

    async def broken(self: Spine, *_: Any) -> Any:
        raise error

    spine, suite = spine_of(make_spine), tiny(20)
    runner = Runner(spine, suite)
    run = await runner.open("m")
    monkeypatch.setattr(Spine, "answer", broken)
    with pytest.raises(type(error)) as caught:
        await runner.evaluate(run, suite.samples)
    assert caught.value is error
    assert await ledger.results(run.row.id) == []


async def test_the_reason_of_a_wrong_answer_is_kept(make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger) -> None:
    """What was answered and what each grader said is in the ledger."""
    run, _ = await run_all(spine_of(make_spine, default="perhaps"), tiny(1))
    (row,) = await ledger.results(run.row.id)
    assert (row.answer, row.value) == ("perhaps", 0.0)
    assert b"normalised" in row.scores


# ----------------------------------------------------------------------------------- what is on record


async def test_a_sample_waits_twice_for_the_ledger(make_spine: MakeSpine, tiny: Tiny) -> None:
    """Its intent is one transaction; its answer, the request and the result are another: more would cost time."""
    spine = spine_of(make_spine)
    said: list[str] = []
    ledger = spine.ledger
    assert isinstance(ledger, SqliteLedger)
    await ledger._writer.write(lambda connection: connection.set_trace_callback(said.append), small=True)
    _, asked = await run_all(spine, tiny(6), concurrency=1)
    assert asked == 6
    assert sum(statement == "commit" for statement in said) <= 2 * 6 + 1  # what was said of the callback
    (rows,) = await ledger._dicts("select count(*) as n from requests", ())
    assert rows["n"] == 6


async def test_a_settlement_that_cannot_be_written_ends_the_run(
    make_spine: MakeSpine, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample whose answer is not on record is not counted as answered, and no further one is asked."""
    spine = spine_of(make_spine)

    def failing(*_: Any) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(LedgerError("the ledger cannot be written: disk full"))
        return future

    monkeypatch.setattr(SqliteLedger, "settle", failing)
    runner = Runner(spine, tiny(6), concurrency=1)
    run = await runner.open("m")
    with pytest.raises(LedgerError, match="disk full"):
        await runner.evaluate(run, tiny(6).samples)
    assert len(run.results) == 0


async def test_what_waits_does_not_stand_in_the_door(make_spine: MakeSpine, tiny: Tiny, calls: Calls) -> None:
    """As many samples as allowed are with the host at the same time, though few are made ready together."""
    spine = spine_of(make_spine, {"answer": "yes", "delay_s": 0.1})
    await run_all(spine, tiny(12), concurrency=12)
    assert calls.most == 12
