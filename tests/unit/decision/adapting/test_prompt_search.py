"""The search on dev: what wins, what is kept, what it may cost, and what no prompt ever shows."""

from __future__ import annotations

from typing import Any

import pytest

from assay.decision.adapting.adapting import adapted_name
from assay.errors import ConfigError, SuiteError
from assay.inference.deployment import LiveDeployment
from prompt_world import FOLLOWS_EXAMPLES, PromptWorld, sample, some


async def test_a_prompt_that_helps_wins(world: PromptWorld) -> None:
    """Examples make the model do its work: the variant with them becomes a candidate with that very prompt."""
    spine, suite = world.spine(small=FOLLOWS_EXAMPLES), world.suite({"say": some()})
    (found,) = await world.adapting(spine, suite).adapt(["small"])
    (kind,) = found.kinds
    assert kind.won == "2 examples", [one for one in kind.tried]
    print(found)
    assert found.adapted == "small+adapted"
