"""The runner under rate limits, budgets, faults and repeats: what is lost, what is spent, what is told."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from assay.errors import BudgetExceeded, RateLimited
from assay.evals.figures.scorecard import scorecard
from assay.evals.runs import backlog
from assay.evals.runs.ending import ending
from assay.evals.runs.forecast import forecast
from assay.evals.runs.lanes import complete_all, lanes
from assay.evals.runs.runner import Run, Runner
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.purse import Purse
from assay.inference.spine import Spine
from assay.ledger.store import SqliteLedger

Tiny = Callable[[int], Suite]
MakeSpine = Callable[..., Spine]

PRICED = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
concurrency = 64
retries = 0
price_usd_per_mtok = { input = 10.0, output = 10.0 }
settings = { max_tokens = 100 }
"""


def spine_of(make_spine: MakeSpine, *rules: dict[str, Any], config: str = PRICED, default: str = "yes") -> Spine:
    """A spine whose model `m` answers by rules."""
    return make_spine(config, {"m.json": {"rules": list(rules), "default": default}})


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits heal, and hosts are given up, in fractions of a second."""
    monkeypatch.setattr(backlog, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(backlog, "PATIENCE_S", 0.5)
    monkeypatch.setattr(backlog, "PATIENCE_TOLD_S", 0.5)


async def run_of(spine: Spine, suite: Suite, **options: Any) -> tuple[Run, Runner]:
    """One whole run."""
    runner = Runner(spine, suite, **options)
    run = await runner.open("m")
    await runner.complete(run, suite)
    return run, runner


async def test_a_forecast_is_the_sum_of_what_is_set_aside(
    make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger
) -> None:
    """What is told to cost at most is what the calls hold together, to the byte: nothing is added on the way."""
    spine, suite = spine_of(make_spine), tiny(10)
    runner = Runner(spine, suite)
    run, known = await runner.would_open("m")
    told = forecast(spine, runner, run, suite, known=known).bound_usd
    await runner.complete(await runner.open("m"), suite)
    held = [row["reserved_usd"] for row in await ledger.attempts(limit=500)]
    assert len(held) == 10
    assert told == pytest.approx(sum(held))


BUDGETS = [
    ("", False),
    ("[constraints]\nusd_per_month = 9.0\n", True),
    ("[budgets.all]\nusd = 9.0\n", True),
    ('[budgets.route]\nroute = "r"\nusd = 9.0\n', True),
    ('[budgets.m]\nroute = "m"\nusd = 9.0\n', True),
    ('[budgets.other]\nroute = "other"\nusd = 9.0\n', False),
    ('[budgets.team]\nteam = "shop"\nusd = 9.0\n', False),
]


@pytest.mark.parametrize(("budget", "counts"), BUDGETS)
async def test_a_forecast_knows_every_budget_that_counts(
    make_spine: MakeSpine, tiny: Tiny, budget: str, counts: bool
) -> None:
    """What a budget would refuse, for nobody knows its price, is told before; also where `[budgets]` has set it."""
    config = (
        '[deployments.m]\nmodel = "x/m"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[routes.r]\ncandidates = ["m"]\n[routes.other]\ncandidates = ["m"]\n'
    )
    spine, suite = make_spine(config + budget), tiny(2)
    runner = Runner(spine, suite)
    run, known = await runner.would_open("r")
    found = forecast(spine, runner, run, suite, known=known)
    assert found.bound_usd is None
    assert ("a budget is set" in (found.problem or "")) == counts


# ------------------------------------------------------------------------------------------- limits


async def test_a_rate_limit_that_heals_loses_no_sample(
    make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first forty calls are refused, with no retry in the spine: every sample has its score in the end."""
    monkeypatch.setattr(backlog, "PATIENCE_S", 60.0)
    spine = spine_of(make_spine, {"match": "ask", "error": "RateLimited", "times": 40})
    run, _ = await run_of(spine, tiny(20))
    assert [row.value for row in run.results.values()] == [1.0] * 20
    refused = [row for row in await ledger.attempts(limit=500) if row["outcome"] == "error"]
    assert len(refused) == 40
    assert len(await ledger.results(run.row.id)) == 20


async def test_a_sample_that_is_refused_for_ever_stays_unscored_and_holds_nobody(
    make_spine: MakeSpine, tiny: Tiny
) -> None:
    """The others are answered, the run ends, and the bounds hold what the sample would have been."""
    spine = spine_of(make_spine, {"match": r"ask [37]\.", "error": "RateLimited"})
    suite = tiny(20)
    run, runner = await run_of(spine, suite)
    card = scorecard(run, suite)
    assert (card.overall.passed, card.overall.unscored, card.overall.bounds) == (18, 2, (0.9, 1.0))
    ended = ending(runner, [run], suite)
    assert (ended.unscored, ended.left, ended.stopped) == ({"RateLimited": 2}, 0, None)
    assert ended.told().startswith("2 of 20 answers have no score: 2 RateLimited.")


