"""Whatever a file holds: each item is a sample or told, the suite can be read and written, and nothing crashes."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from round_trip import exported, imported

from assay.errors import AssayError, SuiteError
from assay.evals.formats.registry import FORMATS, guessed
from assay.evals.formats.sources import yaml_value

FILES_OF_EACH = 60
WORDS = (
    "a", "", "{{a}}", "{{ a.b }}", "{% if %}", "file://x.txt", "file://*.csv", "equals", "contains",
    "not-contains", "regex", "is-json", "llm-rubric", "latency", "assert-set", "select-best", "(", "user", "tool",
    "assistant", "\ud800", "\x00", "5", "evals.elsuite.basic.match:Match", "s.jsonl", "fact", "json",
    "multiple_choice", "generate_until", "string_check", "label_model", "eq", "{{ sample.output_text }}", "match",
    "choice", "exact_match", "acc", "exact",
)  # fmt: skip
MESSAGE = {"role": str, "content": str, "tool_calls": [{"id": str, "function": {"name": str, "arguments": str}}]}
ASSERTION = {"type": str, "value": object, "threshold": float, "assert": [{"type": str, "value": str}], "$ref": str}
CASE = {"vars": object, "assert": [ASSERTION], "options": {"prefix": str}, "metadata": {"assay": object}}
SAMPLE = {
    "input": [MESSAGE], "target": str, "ideal": object, "choices": [str], "id": str, "metadata": {"assay": object},
    "graders": [{"check": str}], "assay": {"id": str, "meta": object}, "a": str, "files": object,
}  # fmt: skip
FORMS: dict[str, tuple[str, Any]] = {
    "promptfoo": (".yaml", {
        "prompts": [str], "tests": [CASE], "defaultTest": CASE, "providers": [str],
        "assertionTemplates": {"a": ASSERTION},
        "scenarios": [{"config": [CASE], "tests": [CASE]}], "description": str,
    }),
    "openai-evals": (".json", {
        "testing_criteria": [{"type": str, "input": str, "operation": str, "reference": str, "passing_labels": [str]}],
        "data_source": {"source": {"content": [{"item": SAMPLE}]}, "input_messages": {"template": [MESSAGE]}},
    }),
    "lm-eval": (".yaml", {
        "task": str, "output_type": str, "doc_to_text": str, "doc_to_target": str, "doc_to_choice": [str],
        "metric_list": [{"metric": str}], "filter_list": [{"filter": [{"function": str}]}], "dataset_path": str,
        "dataset_kwargs": {"data_files": {"test": str}}, "include": str,
    }),
    "inspect": (".json", [SAMPLE]),
    "inspect-log": (".json", {
        "eval": {"task": str, "scorers": [{"name": str, "options": object}]}, "samples": [SAMPLE],
        "results": {"scores": [{"scorer": str, "params": {"pattern": str}}]},
    }),
    "table": (".json", [SAMPLE]),
}  # fmt: skip


def drawn(shape: Any, chance: random.Random, depth: int = 0) -> Any:
    """A value of a shape, with pieces left out or of another kind now and then."""
    if chance.random() < 0.12 or shape is object:
        shape = chance.choice((None, str, float, bool, [str], {"a": str, "b": [float]}, [[str]], {"a": {"b": str}}))
    if isinstance(shape, dict):
        return {key: drawn(one, chance, depth + 1) for key, one in shape.items() if chance.random() < 0.8}
    if isinstance(shape, list):
        return [drawn(shape[0], chance, depth + 1) for _ in range(chance.randint(0, 2))]
    leaves = {str: chance.choice(WORDS), float: chance.choice((0, -1, 2.5, 10**20, 1e300)), bool: chance.random() < 0.5}
    return leaves.get(shape)


@pytest.mark.parametrize("form", FORMATS)
def test_any_file_is_read_or_refused(form: str, tmp_path: Path) -> None:
    """An error is one of ours, with a message; what was taken can be read, and written in every format."""
    ending, shape = FORMS[form]
    for number in range(FILES_OF_EACH):
        chance = random.Random(f"{form} {number}")  # noqa: S311 - a seed, not a secret
        place = tmp_path / str(number)
        place.mkdir()
        (place / "s.jsonl").write_text(json.dumps(drawn(SAMPLE, chance)) + "\n")
        file = place / f"f{ending}"
        file.write_text(json.dumps(drawn(shape, chance)))
        with contextlib.suppress(AssayError):
            guessed([file])
        with contextlib.suppress(AssayError):
            made = imported(form, file, place / "suite", partial=chance.random() < 0.5)
            for name, one in FORMATS.items():
                if made.samples and one.writer:
                    exported(name, made.folder, place / f"{name}{'.jsonl' if name == 'table' else '.yaml'}")


@pytest.mark.parametrize(
    "tests",
    [
        pytest.param("&t\n  - vars: {x: *t}", id="an alias within what it names"),
        pytest.param(
            "\n  - &a0 [" + ", ".join(["x" * 10] * 10) + "]\n"
            + "".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
            id="aliases to aliases",
        ),
        pytest.param("\n  - &t " + "x" * 100_000 + "\n" + "  - *t\n" * 1_000, id="one long text, many times"),
    ],
)  # fmt: skip
def test_aliases_without_an_end_are_refused(tests: str, tmp_path: Path) -> None:
    """A YAML file whose aliases would fill any memory, or never end, is refused before anything is made of it."""
    path = tmp_path / "config.yaml"
    path.write_text(f"prompts: ['{{{{x}}}}']\ntests: {tests}\n")
    with pytest.raises(SuiteError, match="alias"):
        yaml_value(path, core=True)


def test_aliases_of_a_usual_file_are_read(tmp_path: Path) -> None:
    """What a file defines once and uses often, as anchors are for, is there each time."""
    path = tmp_path / "config.yaml"
    path.write_text("tests:\n" + "- &t {a: 1, b: [2]}\n" + "- {<<: *t, c: 3}\n" * 1_000)
    found = yaml_value(path)["tests"]
    assert len(found) == 1_001
    assert found[-1] == {"a": 1, "b": [2], "c": 3}
