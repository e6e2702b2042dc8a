"""Choosing, in worlds where the truth is known."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
import tempfile
from collections.abc import AsyncGenerator
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.catalog.load import builtin
from assay.config.load import load, parse
from assay.decision.choose import Choosing
from assay.decision.decision import CandidateResult, Decision, KindDecision, Status
from assay.decision.explain import explain
from assay.decision.pin import pin
from assay.errors import SuiteError
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import read_suite, shuffled
from assay.inference.build import Builder
from assay.ledger.store import SqliteLedger
from assay.providers.scripted import Script, ScriptedProvider

World = Any  # of this folder's conftest


def of(decision: Decision, kind: str) -> KindDecision:
    """One kind of a decision."""
    return next(one for one in decision.kinds if one.name == kind)


def candidate(decision: Decision, kind: str, name: str) -> CandidateResult:
    """One candidate of one kind."""
    return next(one for one in of(decision, kind).candidates if one.name == name)


async def test_the_cheapest_that_passes_is_chosen(world: World) -> None:
    """A cheap failure is passed over, the cheapest that passes wins, a dearer one is not even asked."""
    suite = world.suite({"a": 10})
    spine = world.spine({"bad": {"a": "-" * 10}, "good": {"a": "+" * 8 + "--"}, "best": {"a": "+" * 10}})
    decision = await world.choosing(spine, suite).choose()
    assert of(decision, "a").chosen == "good"
    assert [one.status for one in of(decision, "a").candidates] == [Status.FAILED, Status.CHOSEN, Status.NOT_NEEDED]
    assert candidate(decision, "a", "best").passed == 0
    assert decision.exit_code == 0
    assert decision.asked == decision.asked_now == len(world.calls) < decision.grid == 30


async def test_made_up_samples_do_not_make_a_model_pass(world: World) -> None:
    """Half of the real samples are wrong: a hundred right ones that were made up change nothing, and are not asked."""
    suite = world.suite({"a": 30}, made_up={"a": 20})
    decision = await world.choosing(world.spine({"m": {"a": "+-" * 5 + "+" * 20}}), suite).choose()
    kind = of(decision, "a")
    assert (kind.chosen, kind.total, kind.made_up, kind.left_out) == (None, 10, False, 20)
    assert decision.asked == len(world.calls) <= decision.grid == 10
    assert "the 10 samples of suite 'world' 1; 20 more were made up and decide nothing;" in decision.population
    assert "8 of 10 samples must pass; 20 made-up ones decide nothing" in explain(decision)


async def test_without_real_samples_the_decision_says_that_they_were_made_up(world: World) -> None:
    """A kind that has no others is decided on them: reason, population, text and lock say so."""
    suite = world.suite({"a": 5, "b": 4}, made_up={"a": 5})
    spine = world.spine({"m": {"a": "+++++", "b": "++++"}})
    decision = await world.choosing(spine, suite).choose()
    assert of(decision, "a").reason == "m is the cheapest proven to meet the bar of 80%, on 5 made-up samples"
    assert "the 9 samples of suite 'world' 1; all 5 of a were made up;" in decision.population
    text = explain(decision)
    assert "4 of 5 made-up samples must pass" in text
    assert "4 of 4 made up" in text
    lock = await pin(spine, decision, tolerated_regression=0.0)
    assert {kind: one.made_up for kind, one in lock.kinds.items()} == {"a": True, "b": False}


async def test_overall_rests_on_real_samples(world: World) -> None:
    """Kinds decided together: those that were made up decide nothing, and nothing of them is pinned."""
    suite = world.suite({"a": 6, "b": 4}, made_up={"a": 6})
    spine = world.spine({"m": {"a": "++++++", "b": "+---"}})
    decision = await world.choosing(spine, suite, overall=True).choose()
    assert (decision.kinds[0].chosen, decision.kinds[0].total, decision.kinds[0].left_out) == (None, 4, 6)


async def test_order_is_by_cost_and_not_by_the_order_of_names(world: World) -> None:
    """The candidates' order on the command line decides nothing."""
    suite = world.suite({"a": 5})
    spine = world.spine({"cheap": {"a": "+" * 5}, "dear": {"a": "+" * 5}})
    decision = await world.choosing(spine, suite, "dear", "cheap").choose()
    assert of(decision, "a").chosen == "cheap"


