"""Tokens of an answer in a decision, and what more of them bought, in worlds where the truth is known."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from assay.decision.effort import models_of
from assay.decision.explain import explain
from assay.decision.order import expected
from assay.evals.figures.comparison import compare_runs
from assay.evals.figures.more_tokens import MoreTokens, told_more, told_steps
from assay.evals.runs.run import read_run
from assay.evals.runs.runner import Runner
from assay.evals.runs.tokens import RunTokens, Tokens, told_tokens
from assay.evals.suites.suite import read_suite
from assay.ledger.tokens import AnswerTokens, answer_tokens

World = Any  # of this folder's conftest
VOTE = '[routes.{0}-vote]\ncandidates = ["{0}"]\npolicy = {{ kind = "vote", n = 5{1} }}\n'


def of_one_model(world: World, wrong: int, **thoughts: str) -> Any:
    """Configurations of one model that think so many words; the first one gets so many of 20 samples wrong."""
    toml, scripts = "", {}
    for place, (name, thought) in enumerate(thoughts.items(), start=1):
        rules = [
            {"match": rf"^a {n}\.$", "answer": "no", "reasoning": thought} for n in range(wrong if place == 1 else 0)
        ]
        scripts[f"{name}.json"] = {"rules": [*rules, {"match": "", "answer": "yes", "reasoning": thought}]}
        toml += f'[deployments.{name}]\nmodel = "x/one"\ndialect = "scripted"\nscript = "{name}.json"\n'
        toml += f"price_usd_per_mtok = {{ input = {place}, output = {place} }}\nsettings = {{ max_tokens = 8 }}\n"
    return world._make(toml, scripts)


async def test_a_decision_tells_the_tokens_of_each_candidate(world: World) -> None:
    """Thoughts are part of what is written; the text and the JSON of a decision have them, per candidate."""
    spine = of_one_model(world, 20, short="hm", long="let me think about it")
    decision = await world.choosing(spine, world.suite({"a": 20})).choose()
    short, long = decision.kinds[0].candidates
    assert (short.tokens.output, short.tokens.reasoning, short.tokens.input) == (2, 1, 2)
    assert (long.tokens.output, long.tokens.reasoning, long.tokens.answers) == (6, 5, 16)
    assert decision.models == {"short": "x/one", "long": "x/one"}
    text = explain(decision)
    assert "6 (5 thought)" in text
    told = json.loads(msgspec.json.encode(decision))["kinds"][0]["candidates"][1]["tokens"]
    assert (told["output"], told["interval"]) == (6, [6, 6])


async def test_what_more_thinking_bought_is_told_with_its_interval(world: World) -> None:
    """All against none on the samples that both were asked: it pays, and the text says by how much."""
    suite = world.suite({"a": 20})
    spine = of_one_model(world, 20, short="hm", long="let me think about it")
    decision = await world.choosing(spine, suite).choose()
    (step,) = decision.kinds[0].more_tokens
    assert (step.fewer, step.more, step.difference, step.pays) == ("short", "long", 1.0, True)
    assert step.samples == 5  # after which the first one has certainly failed
    assert f"- {told_more(step)}" in explain(decision)
    assert told_more(step).endswith("+100 points [+39, +100] on 5 samples; it pays")


@pytest.mark.parametrize(("interval", "pays", "words"), [
    ((0.01, 0.2), True, "it pays"), ((-0.2, -0.01), False, "it costs right answers"),
    ((-0.1, 0.3), None, "whether it pays cannot be told"),
])  # fmt: skip
def test_an_interval_that_holds_nothing_cannot_tell(
    interval: tuple[float, float], pays: bool | None, words: str
) -> None:
    """What is said follows from the interval alone."""
    one = MoreTokens(
        fewer="a", more="b", fewer_tokens=100, more_tokens=2500.4, samples=9, difference=0.1, interval=interval
    )
    assert one.pays is pays
    assert told_more(one).startswith("b writes 2,500 tokens an answer, a 100: +10 points [")
    assert told_more(one).endswith(f"on 9 samples; {words}")


async def test_the_calls_of_a_vote_count_together(world: World) -> None:
    """A route's answer takes the tokens of all its calls, those of the cache too; a retried fault takes none."""
    suite = world.suite({"a": 2})
    spine = world.spine({"m": {"a": "++"}}, VOTE.format("m", ", at_once = true"))
    for _ in range(2):  # the second run finds everything in the cache
        runner = Runner(spine, suite, seed=3)
        run = await runner.open("m-vote", fresh=True)
        await runner.complete(run, suite)
        found = [one async for one in answer_tokens(spine.ledger, run.row.id)]
        assert found == [AnswerTokens(sample_id=f"a00{n}", repeat=0, input=10, output=5, reasoning=0) for n in range(2)]
        assert (await RunTokens.read(spine.ledger, run.row.id)).of(suite.samples) == Tokens(
            answers=2, input=10, output=5, reasoning=0, interval=(5, 5)
        )
        assert run.results["a000"].cost_usd == pytest.approx(15e-6)
    assert run.results["a000"].cached


