"""Tasks of lm-eval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from round_trip import Imported, comes_back, exported, imported, passes

from assay.errors import SuiteError


def task(tmp_path: Path, docs: list[dict[str, Any]], **config: Any) -> Path:
    """A task with its data beside it; gives its YAML."""
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    whole = {
        "task": "sums", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": "docs.jsonl"}},
        "test_split": "test", "doc_to_text": "Q: {{question}}\nA:", "doc_to_target": "answer", **config,
    }  # fmt: skip
    path = tmp_path / "sums.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in whole.items() if value is not None}))
    return path


def made_of(tmp_path: Path, docs: list[dict[str, Any]], **config: Any) -> Imported:
    """A task as a suite, which came back as it was."""
    made = imported("lm-eval", task(tmp_path, docs, **config), tmp_path / "suite")
    assert not made.refused
    comes_back("lm-eval", made, tmp_path, "back")
    return made


EXACT = {"metric": "exact_match", "aggregation": "mean"}


@pytest.mark.parametrize(
    ("metric", "filters", "answer", "right", "wrong"),
    [
        ({}, [], "4", "4", "four"),
        ({"ignore_case": True}, [], "Oslo", "oslo", "Oslo."),
        ({"ignore_case": True, "ignore_punctuation": True}, [], "Oslo", "oslo.", "Rome"),
        ({"regexes_to_ignore": [",", "(?s).*#### "]}, [], "so\n#### 1,000", "1000", "100"),
        (
            {},
            [{"function": "regex", "regex_pattern": r"#### (\d+)"}, {"function": "take_first"}],
            "4",
            "2\n#### 4",
            "4",
        ),
        ({}, [{"function": "regex", "regex_pattern": r"(\d+)", "group_select": -1}], "4", "2 + 2 is 4", "4 is 2 + 2"),
    ],
)
def test_exact_match_decides_as_it_does_there(
    metric: dict[str, Any], filters: list[Any], answer: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """What it ignores is ignored, what its filter takes out is compared."""
    config: dict[str, Any] = {"output_type": "generate_until", "metric_list": [{**EXACT, **metric}]}
    if filters:
        config["filter_list"] = [{"name": "f", "filter": filters}]
    made = made_of(tmp_path, [{"question": "?", "answer": answer}], **config)
    sample = made.only()
    assert sample["input"] == "Q: ?\nA:"
    assert sample["target"] == answer
    assert passes(made.folder, sample["id"], right)
    assert passes(made.folder, sample["id"], wrong) is False


@pytest.mark.parametrize(
    ("config", "shown", "target"),
    [
        ({"doc_to_choice": "{{[a, b]}}", "doc_to_target": "label"}, "Q: which?\nA:\n\nA) red\nB) blue", "B"),
        ({"doc_to_choice": "{{all.text}}", "doc_to_target": "{{all.label.index(key)}}"},
         "Q: which?\nA:\n\nA) one\nB) two", "B"),
        ({"doc_to_choice": ["A", "B"], "doc_to_target": "{{key}}", "doc_to_text": "{{question.upper()}}"},
         "WHICH?", "B"),
        ({"doc_to_choice": ["no", "yes"], "doc_to_target": 1, "doc_to_text": "yes or no?"}, "yes or no?", "yes"),
    ],
)  # fmt: skip
def test_choices_are_asked_and_read(config: dict[str, Any], shown: str, target: str, tmp_path: Path) -> None:
    """Under letters where the question does not show them; the answer's letter or words decide."""
    docs = [
        {
            "question": "which?",
            "a": "red",
            "b": "blue",
            "label": 1,
            "key": "B",
            "all": {"text": ["one", "two"], "label": ["A", "B"]},
        }
    ]
    made = made_of(tmp_path, docs, output_type="multiple_choice", metric_list=[{"metric": "acc"}], **config)
    sample = made.only()
    assert sample["input"] == shown
    assert sample["target"] == target
    assert passes(made.folder, sample["id"], "B")
    assert passes(made.folder, sample["id"], "A") is False