async def test_exactly_the_bar_passes(world: World) -> None:
    """8 of 10 meet a bar of 0.8; 7 of 10 do not."""
    suite = world.suite({"a": 10})
    spine = world.spine({"seven": {"a": "+" * 7 + "---"}, "eight": {"a": "--" + "+" * 8}})
    assert of(await world.choosing(spine, suite).choose(), "a").chosen == "eight"


async def test_kinds_have_their_own_bars_and_winners(world: World) -> None:
    """Each kind is decided by itself, with the suite's bar before the default."""
    suite = world.suite({"a": 10, "b": 10}, a="bar = 0.5")
    spine = world.spine({"cheap": {"a": "+" * 5 + "-" * 5, "b": "-" * 10}, "dear": {"a": "+" * 10, "b": "+" * 10}})
    decision = await world.choosing(spine, suite).choose()
    assert (of(decision, "a").chosen, of(decision, "b").chosen) == ("cheap", "dear")


async def test_forcing_a_bar_wins_over_the_suites(world: World) -> None:
    """`--bar` is for every kind."""
    suite = world.suite({"a": 10}, a="bar = 0.5")
    spine = world.spine({"cheap": {"a": "+" * 5 + "-" * 5}, "dear": {"a": "+" * 10}})
    assert of(await world.choosing(spine, suite, force_bar=0.9).choose(), "a").chosen == "dear"


# ------------------------------------------------------------------------------------- the guarantee


@st.composite
def grids(draw: st.DrawFn) -> tuple[dict[str, str], int, float, int, int]:
    """Outcomes of up to 4 candidates on up to 12 samples, a bar, a seed, a concurrency."""
    total = draw(st.integers(1, 12))
    rows = draw(st.lists(st.text("+-?", min_size=total, max_size=total), min_size=1, max_size=4))
    bar = draw(st.sampled_from([0.01, 0.25, 1 / 3, 0.5, 0.75, 0.8, 0.9, 1.0]))
    outcomes = {f"c{place}": row for place, row in enumerate(rows)}
    return outcomes, total, bar, draw(st.integers(0, 99)), draw(st.sampled_from([1, 3, 8]))


def truth(row: str, bar: float) -> str:
    """The verdict of the full grid: pass, fail, or open because the unscored ones decide."""
    need = math.ceil(Fraction(str(bar)) * len(row))
    if row.count("+") >= need:
        return "pass"
    return "fail" if row.count("+") + row.count("?") < need else "open"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid=grids(), gate=st.booleans())
def test_stopping_early_gives_the_verdict_of_the_full_grid(
    make_world: Any, grid: tuple[dict[str, str], int, float, int, int], gate: bool
) -> None:
    """For random outcomes, bars, orders and concurrency: each verdict is the full grid's, with no more calls."""
    outcomes, total, bar, seed, concurrency = grid

    async def decide(folder: Path) -> Decision:
        ledger = SqliteLedger(folder / "l.db", "relaxed")
        made: list[Any] = []

        def make(toml: str, scripts: dict[str, Any]) -> Any:
            for name, script in scripts.items():
                (folder / name).write_text(json.dumps(script))
            made.append(Builder(builtin()).spine(parse(toml.encode(), folder / "assay.toml"), ledger))
            return made[-1]

        world = make_world(folder, make)
        suite = world.suite({"a": total}, a=f"bar = {bar}\ngate = {'true' if gate else 'false'}")
        spine = world.spine({name: {"a": row} for name, row in outcomes.items()})
        try:
            return await world.choosing(spine, suite, seed=seed, bar=bar, concurrency=concurrency).choose()
        finally:
            await spine.close()
            await ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        decision = asyncio.run(decide(Path(folder)))
    verdicts = {name: truth(row, bar) for name, row in outcomes.items()}
    winner = next((name for name, verdict in verdicts.items() if verdict == "pass"), None)
    assert of(decision, "a").chosen == winner
    assert decision.asked <= decision.grid
    seen_winner = False
    for name, row in outcomes.items():
        found = candidate(decision, "a", name)
        asked = found.passed + found.failed + found.unscored
        assert asked <= total
        if gate:
            assert asked == total  # in full
        elif seen_winner:
            assert (found.status, asked) == (Status.NOT_NEEDED, 0)
            continue
        expected = {"pass": Status.NOT_NEEDED if seen_winner else Status.CHOSEN, "fail": Status.FAILED}
        assert found.status is expected.get(verdicts[name], Status.OPEN), (name, row, bar)
        seen_winner = seen_winner or name == winner


