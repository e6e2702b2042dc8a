"""Tasks of lm-eval (YAML): `generate_until` and `multiple_choice` over data in files.

Log-likelihoods have no place here: a multiple-choice question is asked, with its choices under letters where its text
does not show them, and the answer's choice is read. Few-shot examples, descriptions and stops belong to a deployment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.errors import SuiteError
from assay.evals.formats.carried import KEY
from assay.evals.formats.choices import letter_of, with_choices
from assay.evals.formats.intake import Intake, Item
from assay.evals.formats.lm_eval_graders import graders_of
from assay.evals.formats.rows import endings, rows_of
from assay.evals.formats.shapes import table_of
from assay.evals.formats.sources import Code, inside, yaml_value
from assay.evals.formats.template import value_of
from assay.evals.suites.samples import GraderSpec
from assay.types import JsonObject

__all__ = ["read"]

_LOCAL = ("json", "csv", "parquet")
_SETTINGS = {
    "num_fewshot": "examples belong to a deployment's prompt",
    "fewshot_config": "examples belong to a deployment's prompt",
    "fewshot_split": "examples belong to a deployment's prompt",
    "description": "words before every question belong to a deployment's prompt",
    "generation_kwargs": "sampling and stops belong to a deployment",
    "repeats": "see `repeats` of a kind",
    "should_decontaminate": "see `assay suite lint`",
}
_CODE = ("doc_to_text", "doc_to_target", "doc_to_choice", "process_docs", "process_results", "custom_dataset", "class")
_DEEPEST = 8


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every document of every task; files of data are for the tasks before them.

    Raises:
        SuiteError: a file is no task.
    """
    data = [path for path in paths if path.suffix.lower() in endings()]
    tasks = [path for path in paths if path not in data]
    if not tasks:
        raise SuiteError(
            "name the YAML file of a task; a file of data alone is a table: `assay suite import table FILE`"
        )
    for path in tasks:
        for config in _tasks(path, intake):
            name = str(config.get("task"))
            with intake.place(path, f"task {name}"):
                _Task(path, config, data, intake).read()


def _loaded(path: Path, depth: int = 0) -> JsonObject:
    """A file with those that it includes; its own keys go before."""
    config = yaml_value(path)
    if not isinstance(config, dict) or depth > _DEEPEST:
        raise SuiteError(f"{path} is no task of lm-eval, or includes itself")
    included = config.pop("include", None) or []
    whole: JsonObject = {}
    for name in included if isinstance(included, list) else [included]:
        whole |= _loaded(inside(path.parent, str(name)), depth + 1)
    return whole | config


def _tasks(path: Path, intake: Intake, depth: int = 0) -> Iterator[JsonObject]:
    """The task of a file, or those of its group that stand in the same folder."""
    config = _loaded(path)
    members = config.get("task")
    if not isinstance(members, list):
        if members is None:
            raise SuiteError(f"{path} names no task")
        yield config
        return
    for member in members:
        name = str(member.get("task") if isinstance(member, Mapping) else member)
        with intake.place(path, f"task {name}"):
            if isinstance(member, Mapping) and "doc_to_text" in member:
                yield {**member}
                continue
            if depth > _DEEPEST:
                raise SuiteError("its group holds itself")
            for file in _files_of(name, path):
                for one in _tasks(file, intake, depth + 1):
                    yield {**one, **member} if isinstance(member, Mapping) else one


def _files_of(name: str, group: Path) -> list[Path]:
    """The file of a task or group beside another group's; else those that have this tag."""
    tagged = []
    for path in sorted(group.parent.glob("*.y*ml")):
        config = yaml_value(path) if path != group else None
        if not isinstance(config, dict):
            continue
        if name in (config.get("task"), config.get("group")):
            return [path]
        tags = config.get("tag")
        if name in (tags if isinstance(tags, list) else [tags]):
            tagged.append(path)
    if not tagged:
        raise SuiteError(f"no YAML file in {group.parent} is the task {name!r}, or has this tag")
    return tagged


