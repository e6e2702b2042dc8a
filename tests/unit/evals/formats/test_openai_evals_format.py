"""OpenAI's evals: registries, samples alone, and evals of the API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from round_trip import comes_back, exported, imported, passes

from assay.errors import SuiteError

BASIC = "evals.elsuite.basic"
JUDGED = "evals.elsuite.modelgraded.classify:ModelBasedClassify"


def registry(tmp_path: Path, class_: str, samples: Sequence[Any], **arguments: Any) -> Path:
    """A registry with one eval; gives its YAML."""
    (tmp_path / "evals").mkdir(exist_ok=True)
    (tmp_path / "data" / "tax").mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in samples]
    (tmp_path / "data" / "tax" / "samples.jsonl").write_text("\n".join(lines) + "\n")
    path = tmp_path / "evals" / "tax.yaml"
    value = {
        "tax": {"id": "tax.dev.v0", "description": "About tax.", "metrics": ["accuracy"]},
        "tax.dev.v0": {"class": class_, "args": {"samples_jsonl": "tax/samples.jsonl", **arguments}},
    }
    path.write_text(json.dumps(value))
    return path


SAMPLE = {"input": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "?"}], "level": 2}


@pytest.mark.parametrize(
    ("class_", "arguments", "ideal", "right", "wrong"),
    [
        (f"{BASIC}.match:Match", {}, "42", "42, I think", "It is 42"),
        (f"{BASIC}.match:Match", {}, ["a", "b"], "b", "c"),
        (f"{BASIC}.includes:Includes", {}, "Oslo", "In Oslo.", "in oslo"),
        (f"{BASIC}.includes:Includes", {"ignore_case": True}, ["Oslo"], "in oslo", "Rome"),
        (f"{BASIC}.fuzzy_match:FuzzyMatch", {}, ["The red bike"], "red", "blue"),
        (f"{BASIC}.json_match:JsonMatch", {}, ['{"a": 1}', '{"a": 2}'], '{"a":2}', '{"a": 2, "b": 1}'),
    ],
)
def test_a_class_decides_as_it_does_there(
    class_: str, arguments: dict[str, Any], ideal: Any, right: str, wrong: str, tmp_path: Path
) -> None:
    """Conversations are kept, further fields are meta, the grader is the class's, and all of it comes back."""
    path = registry(tmp_path, class_, [{**SAMPLE, "ideal": ideal}], **arguments)
    made = imported("openai-evals", path, tmp_path / "suite")
    sample = made.only()
    assert sample["kind"] == "tax"
    assert [turn["role"] for turn in sample["messages"]] == ["system", "user"]
    assert sample["target"] == ideal
    assert sample["meta"] == {"level": 2}
    assert passes(made.folder, sample["id"], right)
    assert passes(made.folder, sample["id"], wrong) is False
    comes_back("openai-evals", made, tmp_path, "back")


def test_verdicts_of_models_are_a_judges(tmp_path: Path) -> None:
    """`fact` compares with the ideal answer, `closedqa` has a criterion; other prompts are refused."""
    path = registry(tmp_path, JUDGED, [{"input": "?", "ideal": "x"}], modelgraded_spec="fact")
    made = imported("openai-evals", path, tmp_path / "one", judge="referee")
    assert made.only()["graders"][0]["model"] == "referee"
    assert made.only()["graders"][0]["with_target"] is True
    comes_back("openai-evals", imported("openai-evals", path, tmp_path / "same"), tmp_path, "back1")
    criteria = {"modelgraded_spec": "closedqa", "modelgraded_spec_args": {"criteria": "kind: is it kind?"}}
    path = registry(tmp_path, JUDGED, [{"input": "?"}], **criteria)
    made = imported("openai-evals", path, tmp_path / "two")
    assert made.only()["graders"][0]["rubric"].endswith("kind: is it kind?")
    comes_back("openai-evals", made, tmp_path, "back2")
    path = registry(tmp_path, JUDGED, [{"input": "?"}], modelgraded_spec="humor")
    assert "judge's prompt 'humor'" in imported("openai-evals", path, tmp_path / "three").reasons
    path = registry(tmp_path, JUDGED, [{"input": "?"}], modelgraded_spec="fact", metaeval=True)
    assert "assay judge audit" in imported("openai-evals", path, tmp_path / "four").reasons


def test_what_is_no_sample_is_told_with_its_line(tmp_path: Path) -> None:
    """Broken lines, samples without input or ideal; a class that is code; a path that leaves the registry."""
    lines = ['{"input": "a", "ideal": "b"}', "{", '{"ideal": "b"}', '{"input": "a"}', "[1]"]
    path = registry(tmp_path, f"{BASIC}.match:Match", lines, max_tokens=5)
    made = imported("openai-evals", path, tmp_path / "suite")
    assert len(made.samples) == 1
    assert "is no JSON" in made.reasons
    assert "it has no 'input' (samples.jsonl, line 3)" in made.reasons
    assert "got none" in made.reasons
    assert "it is list and no object (samples.jsonl, line 5)" in made.reasons
    assert any("'max_tokens' is not carried over" in note for note in made.notes)
    path = registry(tmp_path, "evals.elsuite.ballots.eval:BallotsEval", lines)
    assert "is code of its own" in imported("openai-evals", path, tmp_path / "two").reasons
    path.write_text(
        path.read_text()
        .replace("tax/samples.jsonl", "../../x.jsonl")
        .replace("ballots.eval:BallotsEval", "basic.match:Match")
    )
    assert "stands outside of" in imported("openai-evals", path, tmp_path / "three").reasons


