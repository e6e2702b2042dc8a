"""Grids on the command line: a grid's name stands for its members, and what they come to is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.cli.door import guarded
from assay.cli.main import assay

TOML = """
[decide]
suite = "suite"
candidates = ["tries"]
[deployments.small]
model = "x/small"
dialect = "scripted"
script = "small.json"
price_usd_per_mtok = { input = 1, output = 2 }
settings = { max_tokens = 8 }
[grids.tries]
of = "small"
vote = [1, 3]
best_of = [2]
check = { check = "regex", pattern = "yes" }
"""
MEMBERS = ["small", "small@vote=3", "small@best-of=2"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a grid over a model that is always right, and two samples."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "assay.toml").write_text(TOML)
    (tmp_path / "small.json").write_text('{"default": "yes"}')
    (tmp_path / "suite" / "suite.toml").write_text(
        'name = "s"\nversion = "1"\n[kinds.a]\nsamples = "a.jsonl"\ngraders = [{ check = "exact" }]\n'
    )
    lines = [{"id": f"s{n}", "input": f"Question {n}?", "target": "yes"} for n in range(2)]
    (tmp_path / "suite" / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, object]:
    """The JSON that a command prints."""
    assert guarded(lambda: assay.main([*words, "--json"], standalone_mode=False)) == code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_eval_and_compare_take_a_grid(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every member is asked; a vote of three that agree takes two calls, a best-of that passes at once one."""
    found = told(capsys, "eval", "-m", "tries")
    cards = found["scorecards"]
    assert isinstance(cards, list)
    assert [card["target"] for card in cards] == MEMBERS
    assert [card["overall"]["tokens"]["output"] for card in cards] == [1, 2, 1]
    assert [card["kinds"]["a"]["tokens"]["answers"] for card in cards] == [2, 2, 2]
    assert cards[1]["overall"]["usd"] == pytest.approx(2 * cards[0]["overall"]["usd"])
    compared = told(capsys, "compare", "tries", "--no-run", code=4)
    assert [(one["fewer"], one["more"]) for one in compared["more_tokens"]] == [  # type: ignore[attr-defined]
        ("small", "small@best-of=2"), ("small@best-of=2", "small@vote=3"),
    ]  # fmt: skip


def test_choose_takes_the_cheapest_member(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`decide.candidates` may name a grid; what asks once is expected to cost least, and is asked first."""
    decision = told(capsys, "choose")
    (kind,) = decision["kinds"]  # type: ignore[misc]
    assert kind["chosen"] == "small"
    assert sorted(one["name"] for one in kind["candidates"]) == sorted(MEMBERS)
    assert decision["models"] == dict.fromkeys(MEMBERS, "x/small")


def test_the_configuration_shows_the_members(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`assay config show` prints what a grid stands for."""
    shown = told(capsys, "config", "show")
    assert list(shown["routes"]) == MEMBERS[1:]  # type: ignore[call-overload]


THINKING = """
[deployments.deep]
model = "x/deep"
dialect = "anthropic"
base_url = "http://127.0.0.1:9"
settings = { max_tokens = MOST }
[grids.thinking]
of = "deep"
reasoning_tokens = [0, 2000, 8000]
"""


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (16_000, []),
        (1500, ["deep@thinking=8000: with reasoning_tokens = 8000 it is sent the same as deep@thinking=2000 with "]),
        (1000, ["deep@thinking=2000: reasoning_tokens = 2000 changes nothing", "deep@thinking=8000: reasoning_tokens"]),
    ],
)
def test_members_that_are_sent_the_same_are_named(
    here: Path, most: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A budget that does not fit below max_tokens is cut or left out: two candidates that are one, paid twice."""
    (here / "assay.toml").write_text(TOML + THINKING.replace("MOST", str(most)))
    said = told(capsys, "config", "check")["notes"]
    assert isinstance(said, list)
    notes = [note for note in said if "reasoning_tokens" in note]
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True)), notes
