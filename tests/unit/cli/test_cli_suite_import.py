"""`assay suite import` and `assay suite export`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from assay.cli.main import assay
from assay.cli.suite.export import WRITTEN
from assay.cli.suite.import_ import FORMATS as OFFERED
from assay.errors import SuiteError
from assay.evals.formats.registry import FORMATS, guessed
from assay.evals.suites.suite import read_suite


def run(*arguments: Any) -> Result:
    """One call."""
    return CliRunner().invoke(assay, ["suite", *map(str, arguments)])


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two rows that can be asked, and one that cannot."""
    path = tmp_path / "parts.csv"
    path.write_text("question,answer\nWhich?,pad\nWhat?,saddle\nlost,\n")
    return path


@pytest.mark.parametrize("word", ["csv", "tsv", "jsonl", "json", "parquet", "table"])
def test_a_table_may_be_named_by_how_it_ends(table: Path, tmp_path: Path, word: str) -> None:
    """`import csv FILE` reads a table, and does not look for a file called csv."""
    made = run("import", word, table, "--out", tmp_path / "suite", "--json")
    assert (made.exit_code, json.loads(made.stdout)["format"]) == (0, "table"), made.output
    assert "name a FILE after the format" in run("import", word, "--out", tmp_path / "other").output


def test_a_file_becomes_a_suite_and_goes_out_again(table: Path, tmp_path: Path) -> None:
    """What is guessed and refused is said on stderr; the result has stable keys; the suite can be read at once."""
    made = run("import", table, "--out", tmp_path / "suite", "--json", "--grader", "contains", "--heldout", "0.5")
    assert made.exit_code == 0, made.output
    value = json.loads(made.stdout)
    assert (value["format"], value["samples"], value["kinds"]) == ("table", 2, ["parts"])
    assert value["refused"][0]["times"] == 1
    assert value["refused"][0]["first"] == ["parts.csv, line 4"]
    assert "format: table" in made.stderr
    assert "refused 1: check 'contains' compares with a target" in made.stderr
    assert read_suite(tmp_path / "suite").digest == value["digest"]
    out = run("export", tmp_path / "suite", "--to", "openai-evals", "--out", tmp_path / "registry")
    assert out.exit_code == 0, out.output
    assert out.stdout.strip().endswith("registry: 2 samples")
    again = run(
        "import", "openai-evals", tmp_path / "registry/evals/suite.yaml", "--out", tmp_path / "again", "--strict"
    )
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again/parts.jsonl").read_bytes() == (tmp_path / "suite/parts.jsonl").read_bytes()


def test_strict_says_no_when_something_was_refused(table: Path, tmp_path: Path) -> None:
    """Exit code 1, and the suite is there all the same."""
    assert run("import", table, "--out", tmp_path / "suite", "--strict").exit_code == 1
    assert read_suite(tmp_path / "suite").name == "suite"
    out = run("export", tmp_path / "suite", "--to", "promptfoo", "--out", tmp_path / "c.yaml", "--strict")
    assert out.exit_code == 1
    assert "refused 2: none of its graders is an assertion of promptfoo" in out.stderr


def test_an_export_that_holds_nothing_says_no(table: Path, tmp_path: Path) -> None:
    """Without --strict too: a person would take the file for what was wanted."""
    assert run("import", table, "--out", tmp_path / "suite").exit_code == 0
    out = run("export", tmp_path / "suite", "--to", "promptfoo", "--out", tmp_path / "c.yaml")
    assert (out.exit_code, out.stdout) == (1, f"{tmp_path}/c.yaml: 0 samples, 2 refused\n")


def test_a_folder_with_content_is_left_alone(table: Path, tmp_path: Path) -> None:
    """Unless it is to be overwritten."""
    assert run("import", table, "--out", tmp_path / "suite").exit_code == 0
    with pytest.raises(SuiteError, match="is a folder with content"):
        _raise(run("import", table, "--out", tmp_path / "suite"))
    assert run("import", table, "--out", tmp_path / "suite", "--overwrite").exit_code == 0


def _raise(result: Result) -> None:
    if result.exception is not None:
        raise result.exception


def test_nothing_is_written_when_nothing_is_a_sample(table: Path, tmp_path: Path) -> None:
    """The error says how many were refused; a wrong option names itself."""
    table.write_text("question,answer\nWhich?,\n")
    with pytest.raises(SuiteError, match=r"nothing could be carried over \(1 refused\)"):
        _raise(run("import", table, "--out", tmp_path / "suite"))
    assert not (tmp_path / "suite").exists()
    assert "is no JSON" in run("import", table, "--out", tmp_path / "suite", "--grader", "{x").stderr
    assert "name a FILE" in run("import", "table", "--out", tmp_path / "suite").stderr


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("a.yaml", "prompts: [a]\ntests: []", "promptfoo"),
        ("a.yaml", "task: a\ndoc_to_text: b", "lm-eval"),
        ("a.yaml", "a.dev.v0: {class: x}", "openai-evals"),
        ("a.json", '{"testing_criteria": []}', "openai-evals"),
        ("a.json", '{"eval": {}, "samples": []}', "inspect-log"),
        ("a.json", "[{}]", "table"),
        ("a.jsonl", '{"input": "a", "ideal": "b"}', "openai-evals"),
        ("a.jsonl", '{"input": "a", "target": "b"}', "table"),
        ("a.jsonl", '{"input": "a", "choices": ["b", "c"], "target": "A"}', "inspect"),
        ("a.tsv", "input\ttarget", "table"),
        ("a.eval", "", "inspect-log"),
    ],
)
def test_the_format_is_seen_in_the_file(name: str, text: str, form: str, tmp_path: Path) -> None:
    """By its ending and its keys."""
    (tmp_path / name).write_text(text)
    assert guessed([tmp_path / name]).name == form


def test_a_format_that_cannot_be_seen_must_be_named(tmp_path: Path) -> None:
    """The message lists the names, which the commands offer as they are."""
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "a.txt").write_text("a")
    for name in ("a.yaml", "a.txt"):
        with pytest.raises(SuiteError, match="name one of promptfoo, openai-evals"):
            guessed([tmp_path / name])
    assert tuple(FORMATS) == OFFERED
    assert tuple(name for name, one in FORMATS.items() if one.writer) == WRITTEN
