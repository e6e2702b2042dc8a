"""The search on dev: what wins, what is kept, what it may cost, and what no prompt ever shows."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from prompt_world import FOLLOWS_EXAMPLES, PromptWorld, sample, some

from assay.decision.adapting.adaptation import Adaptation, KindAdaptation
from assay.decision.adapting.adapting import adapted_name
from assay.errors import BudgetExceeded, ConfigError, SuiteError
from assay.inference.deployment import LiveDeployment
from assay.inference.identity import target_facts


def only(found: tuple[Adaptation, ...]) -> tuple[Adaptation, KindAdaptation]:
    """The one candidate and its one kind."""
    ((one,),) = (found,)
    (kind,) = one.kinds
    return one, kind


async def test_a_prompt_that_helps_wins(world: PromptWorld) -> None:
    """With examples the model does its work; of two such prompts that pass as many the one that sends less wins."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some()})
    found, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert (kind.won, found.adapted) == ("2 examples", "small+adapted")
    assert [(one.passed, one.scored) for one in kind.tried] == [(0, 8), (8, 8), (0, 8), (8, 8)]
    adapted = spine.targets["small+adapted"]
    assert isinstance(adapted, LiveDeployment)
    assert len(adapted.prompt("say").examples) == 2
    assert adapted.config.only_kinds == ("say",)
    assert set(spine.targets) == {"small", "small+adapted"}


async def test_equal_prompts_keep_the_configured_one(world: PromptWorld) -> None:
    """A model that is right whatever it is shown keeps its prompt, and no candidate is added."""
    script = {"rules": [{"match": r"(?s)say (\w+) \w+ =>$", "answer": "{1}"}], "default": "what?"}
    spine, suite = world.spine(small=script), world.suite({"say": some()})
    found, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert (found.adapted, kind.won, kind.settings) == (None, None, None)
    assert "kept as configured" in kind.reason
    assert set(spine.targets) == {"small"}


async def test_a_lead_that_may_be_luck_is_none(world: PromptWorld) -> None:
    """Two wins of eight without a loss come from equal prompts in a quarter of cases: too often."""
    lucky = [f"{word['target']}" for word in some()[:12]]
    rules = [
        {"match": rf"(?s)=> \w+\n\n.*say ({word}) \w+ =>$", "answer": "{1}"} for word in lucky[2:4]
    ]  # two that are scored, with examples before them
    spine, suite = world.spine(small={"rules": rules, "default": "what?"}), world.suite({"say": some()})
    _, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    best = max(one.passed for one in kind.tried)
    assert 0 < best <= 2
    assert kind.won is None
    assert "two equal prompts show such a lead" in kind.reason


@pytest.mark.parametrize("answers", [16, 24, 40, 64, 200])
async def test_the_number_of_answers_is_never_exceeded(world: PromptWorld, answers: int) -> None:
    """Whatever is tried, no candidate looks at more dev answers of a kind, and all that is told is that number."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some(30)})
    found, kind = only(await world.adapting(spine, suite, answers).adapt(["small"]))
    assert len(world.calls) == found.spending.answers == found.spending.asked_now <= answers
    assert len(kind.tried) >= 2


async def test_candidates_have_the_same_number_of_answers(world: PromptWorld) -> None:
    """Nobody is favoured: what one cannot use is not given to another."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES, other=FOLLOWS_EXAMPLES), world.suite({"say": some(40)})
    found = await world.adapting(spine, suite).adapt(["small", "other"])
    assert [one.answers for one in found] == [64, 64]
    assert found[0].spending.answers == found[1].spending.answers <= 64
    assert [one.candidate for one in found] == ["small", "other"]


