"""Datasets and logs of Inspect."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from round_trip import comes_back, exported, imported, passes

from assay.errors import SuiteError

RECORDS: list[dict[str, Any]] = [
    {"id": 1, "input": "Capital of Norway?", "target": ["Oslo", "Christiania"], "metadata": {"level": 2}, "extra": "x"},
    {"input": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}], "target": "4"},
    {"id": "c", "input": "Which?", "choices": ["red", "blue"], "target": "B"},
]


def dataset(path: Path, records: list[dict[str, Any]]) -> Path:
    """Written as JSONL."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_a_dataset_comes_back_as_it_was(tmp_path: Path) -> None:
    """Conversations, choices, alternatives, ids and metadata; the grader is that of includes(), told."""
    made = imported("inspect", dataset(tmp_path / "d.jsonl", RECORDS), tmp_path / "suite")
    assert made.samples["1"]["meta"] == {"extra": "x", "level": 2}
    assert made.samples["c"]["input"] == "Which?\n\nA) red\nB) blue"
    assert passes(made.folder, "1", "It is oslo.")
    assert passes(made.folder, "1", "Bergen") is False
    assert passes(made.folder, "c", "ANSWER: B")
    assert passes(made.folder, "c", "ANSWER: A") is False
    assert any("includes()" in note for note in made.notes)
    comes_back("inspect", made, tmp_path, "back.jsonl")


def test_what_needs_an_environment_is_told(tmp_path: Path) -> None:
    """Files and sandboxes, several right choices, no input, metadata that is none."""
    records = [
        {"input": "a", "target": "b", "sandbox": "docker"},
        {"input": "a", "target": "b", "files": {"x": "y"}},
        {"input": "a", "target": ["A", "B"], "choices": ["x", "y"]},
        {"target": "b"},
        {"input": "a", "target": "b", "metadata": "{x"},
        {"input": "fine", "target": "b"},
    ]
    made = imported("inspect", dataset(tmp_path / "d.jsonl", records), tmp_path / "suite")
    assert made.only()["input"] == "fine"
    for why in ("('sandbox')", "('files')", "2 right choices", "it has no input", "metadata is no JSON"):
        assert why in made.reasons


def test_csv_has_choices_between_commas_and_fields_may_be_named(tmp_path: Path) -> None:
    """As Inspect reads a cell; a field that is not there is told with the nearest."""
    path = tmp_path / "d.csv"
    path.write_text('question,answer,choices,metadata\nWhich?,B,"red, blue,","{""n"": 1}"\n')
    made = imported("inspect", path, tmp_path / "suite", columns={"input": "question", "target": "answer"})
    assert made.only()["graders"] == [{"check": "choice", "choices": ["red", "blue"]}]
    assert made.only()["meta"] == {"n": 1}
    with pytest.raises(SuiteError, match="did you mean 'question'"):
        imported("inspect", path, tmp_path / "two", columns={"input": "questions"})


def test_targets_that_are_no_text_survive_an_export(tmp_path: Path) -> None:
    """Numbers and objects stand in the block; Inspect sees them as text."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.toml").write_text(
        'name = "s"\nversion = "1"\n[kinds.a]\nsamples = "a.jsonl"\ngraders = [{ check = "json" }]\n'
    )
    (folder / "a.jsonl").write_text('{"id": "1", "input": "a", "target": {"x": [1]}, "group": "g", "split": "dev"}\n')
    exported("inspect", folder, tmp_path / "d.jsonl")
    assert json.loads((tmp_path / "d.jsonl").read_text())["target"] == '{"x":[1]}'
    sample = imported("inspect", tmp_path / "d.jsonl", tmp_path / "again").only()
    assert (sample["target"], sample["group"], sample["split"]) == ({"x": [1]}, "g", "dev")
    assert sample["graders"] == [{"check": "json"}]


def log(scorer: str, params: dict[str, Any], target: Any = "Paris", **sample: Any) -> dict[str, Any]:
    """A log with one sample, asked twice."""
    one = {"id": "s1", "input": "Capital of France?", "target": target, **sample}
    scores = [{"name": scorer, "scorer": scorer, "params": params}]
    samples = [{**one, "epoch": 1}, {**one, "epoch": 2}]
    return {"eval": {"task": "geo/capitals"}, "results": {"scores": scores}, "samples": samples}


@pytest.mark.parametrize(
    ("scorer", "params", "target", "right", "wrong"),
    [
        ("match", {}, "Paris", "It is paris.", "Paris it is"),
        ("match", {"location": "begin", "ignore_case": False}, "Paris", "Paris it is", "paris it is"),
        ("match", {"numeric": True}, "1000", "so 2 times 500 is 1,000", "1000 is 10"),
        ("includes", {}, "Paris", "PARIS!", "Rome"),
        ("exact", {}, "the Paris", "paris.", "in Paris"),
        ("pattern", {"pattern": r"city: (\w+)"}, "Paris", "City: paris", "paris"),
        ("answer", {"pattern": "letter"}, "B", "ANSWER: B", "ANSWER: A"),
        ("answer", {"pattern": "line"}, "Paris", "So.\nANSWER: Paris\n", "Paris"),
        ("inspect_ai/includes", {}, "Paris", "paris", "Rome"),
    ],
)
def test_a_scorer_decides_as_it_does_there(
    scorer: str, params: dict[str, Any], target: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """The samples of a log with the grader that its scorer is; each sample once."""
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log(scorer, params, target)))
    made = imported("inspect-log", path, tmp_path / "suite")
    assert made.only()["kind"] == "capitals"
    assert passes(made.folder, "s1", right)
    assert passes(made.folder, "s1", wrong) is False


def test_an_eval_file_is_read_like_its_json(tmp_path: Path) -> None:
    """A zip with a header and a file for each sample; judges are named; scorers without a grader are told."""
    whole = log("model_graded_fact", {})
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({key: whole[key] for key in ("eval", "results")}))
        for sample in whole["samples"]:
            archive.writestr(f"samples/s1_epoch_{sample['epoch']}.json", json.dumps(sample))
    made = imported("inspect-log", path, tmp_path / "one", judge="referee")
    assert made.only()["graders"][0]["model"] == "referee"
    assert any("taken once" in note for note in made.notes)
    other = tmp_path / "log.json"
    other.write_text(json.dumps(log("own_scorer", {})))
    assert "its scorer 'own_scorer' has no grader here" in imported("inspect-log", other, tmp_path / "two").reasons
    made = imported("inspect-log", other, tmp_path / "three", graders=({"check": "contains"},))
    assert made.only()["graders"] == [{"check": "contains"}]


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    """Another JSON, a zip without a header, a log that is only written."""
    path = tmp_path / "log.json"
    path.write_text("{}")
    with pytest.raises(SuiteError, match="is it a log of Inspect"):
        imported("inspect-log", path, tmp_path / "suite")
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("x.json", "{}")
    with pytest.raises(SuiteError, match=r"no header\.json"):
        imported("inspect-log", tmp_path / "log.eval", tmp_path / "suite")