def test_one_sample_at_a_time_stops_at_the_first_certain_moment(world: World) -> None:
    """Asked one by one, not a single sample is asked after the verdict is certain."""

    async def go() -> None:
        suite = world.suite({"a": 12})
        row = "+-++-+++-+++"
        spine = world.spine({"c": {"a": row}})
        decision = await world.choosing(spine, suite, seed=3, bar=0.5).choose()
        order = [int(sample.id[1:]) for sample in shuffled(suite.samples, 3)]
        passed, asked = 0, 0
        for number in order:
            asked += 1
            passed += row[number] == "+"
            if passed >= 6:
                break
        assert decision.asked == len(world.calls) == asked

    asyncio.run(go())


# ------------------------------------------------------------------------------------------- gates


async def test_gates_are_run_in_full_and_bar_what_they_guard(world: World) -> None:
    """Every candidate is asked every sample of a gate; who fails it is not asked what the gate guards."""
    suite = world.suite({"leak": 6, "a": 4, "b": 4}, leak='gate = true\nbar = 1.0\nguards = ["a"]')
    spine = world.spine(
        {"leaky": {"leak": "+++++-", "a": "++++", "b": "++++"}, "tight": {"leak": "++++++", "a": "++++", "b": "----"}}
    )
    decision = await world.choosing(spine, suite).choose()
    assert sum(text.startswith("leak") for text in world.calls) == 12
    assert candidate(decision, "a", "leaky").status is Status.GATED
    assert "leak" in candidate(decision, "a", "leaky").reason
    assert of(decision, "a").chosen == "tight"
    assert of(decision, "b").chosen == "leaky"  # this gate does not stand before b
    assert candidate(decision, "leak", "leaky").failure_bound is not None


async def test_a_gate_without_guards_stands_before_everything(world: World) -> None:
    """A planted leaker is caught: nothing is chosen for any kind, however good it is at it."""
    suite = world.suite({"leak": 5, "a": 4, "b": 4}, leak="gate = true\nbar = 1.0")
    spine = world.spine({"leaky": {"leak": "++++-", "a": "++++", "b": "++++"}})
    decision = await world.choosing(spine, suite).choose()
    assert [one.chosen for one in decision.kinds] == [None, None, None]
    assert decision.exit_code == 1
    assert len(world.calls) == 5


async def test_a_gate_that_cannot_be_told_is_not_passed(world: World) -> None:
    """Unscored gate samples leave it open whether the candidate leaks; nothing is chosen behind it: exit 4."""
    suite = world.suite({"leak": 5, "a": 4}, leak="gate = true\nbar = 1.0")
    spine = world.spine({"m": {"leak": "++?++", "a": "++++"}})
    decision = await world.choosing(spine, suite).choose()
    assert of(decision, "a").chosen is None
    assert candidate(decision, "a", "m").status is Status.OPEN
    assert decision.exit_code == 4
    assert not any(text.startswith("a ") for text in world.calls)


async def test_who_may_not_be_asked_at_a_gate_has_not_passed_it(world: World) -> None:
    """A candidate excluded from a private gate (its data may not go there) is not chosen for what it guards."""
    suite = world.suite({"leak": 3, "a": 3}, leak='gate = true\nbar = 1.0\nlabel = "private-only"')
    spine = world.spine({"m": {"leak": "+++", "a": "+++"}}, m="private = false")
    decision = await world.choosing(spine, suite).choose()
    assert candidate(decision, "leak", "m").status is Status.EXCLUDED
    assert candidate(decision, "a", "m").status is Status.GATED
    assert of(decision, "a").chosen is None
    assert world.calls == []


async def test_a_gate_without_samples_is_an_error(world: World) -> None:
    """A split that leaves a gate without samples cannot be chosen on: the gate would hold nothing back."""
    suite = world.suite({"leak": 3, "a": 3}, leak="gate = true")
    spine = world.spine({"m": {}})
    cut = suite.only(("a", "leak"))
    only_a = tuple(sample for sample in cut.samples if sample.kind == "a")
    with pytest.raises(SuiteError, match="the gate 'leak' has no samples"):
        await world.choosing(spine, msgspec.structs.replace(cut, samples=only_a)).choose()


