"""OpenAI's evals: a registry's YAML with its `samples.jsonl`, samples alone, or an eval of the API as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import SuiteError
from assay.evals.formats import openai_eval_api, rubrics
from assay.evals.formats.carried import KEY
from assay.evals.formats.intake import Intake, Item
from assay.evals.formats.shapes import table_of
from assay.evals.formats.sources import inside, json_lines, yaml_value
from assay.evals.suites.samples import GraderSpec
from assay.types import JsonObject

__all__ = ["MATCH", "read"]

MATCH: GraderSpec = {"check": "contains", "at": "start"}
"""The answer begins with one of the ideal ones, as the class Match wants it."""

_SETTINGS = ("samples_jsonl", "ignore_case", "modelgraded_spec", "modelgraded_spec_args", "eval_type", "metaeval")
_SAMPLE = ("input", "ideal", KEY)


class _Eval(NamedTuple):
    name: str
    graders: tuple[GraderSpec, ...]
    samples: Path


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every sample of every eval.

    Raises:
        SuiteError: a file is none of an eval.
    """
    first, rest = paths[0], paths[1:]
    match first.suffix.lower():
        case ".json":
            openai_eval_api.read(paths, intake)
        case ".jsonl":
            graders = intake.reading.graders or (MATCH,)
            if not intake.reading.graders:
                intake.note("samples alone name no class: graded as by Match; give the registry's YAML, or --grader")
            for path in paths:
                _take(_Eval(intake.reading.kind or path.stem, graders, path), intake)
        case _:
            _registry(first, rest, intake)


def _registry(path: Path, data: Sequence[Path], intake: Intake) -> None:
    table = yaml_value(path, intake.reading.encoding)
    found = (
        {key: value for key, value in table.items() if isinstance(value, Mapping)} if isinstance(table, dict) else {}
    )
    evals = {key: value for key, value in found.items() if "class" in value}
    if not evals:
        raise SuiteError(f"{path} names no class of an eval; is it of a registry of OpenAI's evals?")
    aliases = {str(value["id"]): (key, value) for key, value in found.items() if "id" in value}
    for key, value in evals.items():
        name, about = aliases.get(str(key), (str(key).split(".")[0], {}))
        with intake.place(path, f"eval {key}"):
            one = _eval(intake.reading.kind or str(name), value, path, data, intake)
            intake.describe(one.name, description=str(about.get("description") or ""))
            _take(one, intake)


def _eval(name: str, value: Mapping[str, Any], path: Path, data: Sequence[Path], intake: Intake) -> _Eval:
    arguments = table_of(value.get("args"), "args")
    graders = intake.graders(lambda: (_grader(str(value["class"]), arguments, intake),))
    for key in arguments:
        if key not in _SETTINGS:
            intake.note(
                f"{name}: the argument {key!r} is not carried over; prompts and settings belong to a deployment"
            )
    samples = arguments.get("samples_jsonl")
    if not isinstance(samples, str):
        raise SuiteError("it names no samples_jsonl; only samples in a file beside the registry are read")
    return _Eval(name, graders, _samples(samples, path, data))


def _grader(kind: str, arguments: Mapping[str, Any], intake: Intake) -> GraderSpec:
    match kind.rpartition(":")[2]:
        case "Match":
            return MATCH
        case "Includes":
            return {"check": "contains", **({"ignore": "case"} if arguments.get("ignore_case") else {})}
        case "FuzzyMatch":
            return {"check": "contains", "ignore": "form", "either": True}
        case "JsonMatch":
            return {"check": "json", "text": True, "any": True}
        case "ModelBasedClassify" if not arguments.get("metaeval"):
            return _judged(str(arguments.get("modelgraded_spec")), arguments, intake)
        case "ModelBasedClassify":
            raise SuiteError("it evaluates a judge (metaeval); see `assay judge audit`")
    raise SuiteError(f"its class {kind!r} is code of its own, which is not run here")


def _judged(spec: str, arguments: Mapping[str, Any], intake: Intake) -> GraderSpec:
    judge = intake.reading.judge
    intake.note(f"a model judges: name it as the deployment {judge!r} in assay.toml")
    if spec == "fact":
        return rubrics.judged(judge, rubrics.FACTS, with_target=True)
    criterion = table_of(arguments.get("modelgraded_spec_args"), "modelgraded_spec_args").get("criteria")
    if spec == "closedqa" and isinstance(criterion, str):
        return rubrics.judged(judge, rubrics.criterion(criterion))
    raise SuiteError(
        f"its judge's prompt {spec!r} is not carried over; write what passes as the rubric of a judge (--grader)"
    )


def _samples(name: str, path: Path, data: Sequence[Path]) -> Path:
    """The file of samples: one that was given, else the registry's."""
    given = next((one for one in data if one.as_posix().endswith(name)), data[0] if len(data) == 1 else None)
    if given is not None:
        return given
    root = path.resolve().parent.parent if path.resolve().parent.name == "evals" else path.resolve().parent
    try:
        return inside(root / "data", name)
    except SuiteError:
        return inside(root, name)


def _take(one: _Eval, intake: Intake) -> None:
    for number, value in json_lines(one.samples, intake.reading.encoding):
        place = f"line {number}"
        with intake.place(one.samples, place):
            if isinstance(value, SuiteError):
                raise value
            if not isinstance(value, dict):
                raise SuiteError(f"it is {type(value).__name__} and no object")
            intake.take(one.name, one.samples, place, _item(value, one.graders))


def _item(value: JsonObject, graders: tuple[GraderSpec, ...]) -> Item:
    if "input" not in value:
        raise SuiteError("it has no 'input'")
    return Item(
        value["input"],
        target=value.get("ideal"),
        graders=graders,
        meta={key: inner for key, inner in value.items() if key not in _SAMPLE},
        carried=value.get(KEY),
    )
