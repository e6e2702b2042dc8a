"""A suite as tasks of lm-eval: in a folder, a YAML file and a JSONL file for each kind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import msgspec
import yaml

from assay.errors import SuiteError
from assay.evals.formats.carried import KEY, block
from assay.evals.formats.choices import without_choices
from assay.evals.formats.lm_eval_graders import metric_of
from assay.evals.formats.outgoing import Outgoing, Parcel, folder_at
from assay.evals.suites.writing import replaced
from assay.types import JsonObject

__all__ = ["write"]

_FEWEST_LETTERS = 4


def write(outgoing: Outgoing, out: Path) -> None:
    """Write all kinds; one that is graded in several ways becomes several tasks.

    Raises:
        SuiteError: it cannot be written.
    """
    folder_at(out)
    outgoing.note("run lm-eval in the folder of the tasks: their data_files are relative to where it runs")
    for kind in outgoing.kinds:
        _write_kind(outgoing, kind, out)


def _write_kind(outgoing: Outgoing, kind: str, out: Path) -> None:
    groups: dict[str, list[JsonObject]] = {}
    for parcel in outgoing.parcels(kind):
        try:
            way, row = _row(parcel)
        except SuiteError as error:
            outgoing.refuse(parcel, str(error))
            continue
        groups.setdefault(json.dumps(way, sort_keys=True), []).append(row)
        outgoing.written()
    for number, (group, rows) in enumerate(groups.items(), start=1):
        name = (re.sub(r"[^\w-]+", "_", kind).strip("_") or "task") + ("" if number == 1 else f"_{number}")
        _write_task(out, name, json.loads(group), rows)


def _write_task(out: Path, name: str, way: JsonObject, rows: list[JsonObject]) -> None:
    with replaced(out / f"{name}.jsonl") as file:
        file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
    data: JsonObject = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}}}
    task = {"task": name, **data, "test_split": "test", "doc_to_text": "input", "doc_to_target": "target", **way}
    with replaced(out / f"{name}.yaml") as file:
        file.write(yaml.safe_dump(task, allow_unicode=True, sort_keys=False).encode())


def _row(parcel: Parcel) -> tuple[JsonObject, JsonObject]:
    """`(how the task grades, document)`."""
    if not isinstance(parcel.shown, str):
        raise SuiteError("it is a conversation, which lm-eval has no place for")
    if len(parcel.graders) != 1:
        raise SuiteError("it has several graders, and a task of lm-eval has one")
    spec, target = parcel.graders[0], parcel.entry.target
    kept = block(parcel.entry, kind=parcel.kind)
    if spec.get("check") == "choice":
        way: JsonObject = {"output_type": "multiple_choice", "doc_to_choice": "choices"}
        way["metric_list"] = [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]
        return way, {**_choices(parcel.shown, spec.get("choices") or [], target), KEY: kept}
    way = {"output_type": "generate_until", **metric_of(spec)}
    if not isinstance(target, str) and not (isinstance(target, list) and all(isinstance(one, str) for one in target)):
        raise SuiteError("its target is no text, and lm-eval compares texts")
    return way, {"input": parcel.shown, "target": target, KEY: kept}


def _choices(shown: str, choices: list[str], target: Any) -> JsonObject:
    """A question, its choices and the number of the right one."""
    if not choices:
        right = ascii_uppercase.find(str(target))
        letters = list(ascii_uppercase[: max(right + 1, _FEWEST_LETTERS)])
        return {"input": shown, "choices": letters, "target": right}
    right = choices.index(target) if target in choices else ascii_uppercase.find(str(target))
    question = without_choices(shown, choices)
    return {"input": question if question is not None else shown, "choices": choices, "target": right}