async def test_the_workshops_planted_leaker_is_caught(ledger: SqliteLedger, tmp_path: Path) -> None:
    """The example's gate catches the deployment that was made to leak, and nothing it guards is chosen."""
    file = Path(__file__).parents[3] / "examples/workshop/leaker.toml"
    if not file.exists():
        pytest.skip("the example has no planted leaker")
    config = load(file).config
    spine = Builder(builtin()).spine(config, ledger)
    suite = read_suite(config.decide.suite or "")
    names = config.decide.candidates or ()
    decision = await Choosing(spine, suite, names, Runner(spine, suite), bar=0.8, seed=0).choose()
    await spine.close()
    gates = [one for one in decision.kinds if one.gate]
    assert gates
    assert all(one.chosen is None for one in gates if "leak" in one.name)
    guarded = [kind for kind in suite.kinds.values() if kind.name.startswith("leak")]
    for gate in guarded:
        for name in set(gate.guards or suite.kinds) - {one.name for one in gates}:
            assert candidate(decision, name, names[0]).status is Status.GATED


# ------------------------------------------------------------------------- who could not be asked


HOSTED = """
[deployments.hosted]
model = "anthropic/claude-sonnet-4-5"
dialect = "openai"
base_url = "http://127.0.0.1:9"
api_key_env = "ASSAY_TEST_NO_SUCH_KEY"
"""


async def test_a_hosted_candidate_without_a_key_is_unproven(world: World) -> None:
    """It is not called, not failed, and has no figure that was not measured."""
    suite = world.suite({"a": 4})
    spine = world.spine({"bad": {"a": "----"}}, HOSTED)
    decision = await world.choosing(spine, suite).choose()
    found = candidate(decision, "a", "hosted")
    assert found.status is Status.UNPROVEN
    assert "ASSAY_TEST_NO_SUCH_KEY" in found.reason
    measured = (found.passed, found.failed, found.unscored, found.interval, found.failure_bound, found.p95_s)
    assert measured == (0, 0, 0, None, None, None)
    assert (found.usd, found.engine_s) == (None, None)
    assert "nothing is claimed of hosted" in of(decision, "a").reason
    assert decision.grid == 4, "what nobody could have asked is not saved"
    assert decision.exit_code == 1


async def test_a_route_without_keys_is_unproven_too(world: World) -> None:
    """A route all of whose candidates lack a key is unproven, not excluded."""
    suite = world.suite({"a": 4})
    route = '[routes.r]\ncandidates = ["hosted"]\n'
    spine = world.spine({"good": {"a": "++++"}}, HOSTED + route)
    decision = await world.choosing(spine, suite, "r").choose()
    assert candidate(decision, "a", "r").status is Status.UNPROVEN


async def test_when_nobody_could_be_asked_it_cannot_be_told(world: World) -> None:
    """No evidence at all is not a "no": exit code 4."""
    suite = world.suite({"a": 4})
    spine = world.spine({}, HOSTED)
    decision = await world.choosing(spine, suite).choose()
    assert of(decision, "a").open
    assert decision.exit_code == 4


async def test_missing_weights_are_unproven(world: World) -> None:
    """A local model whose weights are not on this machine is unproven with that reason; the others are decided."""
    suite = world.suite({"a": 4})
    local = '[deployments.local]\nmodel = "x/y"\ndialect = "local"\nweights = "no-package-of-this-name:w.gguf"\n'
    spine = world.spine({"good": {"a": "++++"}}, local)
    decision = await world.choosing(spine, suite).choose()
    assert candidate(decision, "a", "local").status is Status.UNPROVEN
    assert of(decision, "a").chosen == "good"


async def test_a_forbidden_candidate_is_excluded_with_the_constraint(world: World) -> None:
    """Private work never reaches a deployment that is not private, not even to measure it."""
    suite = world.suite({"a": 4}, a='label = "private-only"')
    spine = world.spine({"out": {"a": "++++"}, "own": {"a": "++++"}}, out="private = false")
    decision = await world.choosing(spine, suite).choose()
    assert candidate(decision, "a", "out").status is Status.EXCLUDED
    assert of(decision, "a").chosen == "own"
    assert decision.asked == decision.grid == 4


# --------------------------------------------------------------------------- open, none, latency, all


