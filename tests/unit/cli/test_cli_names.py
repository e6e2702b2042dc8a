"""Names on the command line: a wrong one is told from one of which there is nothing yet, and from one of the past."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

Project = Any  # of this folder's conftest


@pytest.mark.parametrize(
    "arguments",
    [
        ("logs", "--target", "bath"), ("logs", "-m", "bath"), ("logs", "--follow", "-t", "bath"),
        ("logs", "-t", "bath", "--export", "x.csv"), ("kinds", "suggest", "--route", "bath"),
        ("suite", "from-ledger", "--out", "made", "--route", "bath"), ("feedback", "--route", "bath"),
        ("shadows", "bath"), ("ab", "report", "bath"), ("cache", "clear", "bath"),
        ("pairs", "export", "bath", "-o", "pairs.jsonl"),
    ],
)  # fmt: skip
def test_a_name_that_nothing_ever_had_is_an_error(project: Project, arguments: tuple[str, ...]) -> None:
    """It does not pass for a name of which there is nothing: exit code 2, with the nearest name, and no file."""
    ended = project.inside(*arguments)
    assert (ended.code, "nothing is called 'bath'; did you mean 'both'?" in ended.err) == (2, True), ended.err
    assert not any((project.folder / name).exists() for name in ("x.csv", "made", "pairs.jsonl"))


@pytest.mark.parametrize(
    "arguments", [("logs", "-t", "both"), ("kinds", "suggest", "--route", "both"), ("shadows", "both")]
)
def test_a_name_that_was_once_called_is_none(project: Project, arguments: tuple[str, ...]) -> None:
    """Records of a route outlive it: who asks for them, with whatever conditions, gets what there is."""
    assert project.inside("bench", "-m", "both", "-p", "hello").code == 0
    config = project.folder / "assay.toml"
    config.write_text(config.read_text().replace("[routes.both]", "[routes.other]"))
    ended = project.inside(*arguments)
    assert (ended.code in (0, 4), ended.err) == (True, "")
    assert "nothing is called 'bath'; did you mean 'both'?" in project.inside("logs", "-t", "bath").err


def test_a_word_that_no_attempt_has_is_a_hint(project: Project) -> None:
    """Kinds, teams and errors are free words: none of that name is no mistake, but the nearest one is said."""
    project.script("good", {"match": ".", "error": "Overloaded"})
    project.inside("bench", "-m", "good", "-p", "hello", "-k", "words")
    ended = project.inside("logs", "-k", "wrods", "--error", "Overload", "--json")
    assert (ended.code, ended.json["attempts"]) == (0, [])
    assert ended.err.splitlines() == [
        "--kind: no attempt has 'wrods'; did you mean 'words'?",
        "--error: no attempt has 'Overload'; did you mean 'Overloaded'?",
    ]
    assert project.inside("logs", "-k", "words", "--outcome", "ok").err == ""
    for command in (("shadows",), ("feedback",), ("ab", "report", "both"), ("suite", "from-ledger", "-o", "made")):
        assert "--kind: no attempt has 'wrods'; did you mean 'words'?" in project.inside(*command, "-k", "wrods").err


@pytest.mark.parametrize("option", ["--request", "--run", "--bodies"])
def test_an_empty_id_is_none(project: Project, option: str) -> None:
    """Every id begins with nothing: a script whose variable is empty gets no body, and no file, of all the others."""
    project.inside("bench", "-m", "good", "-p", "hello")
    ended = project.inside("logs", option, "", "--export", "x.csv")
    assert (ended.code, "it is empty: say an id, or how it begins" in ended.err) == (2, True), ended.err
    assert not (project.folder / "x.csv").exists()


def test_a_request_that_was_refused_without_an_attempt_says_why(project: Project) -> None:
    """A client that shows its id asks why; that no attempt matches is half an answer."""
    with (project.folder / "assay.toml").open("a") as toml:
        toml.write("\n[budgets.none]\nusd = 0\nroute = 'good'\n")
    assert project.inside("chat", "-m", "good", "-p", "hello").code != 0
    with closing(sqlite3.connect(project.folder / "assay.db")) as connection:
        [request] = connection.execute("select id from requests where outcome = 'refused'").fetchone()
    ended = project.inside("logs", "--request", request[:16])
    assert ended.err.startswith(f"request {request} to good was refused without an attempt: budget 'route:good' of ")
    exported = project.inside("logs", "--request", request, "-k", "wrods", "--export", "x.csv")
    assert exported.err.startswith("--kind: no attempt has 'wrods'")
    assert f"request {request} to good was refused" in exported.err


def test_a_run_is_found_by_how_its_id_begins(project: Project) -> None:
    """Ids of runs are shown cut; what is shown is enough to ask for its attempts."""
    run = project.inside("eval", "-m", "good", "--json").json["scorecards"][0]["run"]
    assert len(project.inside("logs", "--run", run[:16], "--json").json["attempts"]) == 20
