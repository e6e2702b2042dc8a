"""Adapted candidates as tables and from records; and what held-out samples say of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import tomli_w
from prompt_world import FOLLOWS_EXAMPLES, PromptWorld, sample, some

from assay.catalog.load import builtin
from assay.config.load import parse
from assay.config.schema import Config
from assay.decision.adapting.adaptation import Adaptation
from assay.decision.adapting.gain import with_gains
from assay.decision.adapting.restored import restore
from assay.decision.adapting.written import adapted_table, reasons_of
from assay.evals.runs.runner import Runner
from assay.inference.build import Builder
from assay.inference.deployment import LiveDeployment
from assay.inference.identity import target_facts
from assay.ledger.store import SqliteLedger

SMALL = """\
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
settings = { style = "text", template = "{input} =>", max_tokens = 8, stop = ["!"] }

[deployments.small.kinds.say]
system_file = "prompts/ask.txt"
grammar_file = "prompts/any.gbnf"
"""


def folder(world: PromptWorld) -> Path:
    """A folder with the files that a configuration names."""
    (world.folder / "small.json").write_text(json.dumps(FOLLOWS_EXAMPLES))
    (world.folder / "prompts").mkdir()
    (world.folder / "prompts" / "ask.txt").write_text("Say it.\n")
    (world.folder / "prompts" / "any.gbnf").write_text('root ::= "x"\n')
    return world.folder


async def adapted(
    world: PromptWorld, toml: str, ledger: SqliteLedger, name: str = "small"
) -> tuple[Config, Adaptation, LiveDeployment]:
    """What is found for a candidate of a configuration."""
    config = parse(toml.encode(), world.folder / "assay.toml")
    spine = Builder(builtin()).spine(config, ledger)
    (found,) = await world.adapting(spine, world.suite({"say": some()})).adapt([name])
    assert found.adapted is not None
    live = spine.targets[found.adapted]
    assert isinstance(live, LiveDeployment)
    return config, found, live


async def same_after_writing(world: PromptWorld, toml: str, ledger: SqliteLedger, name: str) -> dict[str, Any]:
    """The table, once it was read back and found to be the very same candidate."""
    config, found, live = await adapted(world, toml, ledger, name)
    table = adapted_table(config, found, world.folder)
    text = toml + "\n" + tomli_w.dumps({"deployments": {found.adapted: table}})
    again = Builder(builtin()).spine(parse(text.encode(), world.folder / "assay.toml"), ledger)
    assert found.adapted is not None
    read = again.targets[found.adapted]
    assert isinstance(read, LiveDeployment)
    assert read.config.only_kinds == live.config.only_kinds
    for kind in ("say", "other"):
        assert read.prompt(kind).digest == live.prompt(kind).digest
        assert await target_facts(again, found.adapted, kind) == {
            **await live.facts(),
            "prompt_sha256": live.prompt(kind).digest,
        }
    return table


async def test_what_is_written_is_what_was_measured(world: PromptWorld, ledger: SqliteLedger) -> None:
    """Read back it has the same facts, so that its evidence is found; paths start at the file."""
    folder(world)
    table = await same_after_writing(world, SMALL, ledger, "small")
    assert table["like"] == "small"
    assert table["kinds"]["say"]["grammar_file"] == str(Path("prompts") / "any.gbnf")
    assert table["kinds"]["say"]["system"] == "Say it."
    assert str(world.folder) not in json.dumps(table)


async def test_a_member_of_a_grid_is_written_whole(world: PromptWorld, ledger: SqliteLedger) -> None:
    """Nothing can be like it, for it stands in no table of its own."""
    folder(world)
    grid = SMALL + '\n[grids.long]\nof = "small"\nmax_tokens = [8, 16]\n'
    config = parse(grid.encode(), world.folder / "assay.toml")
    name = next(member.name for member in config.grids["long"].members if "16" in member.name)
    table = await same_after_writing(world, grid, ledger, name)
    assert "like" not in table
    assert table["model"] == "x/small"


async def test_the_reasons_say_what_was_found_where(world: PromptWorld, ledger: SqliteLedger) -> None:
    """On dev, and on held-out samples where they were asked."""
    folder(world)
    _, found, _ = await adapted(world, SMALL, ledger)
    (first, second) = reasons_of(found)
    assert "assay choose --adapt" in first
    assert "say: 2 examples: 8 of 8 on dev, and 0 of 8 as configured." in second


async def test_a_record_makes_it_callable_again(world: PromptWorld, ledger: SqliteLedger) -> None:
    """From JSON, as a decision keeps it; without its origin, and beside one of its name, it is left out."""
    folder(world)
    config, found, live = await adapted(world, SMALL, ledger)
    kept = msgspec.json.decode(msgspec.json.encode(found), type=Adaptation)
    spine = Builder(builtin()).spine(config, ledger)
    restore(spine, [kept])
    again = spine.targets["small+adapted"]
    assert isinstance(again, LiveDeployment)
    assert again.prompt("say").digest == live.prompt("say").digest
    restore(spine, [kept])
    assert spine.targets["small+adapted"] is again
    other = Builder(builtin()).spine(Config(), ledger)
    restore(other, [kept])
    assert other.targets == {}


# ------------------------------------------------------------------------------------------------ gain


async def test_the_gain_stands_on_samples_that_both_have(world: PromptWorld) -> None:
    """A fault of the host counts for nobody; what was made up counts only where nothing else is there."""
    lines = [*some(), sample(150, "heldout", synthetic=True), sample(151, "heldout", input="say busy heldout151")]
    script = FOLLOWS_EXAMPLES | {
        "rules": [{"match": r"busy \w+ =>$", "error": "Overloaded"}, *FOLLOWS_EXAMPLES["rules"]]
    }
    spine, suite = world.spine(small=script), world.suite({"say": lines})
    found = await world.adapting(spine, suite).adapt(["small"])
    runner = Runner(spine, suite)
    (told,) = await with_gains(runner, suite.only((), "heldout"), found, 0)
    gain = told.kinds[0].gain
    assert gain is not None
    assert (gain.comparison.samples, gain.adapted, gain.configured) == (10, 10, 0)
    assert (gain.comparison.a, gain.comparison.b) == ("small+adapted", "small")
    assert (gain.comparison.only_a, gain.comparison.only_b) == (10, 0)


async def test_optimism_is_what_dev_promised_too_much(world: PromptWorld) -> None:
    """Examples that help on dev alone are seen through on held-out samples."""
    script = {
        "rules": [
            {"match": r"(?s)=> \w+\n\n.*say (\w+) dev\w+ =>$", "answer": "{1}"},
            {"match": r"say (\w+)[02468] \w+ =>$", "answer": "{1}0"},
        ],
        "default": "what?",
    }
    spine, suite = world.spine(small=script), world.suite({"say": some()})
    found = await world.adapting(spine, suite).adapt(["small"])
    (told,) = await with_gains(Runner(spine, suite), suite.only((), "heldout"), found, 0)
    gain = told.kinds[0].gain
    assert gain is not None
    assert gain.optimism is not None
    assert gain.optimism > 0.5


async def test_where_nothing_can_be_asked_there_is_no_gain(world: PromptWorld) -> None:
    """Without a shared sample nothing is said; where nothing won, nothing is asked."""
    down = {"rules": [{"match": r"heldout\w+ =>$", "error": "Overloaded"}, *FOLLOWS_EXAMPLES["rules"]], "default": "no"}
    spine, suite = world.spine(small=down, other={"default": "no"}), world.suite({"say": some()})
    found = await world.adapting(spine, suite).adapt(["small", "other"])
    before = len(world.calls)
    told = await with_gains(Runner(spine, suite), suite.only((), "heldout"), found, 0)
    assert told[0].kinds[0].won is not None
    assert told[0].kinds[0].gain is None
    assert told[1] == found[1]
    assert len(world.calls) - before == 20
