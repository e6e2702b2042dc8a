"""`assay guards`, and `assay cache` for routes: what they say, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Project

EXAMPLE = Path(__file__).parents[3] / "examples" / "guards"
GUARDED = """
[guards.words]
check = { check = "patterns", words = ["bomb"] }
[guards.safety]
check = { check = "classifier", model = "good" }
[routes.guarded]
candidates = ["bad"]
guards = { before = ["words"] }
cache = { share = "all" }
"""


@pytest.fixture
def guarded(project: Project) -> Project:
    """A project with guards."""
    config = project.folder / "assay.toml"
    config.write_text(config.read_text() + GUARDED)
    return project


def cases(project: Project, *lines: object) -> None:
    """Write a file of cases."""
    (project.folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_list(guarded: Project) -> None:
    """Each guard with what it looks with and where it stands."""
    ended = guarded.inside("guards", "list", "--json")
    assert [(one["guard"], one["check"], one["before"]) for one in ended.json] == [
        ("words", "patterns", ["guarded"]), ("safety", "classifier: good", []),
    ]  # fmt: skip


def test_a_trial(guarded: Project) -> None:
    """Counts with exact intervals, and the number of each case that it got wrong; answers are looked at as answers."""
    cases(
        guarded,
        {"text": "a bomb", "catch": True}, {"text": "an explosive", "catch": True}, {"text": "hi", "catch": False},
        {"text": "hi", "answer": "the bomb", "catch": True},
        {"messages": [{"role": "tool", "content": "bomb"}], "catch": False},
    )  # fmt: skip
    found = guarded.inside("guards", "test", "words", "cases.jsonl", "--json").json
    assert (found["caught"]["count"], found["caught"]["of"]) == (2, 3)
    assert found["caught"]["interval"] == pytest.approx([0.0943, 0.9916], abs=1e-3)
    assert (found["missed"], found["alarmed"], found["asked"], found["usd"]) == ([2], [5], 0, 0.0)


def test_a_trial_of_a_model(guarded: Project) -> None:
    """It is asked through the spine, its cost is told, and what is no verdict is in neither share."""
    guarded.script("good", {"match": "bomb", "answer": "unsafe"}, {"match": "odd", "answer": "well"}, default="safe")
    cases(guarded, {"text": "bomb", "catch": True}, {"text": "hi", "catch": False}, {"text": "odd", "catch": True})
    ended = guarded.inside("guards", "test", "safety", "cases.jsonl", "--json")
    assert (ended.json["caught"]["of"], ended.json["undecided"], ended.json["asked"]) == (1, [3], 3)
    assert ended.json["usd"] > 0
    rows = guarded.inside("logs", "--json").json
    assert "guard" in json.dumps(rows)


@pytest.mark.parametrize(
    ("flags", "code"),
    [((), 0), (("--caught", "0.2"), 0), (("--caught", "0.9"), 4), (("--alarms", "0.05"), 4), (("--caught", "1"), 4)],
)
def test_bars(guarded: Project, flags: tuple[str, ...], code: int) -> None:
    """A share holds, does not, or cannot be told with so few cases."""
    cases(guarded, *[{"text": "bomb", "catch": True}] * 4, {"text": "hi", "catch": False})
    assert guarded.inside("guards", "test", "words", "cases.jsonl", *flags).code == code


def test_a_bar_that_is_missed(guarded: Project) -> None:
    """Exit 1 where it is certain, whatever cannot be told of the other share."""
    cases(guarded, *[{"text": "explosive", "catch": True}] * 9)
    assert guarded.inside("guards", "test", "words", "cases.jsonl", "--caught", "0.9").code == 1
    assert guarded.inside("guards", "test", "words", "cases.jsonl", "--caught", "0.9", "--alarms", "0.1").code == 1


def test_a_guard_that_decides_nothing_has_not_passed(guarded: Project) -> None:
    """Where its model gives no verdict at all nothing was measured: exit 4, also without a bar."""
    guarded.script("good", default="well")
    cases(guarded, {"text": "bomb", "catch": True}, {"text": "hi", "catch": False})
    ended = guarded.inside("guards", "test", "safety", "cases.jsonl")
    assert (ended.code, "undecided     2" in ended.out) == (4, True)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([{"text": "x"}], "cases.jsonl, line 1"),
        ([{"catch": True}], "needs a `text`"),
        ([{"text": "x", "catch": True, "answr": "y"}], "answr"),
        ([], "holds no case"),
    ],
)
def test_bad_cases(guarded: Project, lines: list[object], told: str) -> None:
    """File, line and what is wrong; exit 2."""
    cases(guarded, *lines)
    ended = guarded.inside("guards", "test", "words", "cases.jsonl")
    assert ended.code == 2
    assert told in ended.err


def test_an_unknown_guard(guarded: Project) -> None:
    """The nearest is named."""
    cases(guarded, {"text": "x", "catch": True})
    assert "did you mean 'words'" in guarded.inside("guards", "test", "word", "cases.jsonl").err


def test_cache_is_shown_and_cleared(guarded: Project) -> None:
    """What is held, hits and savings, by route; one route's is forgotten alone."""
    body = {"model": "guarded", "temperature": 0, "messages": [{"role": "user", "content": "hi"}]}
    (guarded.folder / "request.json").write_text(json.dumps(body))
    for _ in range(2):
        assert guarded.inside("call", "request.json").code == 0
    held = {row["route"]: row for row in guarded.inside("cache", "show", "--json").json}
    assert (held["guarded"]["answers"], held["guarded"]["hits"]) == (1, 1)
    assert held["guarded"]["saved_usd"] > 0
    assert guarded.inside("cache", "clear", "evals").out == "0 answers deleted\n"
    assert guarded.inside("cache", "clear", "guarded").out == "1 answer deleted\n"


@pytest.mark.parametrize(("name", "caught", "alarms"), [("injection", 15, 1), ("personal", 11, 1)])
def test_the_example(project: Project, name: str, caught: int, alarms: int) -> None:
    """The example's guards catch what its README says, and miss what no pattern finds."""
    for file in EXAMPLE.iterdir():
        if file.suffix in (".toml", ".json", ".jsonl"):
            (project.folder / file.name).write_bytes(file.read_bytes())
    found = project.inside("guards", "test", name, f"{name}.jsonl", "--json").json
    assert (found["caught"]["count"], found["false_alarms"]["count"]) == (caught, alarms)


def test_config_check_looks_at_every_guard(guarded: Project) -> None:
    """A mistake in a guard that no route names is told, too."""
    config = guarded.folder / "assay.toml"
    config.write_text(config.read_text() + '[guards.idle]\ncheck = { check = "patterns", patterns = ["(a"] }\n')
    ended = guarded.inside("config", "check")
    assert ended.code == 2
    assert "guards.idle.check" in ended.err
