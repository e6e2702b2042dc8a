"""The lever that is advised, and the rule that fired."""

from __future__ import annotations

from typing import Any

import pytest

from assay.decision.advice.lever import ENOUGH_EXAMPLES, RULES, Facts, levers
from assay.decision.advice.situation import situation


def first(
    task: str = "extraction", saved: float | None = None, split: bool = False, tunable: str | None = "x/y", **given: Any
) -> tuple[str, str]:
    """The advised lever and its rule."""
    usd = 500.0 if saved is not None else None
    found = levers(Facts(situation(task, given), saved, usd, split, tunable))[0]
    return found.name, found.rule


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("prompt", "instruction-first")),
        ({"examples": 60}, ("prompt", "few-shot-first")),
        ({"knowledge": "changing", "examples": 5000, "ceiling": True}, ("retrieve", "changing-knowledge")),
        ({"examples": 2000, "ceiling": True}, ("tune", "stable-hot-proven")),
        ({"examples": 2000}, ("prompt", "few-shot-first")),
        ({"examples": ENOUGH_EXAMPLES - 1, "ceiling": True}, ("prompt", "prompt-at-ceiling")),
        ({"examples": 2000, "ceiling": True, "team": "none"}, ("prompt", "prompt-at-ceiling")),
        ({"examples": 2000, "ceiling": True, "requests_per_day": 20}, ("prompt", "prompt-at-ceiling")),
        ({"examples": 2000, "ceiling": True, "tunable": None}, ("prompt", "prompt-at-ceiling")),
        ({"saved": 0.5}, ("route", "cascade-saves")),
        ({"saved": 0.1}, ("prompt", "instruction-first")),
        ({"saved": 0.5, "checkable": False}, ("prompt", "instruction-first")),
        ({"split": True}, ("route", "split-by-label")),
    ],
)
def test_the_advised_lever(given: dict[str, Any], expected: tuple[str, str]) -> None:
    """Knowledge that changes is retrieved; stable, hot, proven behaviour is tuned; a saving is routed; else prompt."""
    assert first(**given) == expected


def test_every_lever_is_judged_with_a_reason_that_holds_its_values() -> None:
    """All four are told, whichever is advised, each with the rule that fired."""
    found = levers(Facts(situation("sql", {"examples": 12}), 0.1, 40.0, False, "x/y"))
    assert {one.name for one in found} == {"prompt", "retrieve", "tune", "route"}
    told = {one.name: one for one in found}
    assert told["tune"].rule == "too-few-examples"
    assert told["tune"].reason.startswith("12 good examples are too few")
    assert told["route"].rule == "small-saving"
    assert "10% (40 USD a month)" in told["route"].reason
    assert told["tune"].on is None


def test_a_model_to_tune_is_named_where_tuning_is_for_now_or_later() -> None:
    """Whoever is told to tune is told what to begin from."""
    told = {one.name: one for one in levers(Facts(situation("sql", {"examples": 900}), None, None, False, "x/y"))}
    assert (told["tune"].rule, told["tune"].on) == ("ceiling-unproven", "x/y")


def test_each_lever_has_a_rule_that_always_fires_last() -> None:
    """No situation falls through the table, and no rule behind one that always fires could ever be reached."""
    facts = Facts(situation("chat", {}), None, None, False, None)
    for name in ("prompt", "retrieve", "tune", "route"):
        rules = [rule for rule in RULES if rule.lever == name]
        assert rules[-1].when(facts)
        assert len({rule.name for rule in rules}) == len(rules)