class _Task:
    """One task.

    Args:
        path: its file; the data that it names must be in the same folder.
        config: what is in it.
        data: files that were given, instead of those it names.
        intake: takes the samples.
    """

    def __init__(self, path: Path, config: JsonObject, data: Sequence[Path], intake: Intake) -> None:
        self._path, self._config, self._intake = path, config, intake
        self._data = data
        self._name = intake.reading.kind or str(config.get("task"))

    def read(self) -> None:
        """Take every document.

        Raises:
            SuiteError: the task cannot be carried over as a whole.
        """
        for key in _CODE:
            if isinstance(self._config.get(key), Code) or (key in ("class", "custom_dataset") and key in self._config):
                raise SuiteError(
                    f"its {key} is code ({getattr(self._config[key], 'name', key)}), which is not run here"
                )
        form = str(self._config.get("output_type", "generate_until"))
        if form not in ("generate_until", "multiple_choice"):
            raise SuiteError(f"its output_type {form!r} measures probabilities of tokens, and no answer is graded")
        graders = self._intake.graders(lambda: graders_of(self._config, form, self._note))
        for key, why in _SETTINGS.items():
            if self._config.get(key):
                self._note(f"{key!r} is not carried over: {why}")
        files = self._files()
        for file in files:
            for row in rows_of(file, self._intake.reading.encoding):
                with self._intake.place(file, row.place):
                    if row.wrong is not None:
                        raise SuiteError(row.wrong)
                    self._intake.take(self._name, file, row.place, self._item(row.values, form, graders))

    def _note(self, text: str) -> None:
        self._intake.note(f"{self._config.get('task')}: {text}")

    def _files(self) -> list[Path]:
        if self._data:
            return list(self._data)
        place, split = str(self._config.get("dataset_path")), self._split()
        files = table_of(self._config.get("dataset_kwargs"), "dataset_kwargs").get("data_files")
        if place not in _LOCAL or not files:
            named = " ".join(str(one) for one in (place, self._config.get("dataset_name")) if one not in (None, "None"))
            raise SuiteError(
                f"its data ({named}, split {split}) is on the Hugging Face hub, and nothing is fetched: save that "
                "split as JSONL or Parquet, and give the file behind the YAML"
            )
        chosen = files.get(split) if isinstance(files, Mapping) else files
        if not chosen:
            raise SuiteError(f"its data_files have no split {split!r}")
        listed = [str(one) for one in (chosen if isinstance(chosen, list) else [chosen])]
        away = next((one for one in listed if "://" in one), None)
        if away is not None:
            raise SuiteError(f"its data {away!r} is not fetched; save it, and give the file behind the YAML")
        return [inside(self._path.parent, one) for one in listed]

    def _split(self) -> str:
        names = ("test_split", "validation_split", "training_split")
        return str(next((self._config[one] for one in names if self._config.get(one)), "test"))

    def _item(self, doc: JsonObject, form: str, graders: tuple[GraderSpec, ...]) -> Item:
        shown = self._value("doc_to_text", doc)
        target = self._value("doc_to_target", doc)
        if form == "multiple_choice":
            shown, target, graders = _choice(shown, target, self._choices(doc))
        identity = doc.get(self._intake.reading.columns.get("id", "id"))
        return Item(
            shown if isinstance(shown, str) else str(shown),
            target=str(target) if isinstance(target, int | float) else target,
            graders=graders,
            id=str(identity) if isinstance(identity, str | int) and identity != "" else None,
            meta={key: value for key, value in doc.items() if key not in (KEY, "id")},
            carried=doc.get(KEY),
        )

    def _value(self, key: str, doc: Mapping[str, Any]) -> Any:
        """A field, where the task names one; else the template filled in."""
        said = self._config.get(key)
        if isinstance(said, str):
            return doc[said] if said in doc else value_of(said, doc)
        if isinstance(said, int | list) and key != "doc_to_text":
            return said
        raise SuiteError(f"its {key} is no field or template")

    def _choices(self, doc: Mapping[str, Any]) -> list[str]:
        said = self._config.get("doc_to_choice")
        found = list(said.values()) if isinstance(said, Mapping) else self._value("doc_to_choice", doc)
        if not isinstance(found, list) or not found:
            raise SuiteError("its doc_to_choice is no list of choices")
        return [str(one).strip() for one in found]


def _choice(shown: Any, target: Any, choices: list[str]) -> tuple[str, str, tuple[GraderSpec, ...]]:
    """`(question, right answer, graders)`."""
    text = str(shown)
    right = _number(target, choices)
    letter = letter_of(right, choices)
    if choices == [letter_of(number, choices) for number in range(len(choices))]:
        return text, letter, ({"check": "choice"},)
    if all(one in text for one in choices):
        return text, choices[right], ({"check": "choice", "choices": choices},)
    return with_choices(text, choices), letter, ({"check": "choice", "choices": choices},)


def _number(target: Any, choices: list[str]) -> int:
    if isinstance(target, str) and target.strip() in choices:
        return choices.index(target.strip())
    try:
        return int(target)
    except (TypeError, ValueError) as error:
        raise SuiteError("its right answer is none of its choices") from error
