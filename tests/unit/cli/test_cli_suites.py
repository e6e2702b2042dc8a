"""`assay suite new`, `profiles`, `lint`, `show` and `split` from the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

Project = Any  # of this folder's conftest

FEW = """
[deployments.good.kinds.words]
examples_file = "few.jsonl"
"""


def write(project: Project, kind: str, *lines: dict[str, Any]) -> None:
    """Write the samples of a kind."""
    file = project.folder / "suite" / f"{kind}.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_new_suite_can_be_evaluated(project: Project) -> None:
    """Begun, linted and split, it runs as it is."""
    ended = project.inside("suite", "new", "mine", "-k", "sums", "--check", "numeric")
    assert ended.code == 0, ended.err
    assert "assay suite lint mine" in ended.out
    assert project.inside("suite", "lint", "mine").code == 0
    assert project.inside("suite", "split", "mine", "--dry-run").code == 0
    ended = project.inside("eval", "-s", "mine", "-m", "good", "--json")
    assert ended.code == 0, ended.err
    assert list(ended.json["scorecards"][0]["kinds"]) == ["sums"]


def test_profiles_are_listed_shown_and_copied(project: Project) -> None:
    """What ships can be looked at, and is a team's own files afterwards."""
    ended = project.inside("suite", "profiles")
    assert all(name in ended.out for name in ("leakage", "missed-deadline", "unsafe-action", "wrong-explanation"))
    shown = project.inside("suite", "profiles", "unsafe-action", "--json").json
    assert shown["kinds"]["actions.forbidden"]["gate"] is True
    assert "actions.forbidden" in project.inside("suite", "profiles", "unsafe-action").out
    new = project.inside("suite", "new", "mine", "--profile", "unsafe-action", "--json").json
    assert "actions.tools.json" in new["files"]
    assert (project.folder / "mine" / "prompts.toml").exists()
    again = project.inside("suite", "new", "mine")
    assert (again.code, "folder with content" in again.err) == (2, True)
    assert project.inside("suite", "new", "x", "--profile", "unsafe").code == 2
    assert project.inside("suite", "new", "x", "--check", "exact").code == 2


def test_lint_ends_with_one_on_errors_and_on_anything_if_strict(project: Project) -> None:
    """A suite without errors is fine; --strict wants no findings at all."""
    write(project, "words", *({"id": f"w{n}", "input": f"w{n} v{n} u{n}", "target": "abcd"[n % 4]} for n in range(12)))
    write(project, "names", *({"id": f"n{n}", "input": f"x{n} y{n} z{n}", "target": "abcd"[n % 4]} for n in range(12)))
    ended = project.inside("suite", "lint", "suite", "--json")
    assert (ended.code, [one["level"] for one in ended.json["findings"] if one["level"] == "error"]) == (0, [])
    assert project.inside("suite", "lint", "suite", "--strict").code == 1
    write(
        project, "names", {"id": "n1", "input": "Which?", "target": "a"}, {"id": "n2", "input": "which", "target": "b"}
    )
    ended = project.inside("suite", "lint", "suite")
    assert ended.code == 1
    assert "two-targets" in ended.out
    assert "names.jsonl, line 1" in ended.out
    assert project.inside("suite", "lint", "nowhere").code == 2


def test_lint_reads_prompts_and_runs(project: Project) -> None:
    """Few-shot examples of the nearest assay.toml, and what candidates answered."""
    (project.folder / "few.jsonl").write_text('{"user": "words 3.", "assistant": "yes"}\n')
    config = project.folder / "assay.toml"
    config.write_text(config.read_text() + FEW)
    assert project.inside("eval").code == 0
    ended = project.inside("suite", "lint", "suite", "--runs", "--json")
    assert ended.code == 1
    assert ended.json["runs"] == ["bad", "good"]
    rules = {one["rule"]: one for one in ended.json["findings"]}
    assert rules["sample-in-prompt"]["samples"] == ["words3"]
    assert "constant-answer" in rules
    run = project.inside("suite", "lint", "suite", "--run", "ffff")
    assert (run.code, "no run 'ffff'" in run.err) == (2, True)


def test_lint_shows_a_few_of_one_rule_and_all_if_asked(project: Project) -> None:
    """Thousands of lines help nobody."""
    write(
        project,
        "words",
        *({"id": f"w{n}", "input": f"Which? Answer: a {n} b{n} c{n}", "target": {"x": n}} for n in range(9)),
    )
    short, whole = project.inside("suite", "lint", "suite"), project.inside("suite", "lint", "suite", "--all")
    assert "4 more of ungradable in words" in short.out
    assert "more of ungradable" not in whole.out