async def test_unscored_samples_that_decide_leave_it_open(world: World) -> None:
    """Faults can decide: then it cannot be told, exit code 4, and the next call asks exactly those again."""
    suite = world.suite({"a": 10})
    spine = world.spine({"m": {"a": "+" * 7 + "??-"}})
    decision = await world.choosing(spine, suite).choose()
    assert candidate(decision, "a", "m").status is Status.OPEN
    assert (of(decision, "a").chosen, of(decision, "a").open, decision.exit_code) == (None, True, 4)
    before = len(world.calls)
    again = await world.choosing(spine, suite).choose()
    assert again.exit_code == 4
    assert sorted(world.calls[before:]) == ["a 7.", "a 8."]


async def test_unscored_samples_that_do_not_decide_do_not_matter(world: World) -> None:
    """With the bar met on the others, faults change nothing."""
    suite = world.suite({"a": 10})
    spine = world.spine({"m": {"a": "+" * 8 + "??"}})
    assert of(await world.choosing(spine, suite).choose(), "a").chosen == "m"


async def test_when_none_passes_the_moves_are_listed(world: World) -> None:
    """That none passes names what came closest and what is left to do; exit code 1."""
    suite = world.suite({"a": 10})
    spine = world.spine({"bad": {"a": "-" * 10}, "near": {"a": "+" * 7 + "---"}}, HOSTED)
    decision = await world.choosing(spine, suite).choose()
    kind = of(decision, "a")
    assert (kind.chosen, decision.exit_code) == (None, 1)
    text = "\n".join(kind.moves)
    for words in ("near came closest", "larger open model", "hosted: not proven here", "split the work", "tuning"):
        assert words in text
    assert "; assay pull " in text, "of all larger models, one that can be had and was taught to answer"
    assert of(await world.choosing(spine, suite, "near").choose(), "a").moves[0].startswith("another configuration")


async def test_a_mixture_of_no_and_open_is_no(world: World) -> None:
    """One kind that certainly nobody passes makes the answer 1, even beside one that cannot be told."""
    suite = world.suite({"a": 4, "b": 4})
    spine = world.spine({"m": {"a": "----", "b": "+++?"}})
    assert (await world.choosing(spine, suite, bar=1.0).choose()).exit_code == 1


async def test_a_candidate_above_the_latency_limit_is_not_chosen(world: World) -> None:
    """A right but slow candidate fails the envelope; the reason has both figures."""
    suite = world.suite({"a": 4})
    spine = world.spine({"slow": {"a": "++++"}, "fast": {"a": "++++"}})
    slow = spine.targets["slow"].provider
    real = slow.stream

    async def late(*arguments: Any) -> AsyncGenerator[Any, None]:
        await asyncio.sleep(0.15)
        async for event in real(*arguments):
            yield event

    slow.stream = late
    decision = await world.choosing(spine, suite, p95_latency_s=0.1).choose()
    assert candidate(decision, "a", "slow").status is Status.FAILED
    assert "above the limit of 0.1 s" in candidate(decision, "a", "slow").reason
    assert of(decision, "a").chosen == "fast"


async def test_a_kinds_own_latency_limit_is_a_gate_of_that_kind(world: World) -> None:
    """The stricter of the kind's limit and the envelope's counts, and only for that kind."""
    suite = world.suite({"a": 4, "b": 4}, a="p95_latency_s = 0.2")
    spine = world.spine({"slow": {}, "quick": {}})
    slow = {"rules": [{"match": ".", "answer": "yes", "delay_s": 0.3}]}
    (world.folder / "slow.json").write_text(json.dumps(slow))
    spine.targets["slow"].provider = ScriptedProvider(Script.read(str(world.folder / "slow.json")))
    decision = await world.choosing(spine, suite, p95_latency_s=5.0).choose()
    assert (of(decision, "a").chosen, of(decision, "b").chosen) == ("quick", "slow")
    assert "above the limit of 0.2 s" in candidate(decision, "a", "slow").reason


async def test_a_latency_limit_is_held_against_all_samples(world: World) -> None:
    """What was not asked might be slow: who passes is asked in full, who fails the bar no longer than elsewhere."""
    suite = world.suite({"a": 4}, a="p95_latency_s = 60.0\nbar = 0.5")
    decision = await world.choosing(world.spine({"bad": {"a": "----"}, "good": {"a": "++++"}}), suite).choose()
    assert of(decision, "a").chosen == "good"
    asked = [candidate(decision, "a", name) for name in ("bad", "good")]
    assert [one.passed + one.failed for one in asked] == [3, 4]


