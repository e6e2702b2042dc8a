"""An eval of OpenAI's API as JSON: `testing_criteria`, a run's `input_messages`, and items in it or in a JSONL file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.errors import SuiteError
from assay.evals.formats import rubrics
from assay.evals.formats.carried import KEY
from assay.evals.formats.intake import Intake, Item
from assay.evals.formats.shapes import list_of, table_of
from assay.evals.formats.sources import json_lines, json_value
from assay.evals.formats.template import rendered, value_of
from assay.evals.suites.samples import GraderSpec
from assay.types import JsonObject

__all__ = ["read"]

_ANSWER = re.compile(r"\{\{\s*sample\.output_text\s*\}\}")
_LOST = {
    "text_similarity": "compares texts by a measure of likeness; use a judge, or words that must be there",
    "python": "is code, which is not run here",
    "multi": "counts several graders together by a formula",
}


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every item of an eval.

    Raises:
        SuiteError: the files hold no criteria, or no items.
    """
    objects = [value for path in paths if path.suffix.lower() == ".json" for value in _objects(json_value(path))]
    eval_ = next((one for one in objects if "testing_criteria" in one), None)
    if eval_ is None:
        raise SuiteError(f"{paths[0]} holds no testing_criteria; is it an eval of OpenAI's API?")
    source: JsonObject = next((one["data_source"] for one in objects if isinstance(one.get("data_source"), dict)), {})
    kind = intake.reading.kind or str(eval_.get("name") or paths[0].stem)
    criteria = list_of(eval_["testing_criteria"], "testing_criteria")
    found = False
    for path, place, value in _items(paths, source):
        found = True
        with intake.place(path, place):
            intake.take(kind, path, place, _item(value, criteria, source, intake))
    if not found:
        raise SuiteError(f"{paths[0]} holds no items; give the JSONL file of its data behind it")


def _objects(value: Any) -> Iterator[JsonObject]:
    """An object, and what an export may wrap one in."""
    if isinstance(value, dict):
        yield value
        for key in ("eval", "run", "runs", "data"):
            inner = value.get(key)
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict):
                    yield one


def _items(paths: Sequence[Path], source: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    content = list_of(table_of(source.get("source"), "source").get("content"), "content")
    for number, value in enumerate(content, start=1):
        yield paths[0], f"item {number}", value
    for path in paths:
        if path.suffix.lower() == ".jsonl":
            for number, value in json_lines(path):
                yield path, f"line {number}", value


def _item(value: Any, criteria: Sequence[Any], source: Mapping[str, Any], intake: Intake) -> Item:
    if isinstance(value, SuiteError):
        raise value
    item = value.get("item", value) if isinstance(value, dict) else None
    if not isinstance(item, dict):
        raise SuiteError("it is no object with fields")
    values = {"item": item}
    graders: list[GraderSpec] = []
    lost: list[str] = []
    target: Any = None
    for one in criteria:
        try:
            spec, wanted = _grader(one, values, intake.reading.judge)
            if wanted is not None and target is not None and wanted != target:
                raise SuiteError("two of its criteria want different answers")
        except SuiteError as error:
            lost.append(str(error))
            continue
        target = wanted if wanted is not None else target
        graders.append(spec)
    meta = {key: inner for key, inner in item.items() if key != KEY}
    return Item(
        _shown(source, item, intake), target, tuple(graders), tuple(lost), meta={"item": meta}, carried=item.get(KEY)
    )


def _shown(source: Mapping[str, Any], item: Mapping[str, Any], intake: Intake) -> Any:
    given = table_of(source.get("input_messages"), "input_messages")
    template = given.get("template")
    if not isinstance(template, list):
        column = intake.reading.columns.get("input", "input")
        if column not in item:
            raise SuiteError(f"no run says what is asked, and the item has no {column!r}; name a field with --input")
        intake.note(f"no run with input_messages: the field {column!r} of an item is what is asked")
        return item[column]
    messages = [table_of(one, "message") for one in template]
    return [{**one, "content": _content(one.get("content"), {"item": item})} for one in messages]


def _content(content: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(content, str):
        whole = value_of(content, values)
        return whole if isinstance(whole, str) else rendered(content, values)
    if isinstance(content, list):
        return [_content(one, values) for one in content]
    return (
        {**content, "text": rendered(str(content["text"]), values)}
        if isinstance(content, dict) and "text" in content
        else content
    )


def _grader(one: Any, values: Mapping[str, Any], judge: str) -> tuple[GraderSpec, Any]:
    """`(grader, target)` of one criterion."""
    kind = str(one.get("type")) if isinstance(one, Mapping) else "?"
    if kind == "string_check":
        return _string_check(one, values)
    if kind in ("label_model", "score_model"):
        return rubrics.judged(judge, _rubric(kind, one, values)), None
    raise SuiteError(f"the criterion {kind!r} {_LOST.get(kind, 'has no grader here')}")


def _string_check(one: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[GraderSpec, Any]:
    if not _ANSWER.fullmatch(str(one.get("input")).strip()):
        raise SuiteError(
            f"a string_check looks at {one.get('input')!r}; only {{{{ sample.output_text }}}} is graded here"
        )
    wanted = rendered(str(one.get("reference")), values)
    match one.get("operation"):
        case "eq":
            return {"check": "exact", "strip": False}, wanted
        case "ne":
            return {"check": "not", "of": {"check": "exact", "strip": False}, "target": wanted}, None
        case "like":
            return {"check": "contains", "all": [wanted]}, None
        case "ilike":
            return {"check": "contains", "all": [wanted], "ignore": "case"}, None
    raise SuiteError(f"a string_check has the operation {one.get('operation')!r}; known are eq, ne, like and ilike")


def _rubric(kind: str, one: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """What a judge is asked: the criterion's messages, and what passes."""
    said = [_plain(table_of(message, "message"), values) for message in list_of(one.get("input"), "input")]
    if kind == "label_model":
        labels = list_of(one.get("passing_labels"), "passing_labels")
        passes = f"one of the labels {', '.join(map(str, labels))}"
    else:
        low, high = (*list_of(one.get("range"), "range"), 0, 1)[:2] if one.get("range") else (0, 1)
        least = one.get("pass_threshold", "half of it")
        passes = f"a score of at least {least} between {low} and {high}"
    return "\n\n".join([*said, f"It passes when these instructions give the answer {passes}."])


def _plain(message: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, Mapping):
        content = content.get("text")
    if not isinstance(content, str):
        raise SuiteError("a judge's message shows more than text")
    return rendered(_ANSWER.sub("(the answer)", content), values)
