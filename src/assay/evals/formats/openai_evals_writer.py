"""A suite as a registry of OpenAI's evals: `evals/NAME.yaml`, `data/NAME/*.jsonl`; or as an eval of the API (.json)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from assay.errors import SuiteError
from assay.evals.formats import rubrics
from assay.evals.formats.carried import KEY, block
from assay.evals.formats.openai_evals import MATCH
from assay.evals.formats.outgoing import Outgoing, Parcel, folder_at
from assay.evals.suites.samples import GraderSpec
from assay.evals.suites.writing import replaced
from assay.types import JsonObject

__all__ = ["write"]

_BASIC = "evals.elsuite.basic"
_JUDGED = "evals.elsuite.modelgraded.classify:ModelBasedClassify"
_ANSWER = "{{ sample.output_text }}"


def write(outgoing: Outgoing, out: Path) -> None:
    """Write all kinds: into a folder as a registry, into a `.json` file as one eval of the API.

    Raises:
        SuiteError: it cannot be written.
    """
    if out.suffix.lower() == ".json":
        _write_api(outgoing, out)
        return
    name = _plain(outgoing.name)
    table: JsonObject = {}
    for kind in outgoing.kinds:
        table |= _kind(outgoing, kind, out / "data", name)
    with replaced(folder_at(out / "evals") / f"{name}.yaml") as file:
        file.write(yaml.safe_dump(table, allow_unicode=True, sort_keys=False).encode())


def _kind(outgoing: Outgoing, kind: str, data: Path, name: str) -> JsonObject:
    """The evals of a kind, one for each way of grading; their samples are written."""
    groups: dict[str, list[JsonObject]] = {}
    for parcel in outgoing.parcels(kind):
        try:
            way, line = _line(parcel)
        except SuiteError as error:
            outgoing.refuse(parcel, str(error))
            continue
        groups.setdefault(json.dumps(way, sort_keys=True), []).append(line)
        outgoing.written()
    table: JsonObject = {}
    for number, (group, lines) in enumerate(groups.items(), start=1):
        plain = _plain(kind) + ("" if number == 1 else f"-{number}")
        samples = f"{name}/{plain}.jsonl"
        folder_at(data / name)
        with replaced(data / samples) as file:
            file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
        class_, arguments = json.loads(group)
        about = {"description": outgoing.kinds[kind].description} if outgoing.kinds[kind].description else {}
        table[plain] = {"id": f"{plain}.dev.v0", "metrics": ["accuracy"], **about}
        table[f"{plain}.dev.v0"] = {"class": class_, "args": {"samples_jsonl": samples, **arguments}}
    return table


def _line(parcel: Parcel) -> tuple[tuple[str, JsonObject], JsonObject]:
    """`((class, arguments), sample)`."""
    if len(parcel.graders) != 1:
        raise SuiteError("it has several graders, and an eval has one class")
    class_, arguments = _class(parcel.graders[0])
    line: JsonObject = {"input": parcel.messages}
    target = parcel.entry.target
    if target is not None:
        line["ideal"] = json.dumps(target) if parcel.graders[0] == {"check": "json"} else target
    return (class_, arguments), {**parcel.entry.meta, **line, KEY: block(parcel.entry, kind=parcel.kind)}


def _class(spec: GraderSpec) -> tuple[str, JsonObject]:
    match spec:
        case {"check": "contains"} if spec == MATCH:
            return f"{_BASIC}.match:Match", {}
        case {"check": "contains", "ignore": "form", "either": True} if len(spec) == 3:
            return f"{_BASIC}.fuzzy_match:FuzzyMatch", {}
        case {"check": "contains"} if spec in ({"check": "contains"}, {"check": "contains", "ignore": "case"}):
            return f"{_BASIC}.includes:Includes", {"ignore_case": True} if len(spec) == 2 else {}
        case {"check": "json"} if spec in ({"check": "json"}, {"check": "json", "text": True, "any": True}):
            return f"{_BASIC}.json_match:JsonMatch", {}
        case {"grader": "judge", "rubric": rubrics.FACTS, "with_target": True} if len(spec) == 4:
            return _JUDGED, {"modelgraded_spec": "fact"}
        case {"grader": "judge", "rubric": str(rubric), "with_target": False} if (
            rubrics.criterion_of(rubric) is not None
        ):
            arguments = {"criteria": rubrics.criterion_of(rubric)}
            return _JUDGED, {"modelgraded_spec": "closedqa", "modelgraded_spec_args": arguments}
    raise SuiteError(f"its grader {spec.get('check') or spec.get('grader')!r} is no class of an eval")


# ------------------------------------------------------------------------------------------------- the API's form


def _write_api(outgoing: Outgoing, out: Path) -> None:
    """One eval with its items: all must be graded in the same way, with references of their own."""
    shape: list[JsonObject] | None = None
    content: list[JsonObject] = []
    for parcel in _all(outgoing):
        try:
            criteria, item = _api_item(parcel)
            if shape is not None and criteria != shape:
                raise SuiteError("it is graded otherwise than the first sample, and an eval has one list of criteria")
        except SuiteError as error:
            outgoing.refuse(parcel, str(error))
            continue
        shape = criteria
        content.append({"item": item})
        outgoing.written()
    source = {"type": "file_content", "content": content}
    template = [{"role": "user", "content": "{{ item.input }}"}]
    value = {
        "name": outgoing.name,
        "data_source_config": {"type": "custom", "item_schema": {"type": "object"}, "include_sample_schema": True},
        "testing_criteria": shape or [],
        "data_source": {
            "type": "completions",
            "source": source,
            "input_messages": {"type": "template", "template": template},
        },
    }
    with replaced(out) as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=2))


def _all(outgoing: Outgoing) -> Iterator[Parcel]:
    for kind in outgoing.kinds:
        yield from outgoing.parcels(kind)


def _api_item(parcel: Parcel) -> tuple[list[JsonObject], JsonObject]:
    if not isinstance(parcel.shown, str):
        raise SuiteError("it is a conversation, and all items of an eval share one list of messages")
    item: JsonObject = {"input": parcel.shown, KEY: block(parcel.entry, kind=parcel.kind)}
    criteria: list[JsonObject] = []
    for number, spec in enumerate(parcel.graders, start=1):
        operation, reference = _operation(spec, parcel.entry.target)
        item[f"reference_{number}"] = reference
        criteria.append({
            "type": "string_check", "name": f"check {number}", "input": _ANSWER, "operation": operation,
            "reference": f"{{{{ item.reference_{number} }}}}",
        })  # fmt: skip
    return criteria, item


def _operation(spec: GraderSpec, target: Any) -> tuple[str, str]:
    exact = {"check": "exact", "strip": False}
    match spec:
        case {"check": "exact", "strip": False} if isinstance(target, str):
            return "eq", target
        case {"check": "not", "of": inner, "target": str(wanted)} if inner == exact:
            return "ne", wanted
        case {"check": "contains", "all": [str(wanted)]} if len(spec) == 2:
            return "like", wanted
        case {"check": "contains", "all": [str(wanted)], "ignore": "case"} if len(spec) == 3:
            return "ilike", wanted
    raise SuiteError(f"its grader {spec.get('check') or spec.get('grader')!r} is no string_check")


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name).strip("-") or "suite"
