"""A sample of several turns: each is asked with all before it, and the figures are those of all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.errors import ProviderFault
from assay.evals.runs.asked import AskedSample
from assay.evals.runs.runner import Runner
from assay.evals.suites.suite import Sample, read_suite
from assay.inference.spine import Options, Spine
from assay.types import ToolResult

CONFIG = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
retries = 0
"""
TOML = """
name = "turns"
version = "1"
[kinds.k]
samples = "k.jsonl"
graders = [{ check = "exact" }]
"""
Write = Callable[..., Path]
MakeSpine = Callable[..., Spine]


def sample(write_suite: Write, **more: Any) -> Sample:
    """A sample of two turns."""
    line = {"id": "s", "input": "first", "follow_ups": ["second", "third"], "target": "C", **more}
    return read_suite(write_suite(TOML, k=[line])).samples[0]


def spine(make_spine: MakeSpine, *rules: dict[str, Any]) -> Spine:
    """A model that answers by the last thing that the user said."""
    known = [{"match": "first", "answer": "A"}, {"match": "second", "answer": "B"}, {"match": "third", "answer": "C"}]
    return make_spine(CONFIG, {"m.json": {"rules": [*rules, *known]}})


async def test_every_turn_is_asked_with_all_before_it(write_suite: Write, make_spine: MakeSpine) -> None:
    """The last answer is what is graded; the request that it answers holds the earlier ones."""
    asked = AskedSample(sample(write_suite))
    answer = await asked.ask(spine(make_spine), "m", "run", Options(seed=0))
    assert answer.text == "C"
    said = [(message.role, message.text) for message in asked.request.messages]
    assert said == [("user", "first"), ("assistant", "A"), ("user", "second"), ("assistant", "B"), ("user", "third")]
    assert len(asked.traces) == 3
    assert asked.latency_s == pytest.approx(sum(trace.warm_s or 0 for trace in asked.traces))


async def test_a_call_that_the_user_goes_on_after_gets_a_result(write_suite: Write, make_spine: MakeSpine) -> None:
    """Hosts refuse a call without a result: it is told that the tool was not run."""
    rule = {"match": "first", "tool_calls": [{"name": "search", "arguments": {}}]}
    asked = AskedSample(sample(write_suite))
    await asked.ask(spine(make_spine, rule), "m", "run", Options(seed=0))
    (result,) = [part for message in asked.request.messages for part in message.parts if isinstance(part, ToolResult)]
    assert result.is_error
    assert result.name == "search"


async def test_a_turn_that_fails_keeps_what_was_spent(write_suite: Write, make_spine: MakeSpine) -> None:
    """The traces of the turns before it are there, and nothing is graded."""
    rule = {"match": "second", "error": "ProviderFault"}
    asked = AskedSample(sample(write_suite))
    with pytest.raises(ProviderFault):
        await asked.ask(spine(make_spine, rule), "m", "run", Options(seed=0))
    assert len(asked.traces) == 2
    assert asked.response is None


async def test_the_runner_grades_the_last_answer_once(write_suite: Write, make_spine: MakeSpine) -> None:
    """One result for all turns; asked again, every turn comes from the cache and no latency is told."""
    suite = read_suite(
        write_suite(TOML, k=[{"id": "s", "input": "first", "follow_ups": ["second", "third"], "target": "C"}])
    )
    made = spine(make_spine)
    rows = []
    for _ in range(2):
        runner = Runner(made, suite)
        run = await runner.open("m", fresh=True)
        await runner.evaluate(run, suite.samples)
        (found,) = await made.ledger.results(run.row.id)
        rows.append(found)
    assert [row.value for row in rows] == [1.0, 1.0]
    assert [row.cached for row in rows] == [False, True]
    assert rows[1].latency_s is None