async def test_a_latency_that_was_not_measured_does_not_meet_a_limit(world: World) -> None:
    """Answers from the cache have no latency: with a limit set it cannot be told, and nothing is invented."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "++++"}})
    await world.choosing(spine, suite).choose()
    bigger = world.suite({"a": 4}, a='description = "same samples, another suite"')
    decision = await world.choosing(spine, bigger, p95_latency_s=1.0).choose()
    assert len(world.calls) == 4
    assert candidate(decision, "a", "m").status is Status.OPEN
    assert decision.exit_code == 4


async def test_overall_decides_one_candidate_for_all_kinds(world: World) -> None:
    """`--overall` pools the kinds that are no gates; gates stay by themselves."""
    suite = world.suite({"leak": 3, "a": 5, "b": 5}, leak="gate = true\nbar = 1.0")
    spine = world.spine(
        {
            "leaky": {"leak": "++-", "a": "+++++", "b": "+++++"},
            "half": {"leak": "+++", "a": "+++++", "b": "-----"},
            "good": {"leak": "+++", "a": "+++++", "b": "+++--"},
        }
    )
    decision = await world.choosing(spine, suite, overall=True).choose()
    assert [one.name for one in decision.kinds] == ["leak", "overall"]
    kind = of(decision, "overall")
    assert (kind.kinds, kind.total, kind.chosen) == (("a", "b"), 10, "good")
    assert candidate(decision, "overall", "leaky").status is Status.GATED


# ------------------------------------------------------------------------------------ asking again


def _same(decision: Decision) -> list[Any]:
    """What must not change between two calls."""
    return [
        (
            kind.name,
            kind.chosen,
            kind.reason,
            [(one.name, one.status, one.passed, one.failed) for one in kind.candidates],
        )
        for kind in decision.kinds
    ]


async def test_the_same_choice_again_asks_nothing(world: World, ledger: SqliteLedger) -> None:
    """Second call, and again with the cache deleted: the same decision with no model call and no cost."""
    suite = world.suite({"leak": 4, "a": 8, "b": 8}, leak="gate = true")
    rows = {"leak": "++++", "a": "+-+-+-+-", "b": "++++++++"}
    spine = world.spine({"one": rows, "two": {**rows, "a": "++++++++"}})
    first = await world.choosing(spine, suite, seed=7, concurrency=8).choose()
    made = len(world.calls)
    second = await world.choosing(spine, suite, seed=7, concurrency=8).choose()
    assert await ledger.clear_replies() == made
    third = await world.choosing(spine, suite, seed=7, concurrency=8).choose()
    assert len(world.calls) == made
    assert _same(first) == _same(second) == _same(third)
    assert (first.asked_now, second.asked_now, third.asked_now) == (made, 0, 0)
    assert not second.spent_usd
    other = await world.choosing(spine, suite, seed=8).choose()
    assert other.asked_now > 0
    assert [one.chosen for one in other.kinds] == [one.chosen for one in first.kinds]


async def test_a_cleared_ledger_of_results_is_filled_from_the_cache(world: World, tmp_path: Path) -> None:
    """Results that were lost come back from the answers that were kept, with the same decision."""
    suite = world.suite({"a": 10})
    spine = world.spine({"bad": {"a": "-" * 10}, "good": {"a": "+" * 10}})
    first = await world.choosing(spine, suite).choose()
    made = len(world.calls)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("delete from results")
    connection.close()
    second = await world.choosing(spine, suite).choose()
    assert (len(world.calls), _same(second)) == (made, _same(first))


async def test_the_evidence_is_what_was_scored(world: World) -> None:
    """The chosen candidate's evidence names the samples that were asked, of this choice's samples only."""
    suite = world.suite({"a": 10})
    spine = world.spine({"m": {"a": "+" * 10}})
    decision = await world.choosing(spine, suite, bar=0.5).choose()
    assert len(of(decision, "a").evidence) == 5
    assert of(await world.choosing(spine, world.suite({"b": 3})).choose(), "b").evidence == ("b000", "b001", "b002")


async def test_what_was_spent_counts_every_repeat(world: World, ledger: SqliteLedger) -> None:
    """A sample that is asked three times costs three answers; `asked` counts samples."""
    suite = world.suite({"a": 4}, a="repeats = 3")
    decision = await world.choosing(world.spine({"one": {}}), suite).choose()
    rows = await ledger.results(next(iter(decision.runs.values())))
    assert (len(rows), decision.asked) == (12, 4)
    assert decision.spent_usd == pytest.approx(sum(row.cost_usd or 0.0 for row in rows))