async def test_the_same_search_again_asks_nothing(world: PromptWorld) -> None:
    """Answers are kept under what decides them, so that the same call finds them, and comes to the same."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some()})
    first = await world.adapting(spine, suite).adapt(["small"])
    asked = len(world.calls)
    del spine.targets["small+adapted"]
    again = await world.adapting(spine, suite).adapt(["small"])
    assert len(world.calls) == asked
    assert again[0].kinds == first[0].kinds
    assert again[0].spending.asked_now == 0
    assert again[0].spending.answers == first[0].spending.answers


async def test_a_search_that_was_killed_goes_on(world: PromptWorld) -> None:
    """Cancelled in the middle, it loses what was in flight and asks nothing twice."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some(20)})
    reached = asyncio.Event()

    def count(target: str, row: Any) -> None:
        if len(world.calls) >= 20:
            reached.set()

    task = asyncio.create_task(world.adapting(spine, suite, on_result=count).adapt(["small"]))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(spine.targets) == {"small"}
    before = len(world.calls)
    found, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert kind.won == "2 examples"
    assert len(world.calls) <= found.spending.answers + 8
    assert len(world.calls) - before < found.spending.answers


async def test_no_prompt_shows_a_sample_that_is_scored_or_held_out(world: PromptWorld) -> None:
    """What reaches the model holds dev examples and one dev sample at its end, never the same, never a held-out one."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some(30)})
    await world.adapting(spine, suite).adapt(["small"])
    assert len(world.calls) > 20
    for call in world.calls:
        *shown, asked = call.rstrip(" =>").split("\n\n")
        assert asked not in [one.partition(" =>")[0] for one in shown]
        assert "heldout" not in call


async def test_what_is_nearly_held_out_is_not_shown(world: PromptWorld) -> None:
    """A dev sample that resembles a held-out one is scored but never an example; one that is the same is neither."""
    long = "please say the word that stands here between all these others, which is {} and nothing else at all, thanks"
    near = sample(0, input=long.format("amber"), target="amber")
    twin = sample(1, input="say twin now", target="twin")
    unseen = [
        sample(100, "heldout", input=long.format("birch"), target="birch"),
        sample(101, "heldout", input="Say twin, now!", target="twin"),
    ]
    lines = [near, twin, *(sample(n) for n in range(2, 12)), *unseen]
    script = FOLLOWS_EXAMPLES | {"rules": [{"match": "between all these others", "answer": "amber"}]}
    spine, suite = world.spine(small=script), world.suite({"say": lines})
    _, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert (kind.dev, kind.left_out) == (11, 1)
    ends = [call.rstrip(" =>").split("\n\n")[-1] for call in world.calls]
    assert any("between all these" in end for end in ends)
    assert not any("between all these" in call.rsplit("\n\n", 1)[0] for call in world.calls if "\n\n" in call)
    assert not any("twin" in call for call in world.calls)


async def test_what_belongs_to_a_held_out_group_is_left_out(world: PromptWorld) -> None:
    """Samples of one document are not on both sides, not even as examples."""
    lines = [
        *(sample(n, group="g1" if n < 3 else None) for n in range(12)),
        sample(100, "heldout", group="g1"),
        sample(101, "heldout"),
    ]
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": lines})
    _, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert (kind.dev, kind.left_out) == (9, 3)
    assert not any(f"{lines[n]['input']} " in call for call in world.calls for n in range(3))


async def test_a_configured_example_that_is_held_out_takes_part_as_it_is_only(world: PromptWorld) -> None:
    """The configured prompt is measured as it is; nothing new that shows a held-out sample is, and that is told."""
    lines = some()
    shown = json.dumps(lines[12]["input"])
    more = f'[deployments.small.kinds.say]\nsystem = "Be brief."\nexamples = [{{ user = {shown}, assistant = "x" }}]\n'
    spine, suite = world.spine(more, small=FOLLOWS_EXAMPLES), world.suite({"say": lines}, say='description = "work"')
    _, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert "the kind's description" in kind.refused
    assert "say.heldout100" in kind.refused["the kind's description"]
    assert "no examples" in [one.name for one in kind.tried]


async def test_few_dev_samples_keep_the_prompt(world: PromptWorld) -> None:
    """With fewer than six nothing is asked, and it is said why."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some(5)})
    found, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert found.adapted is None
    assert "5 dev samples can be used, and fewer than 6 cannot tell two prompts apart" in kind.reason
    assert world.calls == []