async def test_repeats_that_are_not_asked_for_any_more_are_not_missed(make_spine: MakeSpine, tiny: Tiny) -> None:
    """Who goes on with fewer repeats than before is told of those alone: what the others lack is not asked for."""
    suite = tiny(10)
    spine = spine_of(make_spine, {"match": r"ask [37]\.", "error": "ProviderFault"})
    await run_of(spine, suite, repeats=3)
    known, once = await run_of(spine, suite, repeats=1)
    assert sum(1 for _ in known.answers) == 30
    ended = ending(once, [known], suite)
    assert (ended.answers, ended.left, ended.unscored) == (10, 0, {"ProviderFault": 2})


async def test_a_host_that_refuses_everything_is_given_up(make_spine: MakeSpine, tiny: Tiny) -> None:
    """Of a host that answers nobody not every sample is asked; what was not is no wrong answer and no unscored one."""
    spine = spine_of(make_spine, {"match": "ask", "error": "RateLimited", "delay_s": 0.02})
    suite = tiny(200)
    runner = Runner(spine, suite, concurrency=2)
    run = await runner.open("m")
    began = time.monotonic()
    with pytest.raises(RateLimited, match="m: its host refuses every call") as caught:
        await runner.complete(run, suite)
    assert time.monotonic() - began < 10
    ended = ending(runner, [run], suite, caught.value)
    assert 0 < ended.left < 200
    assert ended.unscored == {"RateLimited": 200 - ended.left}
    assert f"stopped, with {ended.left} of 200 answers not asked for" in ended.told()


