"""A proposer writes instructions: what it is shown, what counts, and what its faults do."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from prompt_world import PromptWorld, sample, some

from assay.decision.adapting.adaptation import KindAdaptation
from assay.decision.adapting.rewriting import MANNERS
from assay.errors import ConfigError

OBEYS = {
    "rules": [{"match": r"(?s)^Repeat the word\..*say (\w+) \w+ =>$", "answer": "{1}"}],
    "default": "what?",
}
"""Does its work when it is told the right thing first."""


def writer(*answers: str) -> dict[str, Any]:
    """A proposer that gives these answers, each once."""
    return {"rules": [{"match": "", "answer": one, "times": 1} for one in answers], "default": "no idea"}


def told(text: str) -> str:
    """An answer as it is asked for."""
    return json.dumps({"instruction": text})


async def searched(world: PromptWorld, script: dict[str, Any], **suite: Any) -> tuple[KindAdaptation, list[str]]:
    """One search with a proposer, and what the proposer was asked."""
    more = '[deployments.writer]\nmodel = "x/writer"\ndialect = "scripted"\nscript = "writer.json"\n'
    (world.folder / "writer.json").write_text(json.dumps(script))
    spine = world.spine(more, small=OBEYS)
    made = world.suite({"say": some()}, **suite)
    (found,) = await world.adapting(spine, made, proposer="writer").adapt(["small"])
    return found.kinds[0], [call for call in world.calls if "The kind of work" in call]


async def test_a_better_instruction_wins(world: PromptWorld) -> None:
    """It is tried like any other variant, under its own name, and stands in the settings that won."""
    kind, asked = await searched(world, writer(told("Try hard."), told("Repeat the word.")))
    assert kind.won == "rewritten 2"
    assert kind.settings is not None
    assert kind.settings.system == "Repeat the word."
    assert len(asked) == len(MANNERS)


async def test_the_proposer_sees_what_may_be_shown_and_nothing_that_is_scored(world: PromptWorld) -> None:
    """It is shown the right answers, the model's, and the work; never a sample that decides anything."""
    kind, asked = await searched(world, writer(told("a"), told("b")), say='description = "the word said back"')
    assert kind.shown == 4
    for one in asked:
        assert "the word said back" in one
        assert one.count("The model answered: what?") == 4
        assert one.count("<material>") == 5
        assert "heldout" not in one
    ends = {call.split("\n\n")[-1].removesuffix(" =>") for call in world.calls if "The kind of work" not in call}
    seen = [end for end in ends if end in asked[0]]
    assert len(seen) == 4


async def test_answers_of_the_shown_samples_count(world: PromptWorld) -> None:
    """Finding out what goes wrong is paid from the same number of answers."""
    more = '[deployments.writer]\nmodel = "x/writer"\ndialect = "scripted"\nscript = "writer.json"\n'
    (world.folder / "writer.json").write_text(json.dumps(writer(told("a"), told("b"))))
    spine = world.spine(more, small=OBEYS)
    (found,) = await world.adapting(spine, world.suite({"say": some()}), 40, proposer="writer").adapt(["small"])
    calls = [call for call in world.calls if "The kind of work" not in call]
    assert len(calls) == found.spending.answers <= 40
    assert found.spending.tokens is not None
    assert found.spending.tokens > 0


@pytest.mark.parametrize("answer", ["Just repeat it.", '{"instruction": 7}', told("  "), told("x" * 5000)])
async def test_an_answer_that_is_no_instruction_is_told(world: PromptWorld, answer: str) -> None:
    """The search goes on without it."""
    kind, _ = await searched(world, writer(answer, told("Repeat the word.")))
    assert kind.won == "rewritten 1"
    assert len(kind.refused) == 1
    assert "writer" in next(iter(kind.refused.values()))


async def test_a_proposer_that_fails_is_told(world: PromptWorld) -> None:
    """Its host's fault does not end the search."""
    kind, _ = await searched(world, {"rules": [{"match": "", "error": "BadRequest"}]})
    assert kind.won is None
    assert len(kind.refused) == 2
    assert len(kind.tried) > 1


async def test_an_instruction_that_holds_a_held_out_sample_is_not_asked(world: PromptWorld) -> None:
    """However the proposer came by it."""
    long = "say whatever word comes next to this one here: amber"
    lines = [*some(), sample(200, "heldout", input=long, target="amber")]
    more = '[deployments.writer]\nmodel = "x/writer"\ndialect = "scripted"\nscript = "writer.json"\n'
    (world.folder / "writer.json").write_text(json.dumps(writer(told(f"Repeat the word. As in: {long}"), told("b"))))
    spine = world.spine(more, small=OBEYS)
    (found,) = await world.adapting(spine, world.suite({"say": lines}), proposer="writer").adapt(["small"])
    assert "say.heldout200" in found.kinds[0].refused["rewritten 1"]
    assert not any("comes next to this one" in call for call in world.calls)


async def test_private_samples_go_to_no_hosted_proposer(world: PromptWorld) -> None:
    """The request carries the strictest label of what it shows."""
    more = (
        '[deployments.rented]\nmodel = "x/rented"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        "private = false\nretries = 0\n"
    )
    spine = world.spine(more, small=OBEYS)
    suite = world.suite({"say": some()}, say='label = "private-only"')
    (found,) = await world.adapting(spine, suite, proposer="rented").adapt(["small"])
    refused = found.kinds[0].refused
    assert len(refused) == 2
    assert all("private" in why for why in refused.values())


async def test_the_same_search_again_asks_the_proposer_nothing(world: PromptWorld) -> None:
    """Its answers are found like any other, so that the same variants are tried."""
    script = writer(told("a"), told("Repeat the word."))
    more = '[deployments.writer]\nmodel = "x/writer"\ndialect = "scripted"\nscript = "writer.json"\n'
    (world.folder / "writer.json").write_text(json.dumps(script))
    spine, suite = world.spine(more, small=OBEYS), world.suite({"say": some()})
    first = await world.adapting(spine, suite, proposer="writer").adapt(["small"])
    del spine.targets["small+adapted"]
    asked = len(world.calls)
    again = await world.adapting(spine, suite, proposer="writer").adapt(["small"])
    assert len(world.calls) == asked
    assert again[0].kinds == first[0].kinds
    assert (again[0].spending.tokens, again[0].spending.usd) == (0, 0.0)


async def test_an_unknown_proposer_is_refused_before_anything_is_asked(world: PromptWorld) -> None:
    """With the nearest name."""
    spine = world.spine(small=OBEYS)
    with pytest.raises(ConfigError, match="small"):
        await world.adapting(spine, world.suite({"say": some()}), proposer="smal").adapt(["small"])
    assert world.calls == []


def test_values_come_back_from_json(world: PromptWorld) -> None:
    """What is kept with a decision is read as it was written."""
    one = KindAdaptation(kind="say", reason="r", refused={"a": "b"}, won="x")
    assert msgspec.json.decode(msgspec.json.encode(one), type=KindAdaptation) == one