async def test_too_few_answers_keep_the_prompt(world: PromptWorld) -> None:
    """A number of answers that allows one prompt only allows no search."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some()})
    _, kind = only(await world.adapting(spine, suite, answers=10).adapt(["small"]))
    assert "10 answers are too few" in kind.reason
    assert world.calls == []


async def test_a_suite_without_dev_samples_is_refused(world: PromptWorld) -> None:
    """The message says how to make some."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some(0)})
    with pytest.raises(SuiteError, match="assay suite split"):
        await world.adapting(spine, suite).adapt(["small"])


async def test_each_kind_is_searched_for_itself(world: PromptWorld) -> None:
    """A kind whose prompt is kept is not one that the adapted candidate stands for; gates are, as configured."""
    plain = {"match": r"^shout (\w+) \w+ =>$", "answer": "{1}"}
    script = {"rules": [plain, *FOLLOWS_EXAMPLES["rules"]], "default": "no"}
    shouts = [one | {"input": one["input"].replace("say", "shout")} for one in some()]
    gates = [one | {"input": one["input"].replace("say", "shout") + "x"} for one in some()]
    suite = world.suite({"say": some(), "shout": shouts, "gate": gates}, gate="gate = true")
    spine = world.spine(small=script)
    (found,) = await world.adapting(spine, suite).adapt(["small"])
    assert [(one.kind, one.won is not None) for one in found.kinds] == [
        ("say", True), ("shout", False), ("gate", False),
    ]  # fmt: skip
    assert found.only_kinds == ("say", "gate")
    facts = [await target_facts(spine, name, "gate") for name in ("small", "small+adapted")]
    assert facts[0] == facts[1]


async def test_with_overall_the_adapted_one_does_all(world: PromptWorld) -> None:
    """Who is chosen for all kinds together has to do those whose prompt was kept too."""
    shouts = [one | {"input": one["input"].replace("say", "shout")} for one in some()]
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some(), "shout": shouts})
    (found,) = await world.adapting(spine, suite, overall=True).adapt(["small"])
    assert found.only_kinds is None


async def test_kinds_of_others_are_passed_over(world: PromptWorld) -> None:
    """A deployment that is a candidate for some kinds is searched for these."""
    shouts = [one | {"input": one["input"].replace("say", "shout")} for one in some()]
    suite = world.suite({"say": some(), "shout": shouts})
    more = '[deployments.few]\nlike = "small"\nonly_kinds = ["say"]\n'
    spine = world.spine(more, small=FOLLOWS_EXAMPLES)
    (found,) = await world.adapting(spine, suite).adapt(["few"])
    assert [one.kind for one in found.kinds] == ["say"]


async def test_a_route_is_decided_as_it_is(world: PromptWorld) -> None:
    """It has no prompt of its own; that is said, and nothing is asked."""
    spine = world.spine('[routes.both]\ncandidates = ["small"]\n', small=FOLLOWS_EXAMPLES)
    (found,) = await world.adapting(spine, world.suite({"say": some()})).adapt(["both"])
    assert found.adapted is None
    assert "a route is decided as it is" in found.reason
    assert world.calls == []


async def test_a_candidate_that_may_not_see_the_work_is_not_shown_it(world: PromptWorld) -> None:
    """Private samples are neither examples for a hosted model nor asked of it."""
    hosted = (
        '[deployments.rented]\nmodel = "x/rented"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        "private = false\n"
    )
    spine = world.spine(hosted, small=FOLLOWS_EXAMPLES)
    suite = world.suite({"say": some()}, say='label = "private-only"')
    (found,) = await world.adapting(spine, suite).adapt(["rented"])
    assert found.adapted is None
    assert "private" in found.kinds[0].reason
    assert found.spending.answers == 0


