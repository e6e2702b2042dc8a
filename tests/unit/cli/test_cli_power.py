"""`assay suite power`, and people's labels at `assay eval` and `assay compare`."""

from __future__ import annotations

import json
from typing import Any

import pytest

Project = Any  # of this folder's conftest


def test_power_is_told_before_anything_is_asked(project: Project) -> None:
    """In words, per kind and overall; nothing is called and no ledger made; JSON has the same figures."""
    ended = project.inside("suite", "power", "suite")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("20 samples can separate about 44 points between two candidates (80 % power)")
    assert "within" not in ended.err
    assert "Assumed: two candidates differ on 10% to 30% of the samples" in ended.out
    assert [line.split()[0] for line in ended.out.splitlines()[2:6]] == ["kind", "words", "names", "overall"]
    assert not list(project.folder.glob("*.db"))
    found = project.inside(
        "suite", "power", "suite", "--json", "-k", "words", "--difference", "0.2", "--bar", "0.9"
    ).json
    assert list(found["kinds"]) == ["words"]
    assert (found["kinds"]["words"]["bar"], found["difference"]) == (0.9, 0.2)


def test_power_is_measured_where_there_are_runs(project: Project) -> None:
    """After an evaluation the candidates' own disagreement counts."""
    project.script("bad", {"match": "names|words [0-4]", "answer": "yes"}, default="no")
    assert project.inside("eval").code == 0
    ended = project.inside("suite", "power", "suite")
    assert "Two candidates differ on 25% of the samples, as measured in 2 earlier runs." in ended.out
    planned = project.inside("suite", "power", "suite", "--groups", "5", "--correlation", "1")
    assert "20 samples in 5 groups, worth 5, can separate no two candidates" in planned.out
    assert "correlation 1 (given)" in planned.out


@pytest.mark.parametrize("wrong", [("--difference", "5"), ("--groups", "1"), ("-k", "nothing"), ("--bar", "0")])
def test_what_cannot_be_planned_is_refused(project: Project, wrong: tuple[str, str]) -> None:
    """A difference in points, one group, an unknown kind."""
    assert project.inside("suite", "power", "suite", *wrong).code in (2, 3)


def labels(project: Project, name: str, said: dict[str, int], **more: str) -> str:
    """Write a file of labels."""
    lines = [json.dumps({"sample": sample, "value": value, **more}) for sample, value in said.items()]
    (project.folder / name).write_text("\n".join(lines))
    return name


def test_people_correct_what_graders_say(project: Project) -> None:
    """Every answer passes, people call half of those they read wrong: their share stands beside the graders'."""
    file = labels(project, "read.jsonl", {f"words{n}": n % 2 for n in range(10)} | {"names0": 1, "names1": 0})
    ended = project.inside("eval", "-m", "good", "--labels", file)
    assert ended.code == 0, ended.err
    assert "overall as people see it: 50% [" in ended.out
    assert "where graders say 100% (prediction-powered, 12 labels, 6 of them against the graders" in ended.out
    found = project.inside("eval", "-m", "good", "--labels", file, "--json").json["scorecards"][0]["corrected"]
    assert (found["share"], found["labels"], found["method"]) == (0.5, 12, "prediction-powered")
    assert "corrected" not in project.inside("eval", "-m", "good", "--json").json["scorecards"][0]


def test_too_few_labels_tell_nothing(project: Project) -> None:
    """The reason is told."""
    ended = project.inside("eval", "-m", "good", "--labels", labels(project, "few.jsonl", {"words0": 1}))
    assert "as people see it: cannot be told: 1 label; 10 of this run's answers are needed" in ended.out


def test_labels_of_two_runs_name_their_answers(project: Project) -> None:
    """Labels that could be of either candidate's answer are refused before anything is asked."""
    said = {f"words{n}": 1 for n in range(10)}
    refused = project.inside("eval", "--labels", labels(project, "plain.jsonl", said))
    assert refused.code != 0
    assert "which of 2 runs' answers was read" in refused.err
    assert project.inside("logs", "--json").json["attempts"] == []
    runs = {card["target"]: card["run"] for card in project.inside("eval", "--json").json["scorecards"]}
    for name, run in runs.items():
        labels(project, f"{name}.jsonl", said, run=run)
    both = (project.folder / "good.jsonl").read_text() + "\n" + (project.folder / "bad.jsonl").read_text()
    (project.folder / "both.jsonl").write_text(both)
    ended = project.inside("compare", "good", "bad", "--no-run", "--labels", "both.jsonl", "-n", "0")
    assert "good less bad, as people see it: " in ended.out
    assert "(prediction-powered, 10 labels, 10 of them against the graders)" in ended.out
