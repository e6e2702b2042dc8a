"""Public benchmarks: what lm-eval is told, what of its files is read, and that a fault is never a wrong answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from assay.errors import BudgetExceeded, ConfigError, EvalError
from assay.evals.harness import lm_eval
from assay.evals.harness.benchmark import evaluate
from assay.evals.harness.lm_eval import Job, read_report
from assay.evals.harness.watched import Watched, digest
from assay.gateway.server import endpoint
from assay.inference.spine import Options, Spine
from assay.types import Message, Request

MakeSpine = Callable[..., Spine]
CONFIG = """
[deployments.m]
model = "x/m"
dialect = "scripted"
script = "m.json"
retries = 0
"""
RULES = [
    {"match": "Norway", "answer": "Oslo"}, {"match": "France", "answer": "Lyon"},
    {"match": "Peru", "error": "ProviderFault"},
]  # fmt: skip
JOB = Job(tasks=("capitals",), model="m", url="", timeout_s=20, concurrency=2)
# Stands for lm-eval: asks as it does, and writes what it writes.
FAKE = r"""
import json, pathlib, sys, urllib.request
config = json.loads(pathlib.Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
args = config["model_args"]
rows = []
for number, (place, right) in enumerate([("Norway", "Oslo"), ("France", "Paris"), ("Peru", "Lima")]):
    messages = [{"role": "user", "content": f"Capital of {place}?"}]
    body = {"model": args["model"], "messages": messages, "max_tokens": 16, "temperature": 0, "stop": ["\n"]}
    request = urllib.request.Request(
        args["base_url"], json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        text = json.loads(reply.read())["choices"][0]["message"]["content"]
    for name, kept in (("strict", text), ("loose", text.lower())):
        rows.append({"doc_id": number, "doc": {}, "target": right, "resps": [[text]], "filtered_resps": [kept],
            "arguments": {"gen_args_0": {"arg_0": [json.dumps(messages)], "arg_1": {}}}, "filter": name,
            "metrics": ["bleu", "exact_match"], "doc_hash": "ab" * 20,
            "bleu": 3.5, "exact_match": float(kept == right)})
out = pathlib.Path(config["output_path"]) / "m"
out.mkdir(parents=True)
(out / "samples_capitals_2026.jsonl").write_text("\n".join(map(json.dumps, rows)))
(out / "results_2026.json").write_text(json.dumps({
    "configs": {"capitals": {"task": "capitals", "metadata": {"base_url": args["base_url"]}}},
    "versions": {"capitals": 1}, "task_hashes": {"capitals": "cd"}, "n-shot": {"capitals": 0},
    "higher_is_better": {"capitals": {"exact_match": True, "bleu": True}}, "lm_eval_version": "0.0.1"}))
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter whose lm_eval is ours."""
    package = tmp_path / "fake" / "lm_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(FAKE)
    interpreter = tmp_path / "python"
    interpreter.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "fake"} exec {sys.executable} "$@"\n')
    interpreter.chmod(0o755)
    return str(interpreter)


async def test_a_benchmark_is_a_run_like_any_other(make_spine: MakeSpine, python: str) -> None:
    """One right, one wrong, one without an answer: the fault is unscored, not wrong, and bounds hold it both ways."""
    spine = make_spine(CONFIG, {"m.json": {"rules": RULES}})
    done = await evaluate(spine, endpoint, JOB, python=python)
    overall = done.card.overall
    assert (overall.passed, overall.failed, overall.unscored) == (1, 1, 1)
    assert overall.bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert done.card.public == "lm-eval"
    assert done.metric == {"capitals": "exact_match (strict)"}
    rows = {row.sample_id: row for row in await spine.ledger.results(done.run.row.id)}
    assert len(rows) == 3
    assert [row.answer for row in rows.values()] == ["Oslo", "Lyon", None]
    assert all(row.request_id is not None for row in rows.values())
    assert all(row.latency_s is not None for row in rows.values() if row.value is not None)


async def test_every_request_is_on_the_ledger_under_its_run(make_spine: MakeSpine, python: str) -> None:
    """Asked again, answers come from there; only the fault is asked anew, and the questions are known as the same."""
    spine = make_spine(CONFIG, {"m.json": {"rules": RULES}})
    first = await evaluate(spine, endpoint, JOB, python=python)
    attempts = await spine.ledger.attempts(run_id=first.run.row.id)  # type: ignore[attr-defined]
    assert len(attempts) == 3
    second = await evaluate(spine, endpoint, JOB, python=python)
    assert second.card.overall.cached == 2
    assert second.run.row.suite_digest == first.run.row.suite_digest


async def test_an_interpreter_without_it_is_told_so(make_spine: MakeSpine, tmp_path: Path) -> None:
    """With what to do; and so is one that is not there."""
    spine = make_spine(CONFIG, {"m.json": {}})
    with pytest.raises(ConfigError, match=r"pip install 'assay\[lm-eval\]'"):
        await evaluate(spine, endpoint, JOB, python=sys.executable)
    with pytest.raises(ConfigError, match=r"cannot start .*gone"):
        await evaluate(spine, endpoint, JOB, python=str(tmp_path / "gone"))


async def test_its_last_words_are_told(make_spine: MakeSpine, python: str, tmp_path: Path) -> None:
    """A task that it does not know, say."""
    (tmp_path / "fake/lm_eval/__main__.py").write_text("raise SystemExit('Tasks not found: capitalss')")
    with pytest.raises(EvalError, match="code 1; its last words:\nTasks not found: capitalss"):
        await evaluate(make_spine(CONFIG, {"m.json": {}}), endpoint, JOB, python=python)


async def test_of_an_exception_its_words_are_told(make_spine: MakeSpine, python: str, tmp_path: Path) -> None:
    """All of them, and none of the lines of code that it came through."""
    (tmp_path / "fake/lm_eval/__main__.py").write_text("raise ValueError('Tasks not found: capitalss\\nSee the list.')")
    with pytest.raises(EvalError, match=r"words:\nValueError: Tasks not found: capitalss\nSee the list\.$"):
        await evaluate(make_spine(CONFIG, {"m.json": {}}), endpoint, JOB, python=python)


async def test_a_budget_that_is_spent_ends_it(make_spine: MakeSpine, python: str) -> None:
    """The harness sees an error of its endpoint; the user is told the cause."""
    config = (
        CONFIG + "price_usd_per_mtok = { input = 1000.0, output = 1000.0 }\n[constraints]\nusd_per_month = 0.0001\n"
    )
    with pytest.raises(BudgetExceeded):
        await evaluate(make_spine(config, {"m.json": {"rules": RULES}}), endpoint, JOB, python=python)


async def test_cancelling_ends_the_child(make_spine: MakeSpine, python: str, tmp_path: Path) -> None:
    """Nothing is left running."""
    marker = tmp_path / "pid"
    (tmp_path / "fake/lm_eval/__main__.py").write_text(
        f"import os, pathlib, time\npathlib.Path({str(marker)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    task = asyncio.create_task(evaluate(make_spine(CONFIG, {"m.json": {}}), endpoint, JOB, python=python))
    while not (marker.exists() and marker.read_text()):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not Path(f"/proc/{marker.read_text()}").exists()


async def test_a_fault_is_a_mark_that_no_answer_can_hold(make_spine: MakeSpine) -> None:
    """It differs from run to run, and the reason is kept beside it."""
    spine = make_spine(CONFIG, {"m.json": {"rules": RULES}})
    watched = [Watched(spine, "run", Options(), deadline_s=5) for _ in range(2)]
    assert watched[0].mark != watched[1].mark
    asked = Request(messages=(Message.of("user", "Peru?"),))
    answer = await watched[0].answer(asked, "m")
    assert answer.text == watched[0].mark
    assert "ProviderFault" in (watched[0].asked[digest(asked.messages)].fault or "")


def test_what_the_harness_is_told(tmp_path: Path) -> None:
    """Only what was asked for; the folder of tasks is absolute."""
    job = Job(tasks=("a", "b"), model="m", url="http://127.0.0.1:1/v1", limit=5, include=Path("tasks"), seed=7)
    config = job.config(tmp_path)
    assert config["tasks"] == ["a", "b"]
    assert config["limit"] == 5
    assert "num_fewshot" not in config
    assert Path(config["include_path"]).is_absolute()
    assert config["model_args"]["base_url"] == "http://127.0.0.1:1/v1/chat/completions"
    assert config["seed"] == [7, 7, 7, 7]


@pytest.mark.parametrize(
    ("results", "message"),
    [(None, "wrote no results"), ({"configs": {"t": {}}}, "wrote no samples of 't'"), ({}, "unknown form")],
)
def test_results_that_cannot_be_read(tmp_path: Path, results: dict[str, Any] | None, message: str) -> None:
    """Another version may write something else: that is said, with the file."""
    if results is not None:
        (tmp_path / "results_1.json").write_text(json.dumps(results))
    with pytest.raises(EvalError, match=message):
        read_report(tmp_path)


def test_prompts_that_are_no_chat() -> None:
    """A text stands for one message of the user."""
    (only,) = lm_eval.prompts({"gen_args_0": {"arg_0": "Once upon"}})
    assert only == (Message.of("user", "Once upon"),)
    assert msgspec.json.encode(only)
