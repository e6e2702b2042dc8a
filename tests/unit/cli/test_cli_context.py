"""`assay context`: a table and sentences, exit codes, money that is said first, and what is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

Project = Any  # of this folder's conftest

NEEDLE = r"gate code of the (\w+) depot is (\d+)\b.*What is the gate code of the \1 depot\?"
CONFIG = """
[deployments.able]
model = "x/able"
dialect = "scripted"
script = "able.json"

[deployments.short]
model = "x/short"
dialect = "scripted"
script = "short.json"
only_kinds = ["words"]

[deployments.down]
model = "x/down"
dialect = "scripted"
script = "down.json"
retries = 0

[deployments.dear]
model = "x/dear"
dialect = "scripted"
script = "able.json"
price_usd_per_mtok = { input = 2.0, output = 2.0 }
"""


@pytest.fixture
def measuring(project: Project) -> Project:
    """Models that see all of a prompt, or its first 9,000 letters, or answer nobody."""
    (project.folder / "assay.toml").write_text(CONFIG)
    project.script("able", {"match": f"(?s){NEEDLE}", "answer": "It is {2}."})
    project.script("short", {"match": rf"(?s)\A.{{0,9000}}{NEEDLE}", "answer": "{2}"}, default="I cannot see it.")
    project.script("down", {"match": "", "error": "ProviderFault"})
    return project


GRID = ("--task", "needle", "--lengths", "1k,2k", "--depths", "0,50,100", "--repeats", "2")


def test_a_table_and_what_it_comes_to(measuring: Project) -> None:
    """A row for each length with its cells, the effective context in a sentence, and how it is known."""
    ended = measuring.inside("context", "short", *GRID)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["needle", "0", "%", "50", "%", "100", "%", "passed", "95", "%", "interval", "prompt"]
    assert re.match(r"1,024 +2/2 +2/2 +2/2 +6 of 6 +61% to 100% +\d{3} tokens +holds", lines[1])
    assert re.match(r"2,048 .* fails$", lines[2])
    assert "needle: effective context 1,024 tokens: 6 of 6 pass there; at 2,048" in ended.out
    assert "tokens of its own tokenizer" in ended.out
    assert "at most 12 prompts of 1,024, 2,048 tokens: 18,048 tokens to read" in ended.err


def test_the_same_again_asks_nothing(measuring: Project) -> None:
    """A second call prints the same and asks no model; --list shows both targets, the newest first."""
    first = measuring.inside("context", "able", *GRID, "--json").json
    again = measuring.inside("context", "able", *GRID, "--json").json
    assert (first["asked"], again["asked"], again["run"]) == (12, 0, first["run"])
    assert again["findings"] == first["findings"]
    measuring.inside("context", "short", *GRID)
    listed = measuring.inside("context", "--list", "--json").json["contexts"]
    assert [(one["target"], one["findings"][0]["effective_tokens"]) for one in listed] == [
        ("short", 1024), ("able", 2048),
    ]  # fmt: skip
    text = measuring.inside("context", "--list").out.splitlines()
    assert re.match(r"short .* needle +1,024 +2,048 ", text[1])
    assert re.match(r"able .* needle +at least 2,048 +- ", text[2])


@pytest.mark.parametrize(("target", "need", "code"), [("short", "1k", 0), ("short", "2k", 1), ("down", "1k", 4)])
def test_exit_codes(measuring: Project, target: str, need: str, code: int) -> None:
    """0: what is needed is used; 1: it is not; 4: it cannot be told, and a line says why."""
    ended = measuring.inside("context", target, *GRID, "--need", need)
    assert ended.code == code, ended.out + ended.err
    if code == 4:
        assert "prompts without a score" in ended.err
        assert "cannot be told" in ended.out


def test_a_need_is_asked_for_by_itself(measuring: Project) -> None:
    """A length that is needed and not named is one more to be asked."""
    found = measuring.inside("context", "able", *GRID, "--need", "3000", "--json")
    assert found.json["grid"]["lengths"] == [1024, 2048, 3000]
    assert found.code == 0


def test_money_is_said_before_it_is_spent(measuring: Project) -> None:
    """Where a host bills, nothing is asked without --max-usd; --dry-run asks nothing and says what it would take."""
    ended = measuring.inside("context", "dear", *GRID)
    assert ended.code == 2
    assert "18,048 tokens to read, 384 to write, 0.0369 USD: say with --max-usd" in ended.err
    dry = measuring.inside("context", "dear", *GRID, "--dry-run", "--json").json
    assert dry["budget"] == {"prompts": 12, "input_tokens": 18_048, "output_tokens": 384, "usd": 0.036864}
    assert measuring.inside("logs", "--json").json["attempts"] == []
    assert measuring.inside("context", "dear", *GRID, "--max-usd", "1").code == 0


def test_money_that_does_not_suffice(measuring: Project) -> None:
    """What was measured by then is told, with what ended it: nothing is known of what was not asked, exit code 4."""
    ended = measuring.inside("context", "dear", *GRID, "--max-usd", "0.02")
    assert ended.code == 4
    assert "stopped: budget '--max-usd'" in ended.err


def test_a_page(measuring: Project) -> None:
    """--html writes a page that asks for nothing from outside, with a heatmap of the task."""
    ended = measuring.inside("context", "short", *GRID, "--full", "--html", "found.html")
    assert ended.code == 0, ended.err
    page = Path(measuring.folder / "found.html").read_text()
    assert "How much of its context short uses" in page
    assert "effective context 1,024 tokens" in page
    assert page.count('<svg class="plot"') == 2
    assert not re.search(r'(?:src|href)="(?!#)', page)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name what to measure"),
        (("able", "--list"), "name what to measure"),
        (("abel",), "abel"),
        (("able", "--lengths", "100"), "the shortest is 512"),
        (("able", "--lengths", "some"), "such as 4096 or 4k"),
        (("able", "--depths", "200"), "from 0 to 100"),
        (("able", "--need", "much"), "such as 4096 or 4k"),
        (("able", "--bar", "0"), "--bar"),
    ],
)
def test_what_is_wrong_is_said(measuring: Project, words: tuple[str, ...], said: str) -> None:
    """Exit code 2 and a message."""
    ended = measuring.inside("context", *words)
    assert ended.code == 2, ended.out
    assert said in ended.err


def test_a_page_that_cannot_be_written(measuring: Project) -> None:
    """What was measured is printed and kept; the message names the option."""
    ended = measuring.inside("context", "able", *GRID, "--html", "suite")
    assert ended.code == 3
    assert "name a file in it with --html" in ended.err
    assert "effective context" in ended.out


def test_nothing_was_measured(measuring: Project) -> None:
    """--list of an empty ledger says how to begin."""
    assert "assay context TARGET" in measuring.inside("context", "--list").out


def test_who_may_not_be_asked_was_not_measured(measuring: Project) -> None:
    """A deployment that has no key is taken out before it is asked: no answer about its context, exit code 4."""
    host = '[deployments.host]\nmodel = "x/h"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    (measuring.folder / "assay.toml").write_text(CONFIG + host + 'api_key_env = "NOBODY_SET_IT"\n')
    ended = measuring.inside("context", "host", *GRID)
    assert (ended.code, ended.out) == (4, "")
    assert "NOBODY_SET_IT" in ended.err


def test_the_budget_of_the_month_ends_it(measuring: Project) -> None:
    """As --max-usd does: what was measured by then is told, and nothing is said of the rest."""
    (measuring.folder / "assay.toml").write_text(CONFIG + "[constraints]\nusd_per_month = 0.02\n")
    ended = measuring.inside("context", "dear", *GRID, "--max-usd", "1")
    assert ended.code == 4
    assert "stopped: " in ended.err
    assert "nothing was asked" in ended.out or "cannot be told" in ended.out


def test_a_model_that_thinks_has_room_for_it(measuring: Project) -> None:
    """Its answers may take 2,048 tokens, and the shortest prompt is longer; --answer-tokens says otherwise."""
    thinking = CONFIG + '[deployments.o]\nmodel = "openai/o3-mini"\ndialect = "scripted"\nscript = "able.json"\n'
    (measuring.folder / "assay.toml").write_text(thinking)
    roomy = measuring.inside("context", "o", "--dry-run", "--json").json["grid"]
    assert (roomy["answer_tokens"], roomy["lengths"][0]) == (2048, 4096)
    tight = measuring.inside("context", "o", "--dry-run", "--json", "--answer-tokens", "16").json["grid"]
    assert (tight["answer_tokens"], tight["lengths"][0]) == (16, 1024)


def test_a_folder_that_is_not_there_is_told_before_anything_is_asked(measuring: Project) -> None:
    """A page that could not be written is no reason to be asked for a whole grid."""
    ended = measuring.inside("context", "able", *GRID, "--html", "nowhere/page.html")
    assert (ended.code, "--html nowhere/page.html" in ended.err) == (2, True)
    assert "able" not in measuring.inside("context", "--list").out