def test_includes_groups_and_tags_are_followed(tmp_path: Path) -> None:
    """A file's own keys go before those it includes; a group's tasks stand in its folder, by name or by tag."""
    base = task(tmp_path, [{"id": "d1", "question": "a", "answer": "b"}], task=None, num_fewshot=5, description="Sums.")
    base.rename(tmp_path / "_base_yaml")
    (tmp_path / "one.yaml").write_text("include: _base_yaml\ntask: one\n")
    (tmp_path / "two.yaml").write_text('include: _base_yaml\ntask: two\ntag: [other]\ndoc_to_text: "{{question}}!"\n')
    (tmp_path / "group.yaml").write_text("group: g\ntask: [one, other, gone]\n")
    made = imported("lm-eval", tmp_path / "group.yaml", tmp_path / "suite")
    assert sorted((one["kind"], one["input"]) for one in made.samples.values()) == [("one", "Q: a\nA:"), ("two", "a!")]
    assert sorted(made.samples) == ["d1", "d1-2"]
    assert "is the task 'gone'" in made.reasons
    assert any("'num_fewshot' is not carried over" in note for note in made.notes)
    assert any("'description' is not carried over" in note for note in made.notes)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"dataset_path": "openai/gsm8k", "dataset_name": "main", "dataset_kwargs": None},
         r"its data (openai/gsm8k main, split test) is on the Hugging Face hub"),
        ({"dataset_kwargs": {"data_files": {"test": "hf://d/x.jsonl"}}}, "'hf://d/x.jsonl' is not fetched"),
        ({"dataset_kwargs": {"data_files": {"test": "../../x.jsonl"}}}, "stands outside of"),
        ({"dataset_kwargs": {"data_files": {"train": "docs.jsonl"}}}, "no split 'test'"),
        ({"output_type": "loglikelihood"}, "measures probabilities"),
        ({"metric_list": [{"metric": "bleu"}]}, "its metrics bleu have no grader"),
        ({"filter_list": [{"name": "f", "filter": [{"function": "map"}]}]}, "its filter 'map'"),
        ({"class": "own.Task"}, "its class is code"),
        ({"doc_to_text": "{{question|trim}}"}, "more than a plain name"),
        ({"doc_to_text": "{% for a in b %}{% endfor %}"}, "only plain"),
        ({"doc_to_target": "{{nothing}}"}, "no value for 'nothing'"),
        ({"output_type": "multiple_choice", "doc_to_choice": ["x", "y"]}, "none of its choices"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_told(config: dict[str, Any], why: str, tmp_path: Path) -> None:
    """By its name, with what to do; nothing is run, nothing is fetched."""
    path = task(tmp_path, [{"question": "q", "answer": "a"}], **config)
    assert why in imported("lm-eval", path, tmp_path / "suite").reasons


def test_a_metric_without_a_grader_may_be_given_one(tmp_path: Path) -> None:
    """By a person; a metric that has its own keeps it; columns that a task has not are refused."""
    path = task(tmp_path, [{"question": "q", "answer": "a"}], metric_list=[{"metric": "bleu"}])
    made = imported("lm-eval", path, tmp_path / "one", graders=({"check": "contains"},))
    assert made.only()["graders"] == [{"check": "contains"}]
    assert "since its metrics bleu have no grader here" in made.notes[0]
    path = task(tmp_path, [{"question": "q", "answer": "a"}])
    assert imported("lm-eval", path, tmp_path / "two", graders=({"check": "contains"},)).only()["graders"] == [
        {"check": "exact"}
    ]
    with pytest.raises(SuiteError, match="lm-eval has no column that is the group"):
        imported("lm-eval", path, tmp_path / "three", columns={"group": "question"})


def test_functions_are_named_and_not_run(tmp_path: Path) -> None:
    """`!function` is code of the task's."""
    path = task(tmp_path, [{"question": "q", "answer": "a"}])
    path.write_text(path.read_text() + "process_docs: !function utils.process_docs\n")
    reasons = imported("lm-eval", path, tmp_path / "suite").reasons
    assert "its process_docs is code (!function utils.process_docs)" in reasons


def test_data_behind_the_task_is_used_instead(tmp_path: Path) -> None:
    """The way for what lies on a hub: save it, and give the file."""
    path = task(tmp_path, [{"question": "q", "answer": "a"}], dataset_path="a/b", dataset_kwargs=None)
    made = imported("lm-eval", [path, tmp_path / "docs.jsonl"], tmp_path / "suite")
    assert made.only()["target"] == "a"
    with pytest.raises(SuiteError, match="a file of data alone is a table"):
        imported("lm-eval", tmp_path / "docs.jsonl", tmp_path / "two")


def test_an_export_refuses_what_lm_eval_cannot_grade(tmp_path: Path) -> None:
    """Conversations, several graders, checks that are no metric."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.toml").write_text(
        'name = "s"\nversion = "1"\n[kinds.a]\nsamples = "a.jsonl"\ngraders = [{ check = "normalised" }]\n'
    )
    lines = [
        {"id": "1", "input": "a", "target": "x"},
        {"id": "2", "messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], "target": "x"},
        {"id": "3", "input": "a", "target": "x", "graders": [{"check": "exact"}, {"check": "contains"}]},
        {"id": "4", "input": "a", "target": "x", "graders": [{"check": "contains"}]},
        {"id": "5", "input": "a", "target": {"a": 1}},
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    outgoing = exported("lm-eval", folder, tmp_path / "back")
    assert outgoing.count == 1
    assert [one.first[0] for one in outgoing.refused.told] == [f"a, sample {n}" for n in (2, 3, 4, 5)]
