"""`assay compare`: asks what is missing, tells who is better or that it cannot be told, and shows where they differ."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

Project = Any  # of this folder's conftest


def asked(project: Project) -> int:
    """Attempts on record."""
    return len(project.inside("logs", "--json", "-n", "200").json["attempts"])


def test_one_is_better(project: Project) -> None:
    """Missing answers are asked first; the verdict, both sides, every kind and the differing samples are told."""
    ended = project.inside("compare", "good", "bad", "--json")
    assert ended.code == 0, ended.err
    found = ended.json
    assert list(found) == [
        "verdict", "best", "suite", "suite_digest", "samples", "sides", "pairs", "more_tokens", "differing", "rows",
    ]  # fmt: skip
    assert (found["best"], found["samples"], found["differing"], len(found["rows"])) == ("good", 20, 20, 20)
    assert found["verdict"].startswith("good is better than bad by +100 points [+")
    assert set(found["pairs"][0]["kinds"]) == {"words", "names"}
    assert found["rows"][0]["replies"][1]["scores"][0]["explanation"] == "expected 'yes', got 'no'"
    count = asked(project)
    assert count == 40
    again = project.inside("compare", "good", "bad", "--no-run", "--json")
    assert (again.code, again.json["verdict"]) == (0, found["verdict"])
    assert asked(project) == count


def test_the_text_shows_what_differs(project: Project) -> None:
    """Figures side by side, then input, target, answers and the grader's words; cut, limited, or all of it."""
    project.script("good", {"match": r"words [89]", "answer": "n\x1b[2J" + "o " * 200})
    project.script("bad", {"match": "names", "answer": "yes"}, default="no")
    ended = project.inside("compare", "good", "bad", "-n", "1")
    assert ended.code == 0, ended.err
    assert re.search(r"good +18 +20 +90%", ended.out)
    assert "Samples where they differ: 8; the first 1 (--limit):" in ended.out
    assert "  input: words 0.\n  target: yes\n  + good (" in ended.out
    assert "      exact: expected 'yes', got 'no'" in ended.out
    whole = project.inside("compare", "good", "bad", "--no-run", "--all", "-n", "99", "-k", "words")
    assert "Samples that were answered: 10" in whole.out
    assert "o " * 150 not in whole.out
    assert "\x1b" not in whole.out
    assert "n\\x1b[2Jo o" in whole.out
    full = project.inside("compare", "good", "bad", "--no-run", "--all", "-n", "99", "-k", "words", "--full")
    assert "o " * 150 in full.out


def test_it_cannot_be_told(project: Project) -> None:
    """Equal candidates: exit code 4 and a sentence, in text and JSON."""
    project.script("bad", {"match": r"words [01]", "answer": "no"}, default="yes")
    ended = project.inside("compare", "good", "bad")
    assert ended.code == 4
    assert ended.out.startswith("This suite cannot tell good and bad apart: +10 points")
    assert "more samples would show it" in ended.out


def test_a_part_that_was_asked_belongs_to_the_same_run(project: Project) -> None:
    """`eval -k` begins the run that `compare`, `choose` and a later `eval` of everything go on with."""
    begun = [project.inside("eval", "-m", name, "-k", "words", "--json").json for name in ("good", "bad")]
    runs = [one["scorecards"][0]["run"] for one in begun]
    ended = project.inside("compare", "good", "bad", "-k", "words", "--no-run", "--json")
    assert ended.code == 0, ended.err
    assert [side["run"] for side in ended.json["sides"]] == runs
    project.inside("choose", "-k", "words")
    assert project.inside("eval", "-m", "good", "--json").json["scorecards"][0]["run"] == runs[0]
    assert asked(project) == 30


def test_a_run_is_named_by_its_id(project: Project) -> None:
    """A prompt before and after it was changed: the earlier run by id, the newer one by name."""
    before = project.inside("eval", "-m", "good", "--json").json["scorecards"][0]["run"]
    (project.folder / "system.txt").write_text("Say no.")
    missing = project.inside("compare", "good", before[:16], "--no-run")
    assert (missing.code, missing.out) == (4, "")
    assert before[:14] in missing.err
    ended = project.inside("compare", "good", before[:16], "--json")
    assert ended.code == 4
    assert [side["run"] == before for side in ended.json["sides"]] == [False, True]
    assert ended.json["sides"][1]["name"] == f"good@{before[:12]}"
    unclear = project.inside("compare", "good", before[:3])
    assert unclear.code == 2
    assert "2 runs have an id that begins with" in unclear.err
    (project.folder / "suite/words.jsonl").write_text('{"id": "w", "input": "words.", "target": "yes"}\n')
    count = asked(project)
    changed = project.inside("compare", "good", before[:16])
    assert (changed.code, asked(project)) == (2, count)  # said before anything is asked
    assert "only runs of one suite can be compared" in changed.err


def test_faults_are_no_defeats(project: Project) -> None:
    """A provider that fails leaves samples unscored: out of the comparison, with the reason, and exit code 4."""
    project.script("bad", {"match": "", "error": "BadRequest"})
    ended = project.inside("compare", "good", "bad")
    assert ended.code == 4
    assert "good and bad cannot be compared: there is no sample that both have a score for." in ended.out
    assert "bad: 20 unscored: BadRequest" in ended.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("good",), 2, "name two to compare"),
        (("good", "good"), 2, "name two to compare"),
        (("god", "bad"), 2, "neither a deployment or route nor the id of a run; did you mean 'good'?"),
        (("good", "bad", "-k", "word"), 2, "did you mean 'words'?"),
        (("good", "bad", "--no-run"), 4, "leave --no-run out"),
        (("good", "bad", "-s", "nowhere"), 2, "nowhere"),
    ],
)
def test_what_is_wrong_is_said(project: Project, words: tuple[str, ...], code: int, said: str) -> None:
    """A message with the value and what to do, and nothing on standard output."""
    ended = project.inside("compare", *words)
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_reader_that_leaves_changes_nothing(project: Project) -> None:
    """`assay compare ... | head -1` keeps its exit code, without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    process = project.begin("compare", "good", "bad", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
