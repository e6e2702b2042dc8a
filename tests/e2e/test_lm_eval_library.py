"""The real lm-evaluation-harness, in an environment of its own, against our gateway."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TASK = """
task: own_capitals
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: generate_until
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 16}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0}
"""
CONFIG = """
[deployments.good]
model = "x/good"
dialect = "scripted"
script = "good.json"
retries = 0
[deployments.bad]
model = "x/bad"
dialect = "scripted"
script = "bad.json"
retries = 0
"""
DOCUMENTS = [("Norway", "Oslo"), ("France", "Paris"), ("Peru", "Lima"), ("Japan", "Tokyo")]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has lm-eval; `ASSAY_LM_EVAL_PYTHON` names one that is there already."""
    if named := os.environ.get("ASSAY_LM_EVAL_PYTHON"):
        return named
    place = tmp_path_factory.mktemp("lm-eval") / "venv"
    uv = [sys.executable, "-m", "uv"]
    try:
        subprocess.run([*uv, "venv", "-q", "--python", sys.executable, str(place)], check=True, capture_output=True)
        install = [*uv, "pip", "install", "-q", "--python", str(place / "bin/python"), "lm-eval[api]>=0.4.9"]
        subprocess.run(install, check=True, capture_output=True, timeout=400)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"lm-eval cannot be installed: {getattr(error, 'stderr', b'') or error!r}"[:500])
    return str(place / "bin/python")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scripted models and a task: one model errs once, the other fails once."""
    right = [{"match": place, "answer": capital} for place, capital in DOCUMENTS]
    for name, first in (
        ("good", {"match": "Peru", "answer": "Quito"}),
        ("bad", {"match": "Japan", "error": "ProviderFault"}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps({"rules": [first, *right]}))
    (tmp_path / "assay.toml").write_text(CONFIG)
    (tmp_path / "tasks").mkdir()
    data = tmp_path / "tasks/own.jsonl"
    data.write_text("\n".join(json.dumps({"question": f"Capital of {p}?", "answer": a}) for p, a in DOCUMENTS))
    (tmp_path / "tasks/own.yaml").write_text(TASK.replace("DATA", str(data)))
    return tmp_path


@pytest.mark.timeout(600)
def test_a_task_of_lm_eval_lands_in_a_scorecard(folder: Path, python: str) -> None:
    """Both models, one fault: unscored, marked as public, exit status 3."""
    command = [
        sys.executable, "-m", "assay", "eval", "--harness", "lm-eval", "--tasks", "own_capitals", "--include", "tasks",
        "--harness-python", python, "-m", "good", "-m", "bad", "--json",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500)
    assert ended.returncode == 3, ended.stderr
    good, bad = json.loads(ended.stdout)["scorecards"]
    assert good["public"] == bad["public"] == "lm-eval"
    assert [good["overall"][key] for key in ("passed", "failed", "unscored")] == [3, 1, 0]
    assert [bad["overall"][key] for key in ("passed", "failed", "unscored")] == [3, 0, 1]


@pytest.mark.timeout(300)
def test_an_unknown_task_is_told_in_its_own_words(folder: Path, python: str) -> None:
    """Its last words, and an exit code of ours."""
    command = [sys.executable, "-m", "assay", "eval", "--harness", "lm-eval", "--tasks", "no_such", "-m", "good"]
    ended = subprocess.run(
        [*command, "--harness-python", python], cwd=folder, capture_output=True, text=True, timeout=200
    )
    assert ended.returncode == 3
    assert "no_such" in ended.stderr
