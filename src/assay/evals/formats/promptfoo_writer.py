"""A suite as a configuration of promptfoo, with one prompt that shows each sample as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from assay.errors import SuiteError
from assay.evals.formats import rubrics
from assay.evals.formats.carried import KEY, block
from assay.evals.formats.js_pattern import from_python
from assay.evals.formats.outgoing import Outgoing, Parcel
from assay.evals.formats.template import has_marks
from assay.evals.suites.samples import GraderSpec
from assay.evals.suites.writing import replaced
from assay.types import JsonObject

__all__ = ["write"]

_MS = 1000


def write(outgoing: Outgoing, out: Path) -> None:
    """Write all kinds into one configuration; one kind's limit on latency holds for all, if there is but one kind.

    Raises:
        SuiteError: it cannot be written.
    """
    tests = [test for kind in outgoing.kinds for parcel in outgoing.parcels(kind) for test in _tests(parcel, outgoing)]
    config: JsonObject = {"description": outgoing.description, "prompts": ["{{input}}"], "providers": ["echo"]}
    limits = [table.p95_latency_s for table in outgoing.kinds.values()]
    if len(limits) == 1 and limits[0] is not None:
        config["defaultTest"] = {"assert": [{"type": "latency", "threshold": round(limits[0] * _MS)}]}
    outgoing.note("providers are for you to name: `echo` only gives the question back")
    config["tests"] = tests
    with replaced(out) as file:
        file.write(yaml.safe_dump(config, allow_unicode=True, sort_keys=False, width=120).encode())


def _tests(parcel: Parcel, outgoing: Outgoing) -> list[JsonObject]:
    try:
        test = _test(parcel)
    except SuiteError as error:
        outgoing.refuse(parcel, str(error))
        return []
    outgoing.written()
    return [test]


def _test(parcel: Parcel) -> JsonObject:
    shown = parcel.shown if isinstance(parcel.shown, str) else json.dumps(parcel.shown, ensure_ascii=False)
    asserts, rest, used = _asserts(parcel.graders, parcel.entry.target)
    if not asserts:
        raise SuiteError("none of its graders is an assertion of promptfoo, where a test without one always passes")
    if has_marks(shown) or has_marks(json.dumps(asserts)):
        raise SuiteError("it holds marks of a template ({{ or {%), which promptfoo would fill in")
    target = None if used else parcel.entry.target
    kept = block(parcel.entry, kind=parcel.kind, graders=tuple(rest), target=target)
    return {"vars": {"input": shown}, "assert": asserts, "metadata": {KEY: kept}}


def _asserts(graders: tuple[GraderSpec, ...], target: Any) -> tuple[list[JsonObject], list[GraderSpec], bool]:
    """`(assertions, graders that are none, whether an assertion holds the target)`."""
    asserts: list[JsonObject] = []
    rest: list[GraderSpec] = []
    for spec in graders:
        one = _assert(spec, target)
        if one is None:
            rest.append(spec)
        else:
            asserts.append(one)
    holds = any(one["type"] in ("equals", "factuality") for one in asserts)
    return asserts, rest, holds


def _assert(spec: GraderSpec, target: Any) -> JsonObject | None:
    rest = {key: value for key, value in spec.items() if key != "check"}
    match spec.get("check"):
        case "exact" if isinstance(target, str) and rest == {"strip": False}:
            return {"type": "equals", "value": target}
        case "exact" if isinstance(target, str) and not rest:
            return {"type": "regex", "value": rf"^\s*{_escaped(target.strip())}\s*$"}
        case "json" if isinstance(target, list | dict) and not rest:
            return {"type": "equals", "value": target}
        case "contains":
            return _contains(rest, target)
        case "regex" if set(rest) == {"pattern"}:
            return {"type": "regex", "value": from_python(rest["pattern"])}
        case "schema" if set(rest) <= {"schema", "within"} and "schema" in rest:
            kind = "contains-json" if rest.get("within") else "is-json"
            return {"type": kind} | ({"value": rest["schema"]} if rest["schema"] else {})
        case "not" if isinstance(rest.get("of"), dict):
            inner = _assert(rest["of"], rest.get("target", target))
            return None if inner is None else {**inner, "type": f"not-{inner['type']}"}
    return _judged(spec, target) if spec.get("grader") == "judge" else None


def _contains(options: JsonObject, target: Any) -> JsonObject | None:
    case = options.get("ignore", "nothing")
    texts = {key: options[key] for key in ("any", "all", "none") if options.get(key)}
    if not texts:
        texts = {"any": target if isinstance(target, list) else [target]}
    known = {"any", "all", "none", "ignore"} | ({"at"} if options.get("at") == "start" else set())
    if set(options) - known or case not in ("nothing", "case") or len(texts) > 1:
        return None
    (which, found), prefix = next(iter(texts.items())), "i" if case == "case" else ""
    if not all(isinstance(one, str) and one for one in found):
        return None
    if options.get("at") == "start":
        return (
            {"type": "starts-with", "value": found[0]} if (which, len(found), case) == ("all", 1, "nothing") else None
        )
    inverse = "not-" if which == "none" else ""
    if len(found) == 1 and which != "any":
        return {"type": f"{inverse}{prefix}contains", "value": found[0]}
    return {"type": f"{inverse}{prefix}contains-{'all' if which == 'all' else 'any'}", "value": found}


def _judged(spec: GraderSpec, target: Any) -> JsonObject | None:
    rubric = spec.get("rubric")
    if not isinstance(rubric, str) or set(spec) - {"grader", "model", "rubric", "with_target"}:
        return None
    if rubric == rubrics.FACTS and isinstance(target, str):
        return {"type": "factuality", "value": target}
    if spec.get("with_target"):
        return None
    said = rubrics.criterion_of(rubric)
    return {"type": "llm-rubric", "value": rubric} if said is None else {"type": "model-graded-closedqa", "value": said}


def _escaped(text: str) -> str:
    return re.sub(r"[.*+?^${}()|[\]\\/]", r"\\\g<0>", text)