async def test_a_conversation_is_not_told_by_its_last_turn(world: World) -> None:
    """A result names the request of its last turn: without the others its tokens are not known."""
    world.suite({"a": 2})
    path = world.folder / "suite" / "a.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["follow_ups"] = ["and now?"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    suite, spine = read_suite(world.folder / "suite"), world.spine({"m": {"a": "++"}})
    runner = Runner(spine, suite, seed=0)
    run = await runner.open("m")
    await runner.complete(run, suite)
    assert [one.sample_id async for one in answer_tokens(spine.ledger, run.row.id)] == ["a000"]


async def test_repeats_each_count(world: World) -> None:
    """Two answers to a sample are two answers; of samples that are not looked at nothing counts."""
    suite, spine = world.suite({"a": 2, "b": 1}, a="repeats = 2"), world.spine({"m": {"a": "++", "b": "+"}})
    runner = Runner(spine, suite, seed=0)
    run = await runner.open("m")
    await runner.complete(run, suite)
    took = await RunTokens.read(spine.ledger, run.row.id)
    found = took.of(suite.of("a"))
    assert found is not None
    assert found.answers == 4
    assert RunTokens().of(suite.samples) is None


async def test_only_configurations_of_one_model_stand_beside_each_other(world: World) -> None:
    """Two models are no climb; a route over both is of neither."""
    both = '[routes.both]\ncandidates = ["m", "n"]\npolicy = { kind = "fallback" }\n'
    spine = world.spine({"m": {"a": "+"}, "n": {"a": "-"}}, both + VOTE.format("m", ""))
    models = models_of(spine, spine.targets)
    assert models == {"m": "x/m", "n": "x/n", "m-vote": "x/m"}
    suite = world.suite({"a": 1})
    runner = Runner(spine, suite, seed=0)
    runs = [await runner.open(name) for name in ("m", "n", "m-vote")]
    for run in runs:
        await runner.complete(run, suite)
    whole = [await read_run(spine.ledger, run.row) for run in runs]
    compared = compare_runs(whole, suite, models=models)
    assert [(one.fewer, one.more) for one in compared.more_tokens] == [("m", "m-vote")]
    assert [side.figures.tokens.output for side in compared.sides if side.figures.tokens] == [1, 1, 3]
    assert compare_runs(whole, suite).more_tokens == ()


async def test_a_route_that_asks_often_is_expected_to_cost_as_often(world: World) -> None:
    """Cheapest first: five answers of one deployment count five times, one at the least."""
    suite = world.suite({"a": 4})
    spine = world.spine({"m": {"a": "++++"}}, VOTE.format("m", ""))
    one, five = expected(spine, "m", suite.samples), expected(spine, "m-vote", suite.samples)
    assert one is not None
    assert five is not None
    assert five.value == pytest.approx(5 * one.value)
    assert (five.low, five.high) == (one.low, pytest.approx(5 * one.high))
    assert five.method == "sum of m, 5 calls"


def test_a_large_grid_does_not_fill_the_screen() -> None:
    """What can be told is told; of what cannot, the first few and how many more."""

    def step(number: int, low: float) -> MoreTokens:
        return MoreTokens(fewer=f"m{number}", more=f"m{number + 1}", fewer_tokens=1, more_tokens=2, samples=9,
                          difference=0.1, interval=(low, 0.4))  # fmt: skip

    steps = [step(number, 0.01 if number in (7, 9) else -0.2) for number in range(12)]
    lines = told_steps(steps)
    assert [line.partition(" ")[0] for line in lines] == ["m1", "m2", "m8", "m10", "of"]
    assert lines[-1] == "of 8 more such steps it cannot be told whether they pay"
    assert told_steps(steps[:3]) == [told_more(one) for one in steps[:3]]


def test_steps_that_write_equally_many_are_not_told() -> None:
    """What differs there is not tokens, even where more is passed; whole tokens count, as they are told."""
    same = MoreTokens(fewer="a", more="b", fewer_tokens=9.8, more_tokens=10.2, samples=9, difference=0.5,
                      interval=(0.1, 0.9))  # fmt: skip
    more = msgspec.structs.replace(same, more="c", more_tokens=10.6)
    assert told_steps([same]) == []
    assert told_steps([same, more]) == [told_more(more)]


@pytest.mark.parametrize(("tokens", "words"), [
    (None, "-"), (Tokens(answers=1, input=1, output=1850.4, reasoning=1610), "1,850 (1,610 thought)"),
    (Tokens(answers=1, input=1, output=12, reasoning=0), "12"),
    (Tokens(answers=1, input=1, output=12, reasoning=None), "12"),
])  # fmt: skip
def test_tokens_in_words(tokens: Tokens | None, words: str) -> None:
    """What is not known is no number."""
    assert told_tokens(tokens) == words
