"""Dev samples divided into what is shown and what is scored, and the variants that are made of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from prompt_world import FOLLOWS_EXAMPLES, PromptWorld, sample, some

from assay.catalog.load import builtin
from assay.catalog.model import Model
from assay.config.schema import Example, Settings
from assay.decision.adapting.practice import MOST_SHOWN, Practice, practice
from assay.decision.adapting.proposals import proposals
from assay.decision.adapting.unseen import Unseen
from assay.decision.adapting.variant import Variant, adapted_config, configured, derived
from assay.evals.suites.suite import Suite
from assay.inference.deployment import LiveDeployment


async def divided(suite: Suite, kind: str = "say", **options: Any) -> Practice:
    """The practice of a kind, everything allowed."""
    allowed = options.pop("allowed", lambda one: True)
    return await practice(suite.of(kind, "dev"), Unseen(suite, kind), allowed, most=options.pop("most", 64), seed=0)


async def test_nothing_is_shown_and_scored(world: PromptWorld) -> None:
    """A third of a small split is shown, at most eight of a large one; the rest is scored."""
    for dev, shown in ((6, 2), (12, 4), (60, 8)):
        found = await divided(world.suite({"say": some(dev)}))
        ids = {shot.sample.id for shot in found.shown}
        assert (len(ids), len(found.scored), found.samples) == (shown, dev - shown, dev)
        assert not ids & set(found.scored.ids)
    assert MOST_SHOWN == 8


async def test_a_large_split_is_cut_to_what_can_be_scored(world: PromptWorld) -> None:
    """No more samples are read than the answers can pay for."""
    found = await divided(world.suite({"say": some(60)}), most=20)
    assert found.samples == 28


async def test_examples_are_spread_over_the_answers(world: PromptWorld) -> None:
    """Each answer comes once before any comes twice."""
    answers = ["left"] * 20 + ["right", "up", "down"]
    lines = [sample(n, target=answer) for n, answer in enumerate(answers)]
    found = await divided(world.suite({"say": [*lines, sample(100, "heldout")]}))
    assert {shot.example.assistant for shot in found.shown[:4]} == {"left", "right", "up", "down"}


async def test_only_what_has_a_right_answer_is_an_example(world: PromptWorld) -> None:
    """Several turns are no example, nor is a target that its own graders refuse; both are scored."""
    turns = [
        {"role": "user", "content": "say a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    lines: list[dict[str, Any]] = [sample(n) for n in range(6)]
    for line in lines[:3]:
        del line["input"]
        line["messages"] = [*turns[:2], {"role": "user", "content": f"say {line['id']}"}]
    wrong = [{"check": "exact"}, {"check": "regex", "pattern": "^never$"}]
    for line in lines[3:]:
        line["graders"] = wrong
    found = await divided(world.suite({"say": [*lines, sample(100, "heldout")]}))
    assert found.shown == ()
    assert len(found.scored) == 6


async def test_what_may_not_be_sent_is_not_shown(world: PromptWorld) -> None:
    """Neither as an example nor as a question."""
    suite = world.suite({"say": some()})
    secret = {"say.dev000", "say.dev001"}
    found = await divided(suite, allowed=lambda one: one.id not in secret)
    assert found.left_out == 2
    assert not secret & {*found.scored.ids, *(shot.sample.id for shot in found.shown)}


async def test_the_set_of_answers_is_known_where_graders_compare_with_one(world: PromptWorld) -> None:
    """Few answers that come back are choices; with a grader that reads freely, or open answers, there are none."""
    lines = [sample(n, target=("Left", "Right")[n % 2]) for n in range(12)]
    closed = await divided(world.suite({"say": lines}, say='graders = [{ check = "normalised" }]'))
    free = await divided(world.suite({"say": lines}, say='graders = [{ check = "contains" }]'))
    many = await divided(world.suite({"say": some()}))
    assert (closed.choices, free.choices, many.choices) == (("Left", "Right"), (), ())


# --------------------------------------------------------------------------------------------- variants


def live(world: PromptWorld, more: str = "") -> LiveDeployment:
    """A deployment on this machine."""
    found = world.spine(more, small=FOLLOWS_EXAMPLES).targets["small"]
    assert isinstance(found, LiveDeployment)
    return found


async def names(world: PromptWorld, found: LiveDeployment, suite: Suite, rewritten: tuple[str, ...] = ()) -> list[str]:
    """Names of what is proposed."""
    plain = configured(found.config, "say")
    return [one.name for one in proposals(found, suite.kinds["say"], plain, await divided(suite), rewritten)]


async def test_the_configured_prompt_comes_first_and_no_prompt_twice(world: PromptWorld) -> None:
    """Eight examples of a dozen samples are the four that there are, and are not tried again."""
    suite = world.suite({"say": some()})
    found = await names(world, live(world), suite)
    assert found == ["as configured", "4 examples", "turns, 4 examples", "2 examples"]


async def test_a_base_model_is_asked_in_no_turns(world: PromptWorld) -> None:
    """It knows none."""
    found = live(world)
    assert "turns, 4 examples" in await names(world, found, suite := world.suite({"say": some()}))
    found.model = _model(variant="base")
    assert "turns, 4 examples" not in await names(world, found, suite)


def _model(**facts: Any) -> Model:
    return msgspec.structs.replace(builtin().find("huggingfacetb/smollm2-135m-instruct"), **facts)


async def test_a_closed_set_limits_the_answer_of_an_engine_here(world: PromptWorld) -> None:
    """Choices are a grammar, which no host can be told."""
    lines = [sample(n, target=("Left", "Right")[n % 2]) for n in range(12)]
    suite = world.suite({"say": lines}, say='graders = [{ check = "normalised" }]\ndescription = "which way"')
    found = live(world)
    here = await names(world, found, suite)
    hosted = derived(found, "small", _hosted(found))
    there = [
        one.name
        for one in proposals(hosted, suite.kinds["say"], configured(hosted.config, "say"), await divided(suite))
    ]
    assert "choices, 4 examples" in here
    assert not any("choices" in one or "turns" in one for one in there)
    assert "the kind's description" in there


def _hosted(found: LiveDeployment) -> Any:
    return msgspec.structs.replace(found.config, dialect="openai", base_url="http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("reasoning", "wanted"),
    [
        ("effort", ["effort low", "effort high"]),
        ("budget", ["1,024 tokens of thinking", "8,192 tokens of thinking"]),
        ("always", []),
    ],
)
async def test_thinking_is_proposed_where_it_can_be_set(world: PromptWorld, reasoning: str, wanted: list[str]) -> None:
    """By its effort, or by a budget of tokens, as the catalogue says; of others nothing is known."""
    found = live(world)
    hosted = derived(found, "small", _hosted(found))
    hosted.model = _model(reasoning=reasoning)
    suite = world.suite({"say": some()})
    told = await names(world, hosted, suite)
    assert [one for one in told if "effort" in one or "thinking" in one] == wanted


async def test_instructions_are_tried_alone_and_with_examples(world: PromptWorld) -> None:
    """Those of a proposer come early."""
    suite = world.suite({"say": some()})
    told = await names(world, live(world), suite, ("Say it.", "Say the word."))
    assert told[1:4] == ["4 examples", "rewritten 1", "rewritten 2"]
    assert "rewritten 1, 4 examples" in told


def test_the_configured_variant_has_the_digest_of_the_deployment(world: PromptWorld) -> None:
    """Texts stand in place of files and of general settings; what is sent is the same."""
    (world.folder / "ask.txt").write_text("Be brief.\n")
    (world.folder / "shots.jsonl").write_text('{"user": "a", "assistant": "b"}\n{"user": "c", "assistant": "d"}\n')
    more = (
        "[deployments.small.kinds.say]\n"
        'system_file = "ask.txt"\nexamples_file = "shots.jsonl"\nmax_examples = 1\nstop = ["x"]\n'
    )
    found = live(world, more)
    plain = configured(found.config, "say")
    assert plain.prompt.digest == found.prompt("say").digest
    assert plain.settings.system == "Be brief."
    assert len(plain.prompt.examples) == 1
    again = derived(found, "other", adapted_config(found.config, {"say": plain.settings}, None))
    assert again.prompt("say").digest == found.prompt("say").digest


def test_more_examples_than_were_configured_are_not_cut(world: PromptWorld) -> None:
    """A limit of the configured prompt does not hold for the examples of a variant."""
    found = live(
        world, '[deployments.small.kinds.say]\nmax_examples = 1\nexamples = [{ user = "a", assistant = "b" }]\n'
    )
    plain = configured(found.config, "say")
    shots = tuple(Example(user=f"u{n}", assistant="a") for n in range(MOST_SHOWN))
    more = adapted_config(found.config, {"say": _with(plain.settings, shots)}, None)
    assert len(derived(found, "other", more).prompt("say").examples) == MOST_SHOWN


def _with(settings: Settings, shots: tuple[Example, ...]) -> Settings:
    return msgspec.structs.replace(settings, examples=shots)


def test_the_size_of_a_variant_is_what_it_adds(world: PromptWorld) -> None:
    """Bytes of instruction, template and examples."""
    shots = (Example(user="ab", assistant="c"),)
    assert Variant("x", Settings(system="1234", template="{input}", examples=shots)).size_bytes == 4 + 7 + 2 + 1 + 2