async def test_a_model_that_cannot_be_asked_ends_its_own_search(world: PromptWorld) -> None:
    """Others go on, and the reason stands with it."""
    gone = '[deployments.gone]\nmodel = "huggingfacetb/smollm2-135m-instruct"\ndialect = "local"\nweights = "x:y"\n'
    spine = world.spine(gone, small=FOLLOWS_EXAMPLES)
    found = await world.adapting(spine, world.suite({"say": some()})).adapt(["gone", "small"])
    assert found[0].adapted is None
    assert found[0].reason.startswith("the search ended early") or "kept" in found[0].kinds[0].reason
    assert found[1].adapted == "small+adapted"


async def test_a_host_that_fails_leaves_the_prompt(world: PromptWorld) -> None:
    """Faults are no wrong answers: without scores there is no lead."""
    script = {"rules": [{"match": "", "error": "Overloaded"}]}
    spine, suite = world.spine(small=script), world.suite({"say": some()})
    found, kind = only(await world.adapting(spine, suite).adapt(["small"]))
    assert found.adapted is None
    assert all(one.scored == 0 for one in kind.tried)


async def test_money_for_the_search_is_shared_out_evenly(world: PromptWorld) -> None:
    """Each candidate has its share; whoever has used it up keeps its prompts, and that is told."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES, other=FOLLOWS_EXAMPLES), world.suite({"say": some()})
    found = await world.adapting(spine, suite, usd=0.002).adapt(["small", "other"])
    for one in found:
        assert one.adapted is None
        assert "--adapt-usd" in one.reason
        assert one.spending.usd is not None
        assert 0 < one.spending.usd <= 0.001


async def test_what_was_taken_counts_answers_whose_cost_nobody_knows(world: PromptWorld) -> None:
    """Each by its bound, so that whoever pays for what follows has so much less."""
    broken = {"rules": [{"match": "", "answer": "a b", "error": "ConnectionFailed", "fail_after": 1}]}
    spine, suite = world.spine(small=broken), world.suite({"say": some()})
    adapting = world.adapting(spine, suite, usd=0.002)
    await adapting.adapt(["small"])
    paid = (await spine.ledger.spent()).settled_usd
    assert 0.001 < adapting.spent_usd <= 0.002
    assert adapting.spent_usd == pytest.approx(paid)


async def test_an_empty_month_ends_the_call(world: PromptWorld) -> None:
    """The month's budget is everybody's: the error is raised, and nothing is claimed."""
    spine = world.spine("[constraints]\nusd_per_month = 0.0004\n", small=FOLLOWS_EXAMPLES)
    with pytest.raises(BudgetExceeded):
        await world.adapting(spine, world.suite({"say": some()})).adapt(["small"])


async def test_money_needs_a_price(world: PromptWorld) -> None:
    """A limit on money that nobody can keep is refused before anything is asked."""
    hosted = '[deployments.rented]\nmodel = "x/rented"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    spine = world.spine(hosted, small=FOLLOWS_EXAMPLES)
    with pytest.raises(ConfigError, match="price"):
        await world.adapting(spine, world.suite({"say": some()}), usd=1.0).adapt(["rented"])


async def test_an_adapted_candidate_is_searched_anew_from_its_origin(world: PromptWorld) -> None:
    """What an earlier call found, and somebody has configured, is exchanged and not adapted once more."""
    earlier = adapted_name("small")
    more = f'[deployments."{earlier}"]\nlike = "small"\nonly_kinds = ["say"]\n'
    spine, suite = world.spine(more, small=FOLLOWS_EXAMPLES), world.suite({"say": some()})
    (found,) = await world.adapting(spine, suite).adapt(["small", earlier])
    assert (found.candidate, found.adapted) == ("small", earlier)
    adapted = spine.targets[earlier]
    assert isinstance(adapted, LiveDeployment)
    assert len(adapted.prompt("say").examples) == 2