def test_samples_alone_are_graded_as_by_match(tmp_path: Path) -> None:
    """That is told, and another grader can be named."""
    path = tmp_path / "samples.jsonl"
    path.write_text('{"input": "a", "ideal": "b"}\n')
    made = imported("openai-evals", path, tmp_path / "one")
    assert made.only()["graders"] == [{"check": "contains", "at": "start"}]
    assert "graded as by Match" in made.notes[0]
    made = imported("openai-evals", path, tmp_path / "two", graders=({"check": "exact"},))
    assert made.only()["graders"] == [{"check": "exact"}]


def api(*criteria: dict[str, Any], template: bool = True) -> dict[str, Any]:
    """An eval of the API with two items."""
    items = [{"item": {"question": "2+2?", "input": "q1", "right": "4"}}, {"item": {"question": "3+3?", "right": "6"}}]
    source: dict[str, Any] = {"type": "completions", "source": {"type": "file_content", "content": items}}
    if template:
        said = [{"role": "user", "content": "{{ item.question }}"}]
        source["input_messages"] = {"type": "template", "template": said}
    return {"eval": {"name": "sums", "testing_criteria": list(criteria)}, "run": {"data_source": source}}


def string_check(operation: str) -> dict[str, Any]:
    """A criterion that looks at the answer."""
    return {
        "type": "string_check", "name": "c", "input": "{{ sample.output_text }}", "operation": operation,
        "reference": "{{item.right}}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "right", "wrong"), [("eq", "4", "4."), ("ne", "5", "4"), ("like", "is 4.", "5"), ("ilike", "4", "5")]
)
def test_a_string_check_decides_as_it_does_there(operation: str, right: str, wrong: str, tmp_path: Path) -> None:
    """Items fill the run's messages and the criterion's reference; the eval comes back."""
    path = tmp_path / "eval.json"
    path.write_text(json.dumps(api(string_check(operation))))
    made = imported("openai-evals", path, tmp_path / "suite")
    first = next(one for one in made.samples.values() if one["input"] == "2+2?")
    assert first["kind"] == "sums"
    assert passes(made.folder, first["id"], right)
    assert passes(made.folder, first["id"], wrong) is False
    comes_back("openai-evals", made, tmp_path, "back.json")


def test_models_that_label_become_judges_and_measures_are_refused(tmp_path: Path) -> None:
    """A rubric of the criterion's words with what passes; likeness of texts has no grader."""
    label = {
        "type": "label_model", "model": "m", "labels": ["good", "bad"], "passing_labels": ["good"],
        "input": [{"role": "developer", "content": "Label {{item.question}}: {{sample.output_text}}"}],
    }  # fmt: skip
    path = tmp_path / "eval.json"
    path.write_text(json.dumps(api(label)))
    (spec,) = next(iter(imported("openai-evals", path, tmp_path / "one").samples.values()))["graders"]
    assert spec["rubric"].startswith("Label 2+2?: (the answer)")
    assert "one of the labels good" in spec["rubric"]
    path.write_text(json.dumps(api({"type": "text_similarity"}, string_check("eq"))))
    assert "'text_similarity' compares texts" in imported("openai-evals", path, tmp_path / "two").reasons
    made = imported("openai-evals", path, tmp_path / "three", partial=True)
    assert len(made.samples) == 2


def test_without_a_run_a_field_is_asked(tmp_path: Path) -> None:
    """`input`, or the one that is named; items without it are told. A file without criteria is none."""
    path = tmp_path / "eval.json"
    path.write_text(json.dumps(api(string_check("eq"), template=False)))
    made = imported("openai-evals", path, tmp_path / "one")
    assert made.only()["input"] == "q1"
    assert "no run says what is asked" in made.reasons
    made = imported("openai-evals", path, tmp_path / "two", columns={"input": "question"})
    assert len(made.samples) == 2
    path.write_text("{}")
    with pytest.raises(SuiteError, match="no testing_criteria"):
        imported("openai-evals", path, tmp_path / "three")


def test_a_grader_without_a_class_is_refused(tmp_path: Path) -> None:
    """Equality is none of the classes: told, sample by sample."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.toml").write_text(
        'name = "s"\nversion = "1"\n[kinds.a]\nsamples = "a.jsonl"\ngraders = [{ check = "contains" }]\n'
    )
    (folder / "a.jsonl").write_text(
        '{"id": "1", "input": "a", "target": "x"}\n'
        '{"id": "2", "input": "a", "target": "x", "graders": [{"check": "normalised"}]}\n'
    )
    outgoing = exported("openai-evals", folder, tmp_path / "back")
    assert outgoing.count == 1
    assert "'normalised' is no class of an eval" in outgoing.refused.told[0].why