async def test_who_waited_in_vain_is_asked_again(
    make_spine: MakeSpine, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host asks for a pause that is longer than the deadline: who was not sent in it is not lost."""
    monkeypatch.setattr(backlog, "PATIENCE_S", 60.0)
    monkeypatch.setattr(backlog, "PATIENCE_TOLD_S", 60.0)
    rule = {"match": r"ask 0\.", "error": "RateLimited", "retry_after_s": 0.9, "times": 1}
    run, _ = await run_of(spine_of(make_spine, rule), tiny(8), deadline_s=0.4, concurrency=2)
    assert [row.value for row in run.results.values()] == [1.0] * 8


# ------------------------------------------------------------------------------------------- money


async def test_a_budget_is_never_overspent_and_what_was_done_is_kept(
    make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger
) -> None:
    """The evaluation stops before the limit, without an unscored row, and the next one goes on from there."""
    spine, suite = spine_of(make_spine), tiny(100)
    purse = Purse(0.0025, "--max-usd")
    runner = Runner(spine, suite, purse=purse, concurrency=8)
    run = await runner.open("m")
    with pytest.raises(BudgetExceeded) as caught:
        await runner.complete(run, suite)
    done = await ledger.results(run.row.id)
    assert 0 < len(done) < 100
    assert all(row.value == 1.0 for row in done)
    assert sum(row.cost_usd or 0.0 for row in done) == pytest.approx(purse.spent_usd)
    assert 0 < purse.spent_usd <= 0.0025
    assert purse.held_usd == 0
    ended = ending(runner, [run], suite, caught.value, purse)
    assert (ended.left, ended.unscored, ended.limit_usd) == (100 - len(done), {}, 0.0025)

    again = Runner(spine, suite, purse=Purse(10.0, "--max-usd"))
    continued = await again.open("m")
    await again.complete(continued, suite)
    assert (continued.row.id, len(await ledger.results(run.row.id))) == (run.row.id, 100)
    assert not [row for row in await ledger.attempts(limit=500) if row["outcome"] == "cancelled"]


# ------------------------------------------------------------------------------------------- repeats


async def test_repeats_are_answers_of_their_own(make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger) -> None:
    """Each repeat is asked, not answered from the cache with another, and has a row of its own."""
    spine, suite = spine_of(make_spine), tiny(3)
    run, runner = await run_of(spine, suite, repeats=4)
    rows = await ledger.results(run.row.id)
    assert Counter(row.sample_id for row in rows) == {"w000": 4, "w001": 4, "w002": 4}
    assert not any(row.cached for row in rows)
    assert len(await ledger.attempts(limit=50)) == 12
    assert (len(run.results), run.results["w001"].value) == (3, 1.0)
    assert list(runner.missing(run, suite.samples)) == []


async def test_only_the_repeats_that_are_missing_are_asked(make_spine: MakeSpine, tiny: Tiny) -> None:
    """A run continues per sample and repeat: more repeats later, and those that got no score."""
    spine = spine_of(make_spine, {"match": r"ask 1\.", "error": "ProviderFault", "times": 1})
    suite = tiny(3)
    await run_of(spine, suite)
    run, runner = await run_of(spine, suite)
    more = Runner(spine, suite, repeats=3)
    known = await more.open("m")
    assert known.row.id == run.row.id
    assert [known.results[one].value for one in suite.samples.ids] == [None, None, None]
    assert await more.evaluate(known, suite.samples) == 6
    assert list(more.missing(known, suite.samples)) == list(runner.missing(known, suite.samples)) == []


async def test_a_kind_says_how_often_and_what_it_comes_to(
    make_spine: MakeSpine, write_suite: Callable[..., Any], tmp_path: Any
) -> None:
    """`repeats` and `reducer` of a kind are kept to: `all` fails as soon as one answer is wrong."""
    toml = 'name = "r"\nversion = "1"\n[kinds.words]\nsamples = "words.jsonl"\ngraders = [{ check = "exact" }]\n'
    lines = [{"id": f"w{n}", "input": f"ask {n}.", "target": "yes"} for n in range(2)]
    suite = read_suite(write_suite(toml + 'repeats = 3\nreducer = "all"\n', words=lines))
    spine = spine_of(make_spine, {"match": r"ask 1\.", "answer": "no", "times": 1})
    run, _ = await run_of(spine, suite)
    assert {one: run.results[one].value for one in ("w0", "w1")} == {"w0": 1.0, "w1": 0.0}
    card = scorecard(run, suite)
    assert card.overall.passed == 1
    assert card.steadiness["words"].repeats == 3


async def test_an_empty_answer_is_a_wrong_one_and_says_so(
    make_spine: MakeSpine, tiny: Tiny, ledger: SqliteLedger
) -> None:
    """It is no fault, and its row tells it from an answer that says something else."""
    spine = spine_of(make_spine, {"match": r"ask 1\.", "answer": ""}, {"match": r"ask 2\.", "answer": "no"})
    run, _ = await run_of(spine, tiny(3))
    words = {
        row.sample_id: json.loads(row.scores)[0].get("explanation", "") for row in await ledger.results(run.row.id)
    }
    assert {row.sample_id: row.value for row in run.results.values()} == {"w000": 1.0, "w001": 0.0, "w002": 0.0}
    assert words["w001"].startswith("the answer is empty")
    assert "empty" not in words["w002"]


# ------------------------------------------------------------------------------------------- side by side

TWO = PRICED + PRICED.replace("deployments.m]", "deployments.slow]").replace("m.json", "slow.json")


async def test_a_slow_host_does_not_hold_up_another(make_spine: MakeSpine, tiny: Tiny) -> None:
    """Targets are asked side by side: the fast one is done while the slow one has hardly begun."""
    spine = make_spine(
        TWO, {"m.json": {"default": "yes"}, "slow.json": {"rules": [{"match": "ask", "answer": "yes", "delay_s": 0.3}]}}
    )
    suite, order = tiny(6), list[str]()
    runner = Runner(spine, suite, concurrency=6, on_result=lambda target, _: order.append(target))
    runs = {name: await runner.open(name) for name in ("slow", "m")}
    assert await complete_all(runner, spine, runs, suite) is None
    assert order == ["m"] * 6 + ["slow"] * 6


async def test_a_target_that_cannot_go_on_does_not_end_the_others(make_spine: MakeSpine, tiny: Tiny) -> None:
    """What ended one is given back, and the others are complete."""
    spine = make_spine(
        TWO, {"m.json": {"default": "yes"}, "slow.json": {"rules": [{"match": "ask", "error": "RateLimited"}]}}
    )
    suite = tiny(60)
    runner = Runner(spine, suite, concurrency=1)
    runs = {name: await runner.open(name) for name in ("slow", "m")}
    problem = await complete_all(runner, spine, runs, suite)
    assert problem is None or isinstance(problem, RateLimited)
    assert [row.value for row in runs["m"].results.values()] == [1.0] * 60


async def test_engines_on_this_machine_take_turns(make_spine: MakeSpine) -> None:
    """Targets with a local engine, alone or in a route, share a lane; each host has its own."""
    local = '[deployments.{}]\nmodel = "x/m"\ndialect = "local"\nweights = "m.json"\n'
    route = '[routes.both]\ncandidates = ["one", "m"]\npolicy = { kind = "fallback" }\n'
    spine = make_spine(TWO + local.format("one") + local.format("two") + route, {"m.json": {}, "slow.json": {}})
    assert lanes(spine, ["m", "one", "slow", "both", "two"]) == [["one", "both", "two"], ["m"], ["slow"]]
