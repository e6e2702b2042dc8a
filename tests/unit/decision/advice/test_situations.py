"""What is told, what is assumed, and what cannot be."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.catalog.load import builtin
from assay.config.load import parse
from assay.decision.advice.advice import advise
from assay.decision.advice.configured import situation_of, task_of
from assay.decision.advice.proof import flags, samples_needed
from assay.decision.advice.situation import situation
from assay.decision.advice.task import TASKS, USE_CASES
from assay.errors import ConfigError
from assay.evals.suites.starting import WantedKind, begin_suite
from assay.stats.power import chance_told


def test_what_nobody_told_is_assumed_and_said_so() -> None:
    """Every field that was not given is named, with the task's usual value."""
    made = situation("chat", {"requests_per_day": 5.0, "languages": (), "latency_s": None})
    assert made.requests_per_day == 5.0
    assert "requests_per_day" not in made.assumed
    assert {"latency_s", "languages", "privacy", "team", "input_tokens"} <= set(made.assumed)
    assert made.latency_s == TASKS["chat"].latency_s


def test_context_is_one_request_and_its_answer_unless_told() -> None:
    """A longer one is asked for by name; a shorter one cannot be."""
    assert situation("chat", {"input_tokens": 7000, "output_tokens": 500}).context_tokens == 7500
    with pytest.raises(ConfigError, match="less than one request and its answer"):
        situation("chat", {"context_tokens": 10})


def test_no_limit_is_told_with_zero() -> None:
    """Nobody waits is an answer of its own, not the task's usual latency."""
    made = situation("chat", {"latency_s": 0.0})
    assert made.latency_s is None
    assert "latency_s" not in made.assumed
    assert flags(made) == "--task chat --latency-s 0"


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"requests_per_day": 0}, "requests_per_day: must be a number above 0"),
        ({"usd_per_month": float("nan")}, "usd_per_month: must be a number above 0"),
        ({"sensitive_share": 1.5}, "sensitive_share: 1.5 is no share"),
        ({"examples": -1}, "examples: -1 is below 0"),
        ({"privacy": "secret"}, "privacy: 'secret' is none of public, sensitive, regulated"),
        ({"modalities": ("smell",)}, "modality: 'smell' is none of"),
    ],
)
def test_values_that_cannot_be_are_refused(given: dict[str, Any], match: str) -> None:
    """The message names the field, the value and what is known."""
    with pytest.raises(ConfigError, match=match):
        situation("chat", given)


def test_an_unknown_task_names_the_nearest() -> None:
    """A typing mistake is answered with the task that was probably meant."""
    with pytest.raises(ConfigError, match="did you mean 'multimodal'"):
        situation("multimodel", {})


def test_flags_give_the_situation_again() -> None:
    """The command that is shown leads to the same advice: what was told is told, what was assumed is assumed."""
    given = {"privacy": "sensitive", "languages": ("de", "fr"), "examples": 12, "ceiling": True, "checkable": False}
    made = situation("sql", given)
    expected = "--task sql --privacy sensitive --language de --language fr --examples 12 --ceiling --not-checkable"
    assert flags(made) == expected


def test_samples_tell_who_is_ten_points_below_the_bar() -> None:
    """So many are enough in 4 of 5 suites, and hardly fewer are."""
    n = samples_needed(0.8)
    assert chance_told(n, 0.7, 0.8) >= 0.8
    assert chance_told(n // 2, 0.7, 0.8) < 0.8


@pytest.mark.parametrize("name", USE_CASES)
def test_every_use_case_is_a_task_with_stated_assumptions(name: str) -> None:
    """Tokens, volume, bar and the check that would refute it are all there."""
    task = TASKS[name]
    assert task.input_tokens > 0
    assert task.output_tokens > 0
    assert 0 < task.bar <= 1
    assert task.kind
    assert task.check


def test_a_suite_tells_the_task_and_the_number_of_examples(tmp_path: Any) -> None:
    """Checks of the samples say what the work is; real samples are examples."""
    suite = begin_suite(tmp_path / "suite", kinds=[WantedKind("patch", "tests")]).suite
    assert task_of(suite) == "code"
    config = parse(b"[constraints]\nusd_per_month = 50\nunlabelled_data = 'private-only'\n", tmp_path / "assay.toml")
    made = situation_of(config, suite)
    assert (made.task, made.privacy, made.usd_per_month, made.examples) == ("code", "sensitive", 50, 4)
    assert made.limits == config.constraints
    assert situation_of(config, None).task == "chat"
    assert situation_of(config, suite, "sql").task == "sql"


def test_a_budget_of_nothing_is_one(tmp_path: Path) -> None:
    """With `usd_per_month = 0` no call is made that costs anything, so nothing else is advised."""
    made = situation_of(parse(b"[constraints]\nusd_per_month = 0\n", tmp_path / "assay.toml"), None)
    found = advise(builtin(), made, date(2026, 11, 26))
    assert found.best is None or found.best.bill_usd_per_month == 0