def test_split_shows_first_and_writes_then(project: Project) -> None:
    """A dry run changes nothing; a second split moves nothing; torn samples are told with exit code 1."""
    write(project, "words", *({"id": f"w{n}", "input": f"w{n} v{n} u{n}", "target": "ab"[n % 2]} for n in range(12)))
    file = project.folder / "suite" / "words.jsonl"
    before = file.read_bytes()
    ended = project.inside("suite", "split", "suite", "-k", "words", "--dry-run", "--json")
    assert (ended.code, len(ended.json["moves"]), file.read_bytes()) == (0, 6, before)
    assert project.inside("suite", "split", "suite", "-k", "words").code == 0
    assert file.read_text().count('"dev"') == 6
    assert "nothing moves" in project.inside("suite", "split", "suite", "-k", "words").out
    write(
        project,
        "words",
        {"id": "a", "input": "one two", "target": "a", "split": "dev"},
        {"id": "b", "input": "One two.", "target": "a"},
    )
    assert project.inside("suite", "split", "suite").code == 1
    assert project.inside("suite", "split", "suite", "-k", "nothing").code == 2


def test_show_tells_kinds_and_samples(project: Project) -> None:
    """Kinds with the best constant; samples with turns, target and graders."""
    kinds = project.inside("suite", "show", "suite", "--json").json["kinds"]
    assert [(kind["kind"], kind["constant"], kind["constant_share"]) for kind in kinds] == [
        ("words", "yes", 1.0),
        ("names", "yes", 1.0),
    ]
    line = {
        "id": "m", "target": ["x"], "group": "g", "synthetic": True, "origin": {"file": "f"},
        "follow_ups": ["And now?"],
        "messages": [{"role": "system", "content": "Be\nshort."}, {"role": "user", "content": "Hi \u001b[31m"}],
    }  # fmt: skip
    write(project, "words", line, {"id": "o", "input": "other", "target": "y"})
    out = project.inside("suite", "show", "suite", "m").out
    for said in (
        "group g, synthetic",
        "system: Be",
        "user: Hi \\x1b[31m",
        "user: And now?",
        'target: ["x"]',
        '{"check":"exact"}',
        '"file":"f"',
    ):
        assert said in out
    assert [one["id"] for one in project.inside("suite", "show", "suite", "-k", "words", "-n", "1", "--json").json] == [
        "m"
    ]
    ended = project.inside("suite", "show", "suite", "mm")
    assert (ended.code, "no sample 'mm'" in ended.err) == (2, True)


@pytest.mark.parametrize("command", ["new", "profiles", "lint", "show", "split"])
def test_help_has_examples(project: Project, command: str) -> None:
    """Every command shows how it is used."""
    assert f"assay suite {command}" in project.inside("suite", command, "--help").out.split("Example")[1]


def test_a_profile_selects_its_kinds(project: Project) -> None:
    """`--profile` of eval and choose stands for the kinds that the suite names."""
    file = project.folder / "suite" / "suite.toml"
    file.write_text(file.read_text() + '\n[profiles.calm]\nkinds = ["names"]\n')
    ended = project.inside("eval", "--profile", "calm", "-m", "good", "--json")
    assert list(ended.json["scorecards"][0]["kinds"]) == ["names"]
    ended = project.inside("choose", "--profile", "calm", "--json")
    assert [kind["name"] for kind in ended.json["kinds"]] == ["names"]
    ended = project.inside("choose", "--profile", "clam")
    assert (ended.code, "did you mean 'calm'" in ended.err) == (2, True)


def test_lint_looks_for_audits_of_judges(project: Project) -> None:
    """A model that grades and was never audited is a warning where the ledger is known, and a note elsewhere."""
    file = project.folder / "suite" / "suite.toml"
    judge = '{ grader = "judge", model = "good", rubric = "Is it polite?" }'
    file.write_text(file.read_text().replace('[{ check = "exact" }]', f"[{judge}]", 1))
    found = project.inside("suite", "lint", "suite", "--json").json["findings"]
    assert [(one["level"], one["kind"]) for one in found if one["rule"] == "unaudited-judge"] == [("warning", "words")]
    (project.folder / "assay.toml").rename(project.folder / "elsewhere.toml")
    found = project.inside("suite", "lint", "suite", "--json").json["findings"]
    assert [(one["level"], one["kind"]) for one in found if one["rule"] == "unaudited-judge"] == [("note", "words")]
    found = project.inside("suite", "lint", "suite", "-c", "elsewhere.toml", "--json").json["findings"]
    assert [one["level"] for one in found if one["rule"] == "unaudited-judge"] == ["warning"]
