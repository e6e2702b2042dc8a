"""The second example is sound, and nothing in the product knows either example."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from example_grading import EXAMPLES, gold, passed, words_of

from assay.checks.text import normalise
from assay.config.load import load
from assay.config.schema import Config
from assay.evals.graders.grading import check_graders
from assay.evals.suites.suite import Suite, read_suite
from assay.inference.prompt import compile_prompt, merge

ROOT = EXAMPLES / "support"
KINDS = ("queue.triage", "domain.copy", "outage.flag")
SOURCE = Path(__file__).parents[3] / "src"


@pytest.fixture(scope="module")
def suite() -> Suite:
    """The suite as the product reads it."""
    return read_suite(ROOT / "suite")


@pytest.fixture(scope="module")
def config() -> Config:
    """`assay.toml` as the product reads it."""
    return load(ROOT / "assay.toml").config


def test_it_is_small_and_halved(suite: Suite) -> None:
    """Three kinds, about forty samples, half of each kind `dev`; graders can be made and nothing occurs twice."""
    assert tuple(suite.kinds) == KINDS
    assert 36 <= len(suite.samples) <= 45
    for kind in KINDS:
        halves = Counter(sample.split for sample in suite.of(kind))
        assert halves["dev"] == halves["heldout"] >= 6
    check_graders(suite.samples)
    assert len({words_of(sample) for sample in suite.samples}) == len(suite.samples)


def test_the_right_answer_passes_and_is_no_guess(suite: Suite) -> None:
    """Every target passes its sample; a domain stands in its ticket once."""
    assert all(passed((sample, gold(sample)) for sample in suite.samples))
    assert all(sample.messages[0].text.count(sample.target) == 1 for sample in suite.of("domain.copy"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_answer_fails(suite: Suite, kind: str) -> None:
    """Whatever is always said stays below the bar, in each half: the classes are balanced."""
    for split in ("dev", "heldout"):
        samples = [sample for sample in suite.of(kind) if sample.split == split]
        for constant in {gold(sample) for sample in suite.of(kind)} | {"", "yes", "outage or question"}:
            share = sum(passed((sample, constant) for sample in samples)) / len(samples)
            assert share < (suite.kinds[kind].bar or 1.0), constant


def test_every_candidate_has_a_prompt_that_holds_no_sample(suite: Suite, config: Config) -> None:
    """No example or instruction is what a sample asks, and what holds on `heldout` decides."""
    assert config.decide.split == "heldout"
    said = {words_of(sample) for sample in suite.samples}
    for deployment in config.deployments.values():
        for kind in KINDS:
            prompt = compile_prompt(merge(deployment.settings, deployment.kinds[kind]))
            assert prompt.sampling.temperature == 0
            assert prompt.system or prompt.examples
            assert not {normalise(example.user) for example in prompt.examples} & said


def test_the_product_knows_no_example() -> None:
    """Neither company nor a kind of theirs is named in the source, but for help texts of commands."""
    named = {"nordlys", "kelda", *KINDS, "tickets.classify", "unsafe.action", "urgent.route"}
    for path in set(SOURCE.rglob("*.py")) - set((SOURCE / "assay" / "cli").rglob("*.py")):
        text = path.read_text("utf-8").casefold()
        assert not [word for word in named if word in text], path
