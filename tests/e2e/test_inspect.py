"""`assay inspect` on real weights: tokens, next tokens, answers side by side, and the tour."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli.main import assay

SMOLLM2 = "huggingfacetb/smollm2-135m-instruct"
CONFIG = f"""
[deployments.thinker]
model = "test/thinker"
dialect = "scripted"
script = "rules.json"
[deployments.small]
model = "{SMOLLM2}"
dialect = "local"
engine = {{ slots = 1, threads = 1 }}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A folder without a configuration, and a home of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("ASSAY_THREADS", "1")
    monkeypatch.delenv("ASSAY_CONFIG", raising=False)
    return CliRunner()


def told(run: CliRunner, *args: str) -> dict[str, Any]:
    """The command's JSON."""
    result = run.invoke(assay, ["inspect", *args, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_tokens_are_the_text_again(run: CliRunner) -> None:
    """Joined, the tokens are the text; parts of a character are shown as bytes."""
    tokens = told(run, SMOLLM2, "--text", "Hello wörld 🦜")["tokens"]
    assert "".join(one["text"] for one in tokens[:4]) == "Hello wörld"
    assert any("<9f>" in one["text"] for one in tokens)
    assert sum(one["bytes"] for one in tokens) == len("Hello wörld 🦜".encode())


def test_next_tokens_are_a_distribution_that_settings_reshape(run: CliRunner) -> None:
    """Cold and cut, the first token gains; the known share is nearly the whole."""
    plain = told(run, SMOLLM2, "--raw", "-p", "The capital of Peru is")["next"]
    cold = told(run, SMOLLM2, "--raw", "-p", "The capital of Peru is", "--temperature", "0.5", "--top-p", "0.9")["next"]
    assert 0.9 < plain["known_share"] <= 1
    assert plain["tokens"][0]["probability"] == pytest.approx(cold["tokens"][0]["probability"])
    assert cold["tokens"][0]["drawn"] > plain["tokens"][0]["drawn"]
    assert cold["drawn_from"] < plain["drawn_from"]
    assert "Lima" in "".join(one["token"] for one in plain["tokens"])


def test_the_chat_template_changes_what_comes_next(run: CliRunner) -> None:
    """An instruct model answers a message, and continues a bare text."""
    chat = told(run, SMOLLM2, "-p", "Hi")["next"]["tokens"][0]["token"]
    raw = told(run, SMOLLM2, "--raw", "-p", "Hi")["next"]["tokens"][0]["token"]
    assert chat != raw


def test_models_stand_side_by_side_and_one_that_cannot_says_why(run: CliRunner, tmp_path: Path) -> None:
    """A deployment, a model by name, and one whose weights are not here."""
    (tmp_path / "assay.toml").write_text(CONFIG)
    (tmp_path / "rules.json").write_text('{"rules": [{"match": "", "answer": "seven", "reasoning": "3 and 4"}]}')
    others = ("--beside", "thinker", "--beside", "google/gemma-3-270m")
    rows = told(run, "small", *others, "-p", "What is 3 + 4?", "--max-tokens", "8")["beside"]
    assert [row["name"] for row in rows] == ["small", "thinker", "google/gemma-3-270m"]
    assert rows[0]["variant"] == "instruct"
    assert rows[0]["answer"]
    assert (rows[1]["reasoning"], rows[1]["answer"]) == ("3 and 4", "seven")
    assert rows[2]["asked"] == "text"
    assert rows[2]["error"] is None or "assay pull" in rows[2]["error"]


def test_the_tour_ends_at_the_next_token(run: CliRunner) -> None:
    """Six stages, the last of which draws what the fifth found."""
    stages = told(run, SMOLLM2, "--tour")["tour"]
    assert stages[0]["stage"] == "text -> tokens"
    assert len(stages) == 6
    assert stages[3]["bytes_per_token"] == 2 * 2 * 30 * 3 * 64
    assert stages[5]["first"] == stages[4]["top"][0]["token"]
