"""Assertions of promptfoo as graders: what each means there is what its grader means here, or it is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from assay.errors import SuiteError
from assay.evals.formats import rubrics
from assay.evals.formats.intake import Intake
from assay.evals.formats.js_pattern import to_python
from assay.evals.formats.promptfoo_prompts import text_of
from assay.evals.formats.shapes import list_of
from assay.evals.formats.sources import inside, yaml_value
from assay.evals.formats.template import has_marks, rendered
from assay.evals.suites.samples import GraderSpec

__all__ = ["Asserts", "Graded"]

_CODE = ("javascript", "python", "ruby", "webhook")
_JUDGED = ("llm-rubric", "model-graded-closedqa", "factuality", "model-graded-factuality")
_COMPARES = ("select-best", "max-score")
_NO_GRADER = {
    **dict.fromkeys(_CODE, "is code of promptfoo's, which is not run here; write a check of your own"),
    **dict.fromkeys(_COMPARES, "compares several answers with each other; see `assay compare`"),
    "similar": "compares embeddings, and a limit on them says little; use a judge, or words that must be there",
    "levenshtein": "counts letters that differ; use `normalised` or `contains`",
    "human": "waits for a person; see `assay judge label`",
}
_BETWEEN = ", \t\r\n"
_FIELD = re.compile(r'[\s,]*(?:"((?:\\["\\]|""|[^"])*)"\s*|([^",][^,]*))(?:,|\Z)')
_ESCAPED = re.compile(r'\\(["\\])|"(")')


class Graded(NamedTuple):
    """What the assertions of a test come to."""

    graders: tuple[GraderSpec, ...]
    target: Any
    lost: tuple[str, ...]


class Asserts:
    """Makes graders of assertions.

    Args:
        folder: of the configuration.
        templates: its `assertionTemplates`.
        intake: hears of what is noted.
    """

    def __init__(self, folder: Path, templates: Mapping[str, Any], intake: Intake) -> None:
        self._folder, self._templates, self._intake = folder, templates, intake

    def graders(self, asserts: Sequence[Any], values: Mapping[str, Any]) -> Graded:
        """The graders of a test with these variables; an assertion that is none is `lost`, with its reason."""
        graders: list[GraderSpec] = []
        lost: list[str] = []
        target: Any = None
        for one in self._flat(asserts, lost):
            try:
                spec, wanted = self._grader(one, values)
                if wanted is not None and target is not None and wanted != target:
                    raise SuiteError(f"{one['type']!r} wants another answer than an assertion before it")
            except SuiteError as error:
                lost.append(str(error))
                continue
            target = wanted if wanted is not None else target
            if spec is not None and spec not in graders:
                graders.append(spec)
        return Graded(tuple(graders), target, tuple(lost))

    def latency_s(self, asserts: Sequence[Any]) -> float | None:
        """The limit that every test has on the time of an answer, in seconds."""
        found = [one.get("threshold") for one in self._flat(asserts, []) if one.get("type") == "latency"]
        return min(float(one) for one in found if one) / 1000 if any(found) else None

    def _flat(self, asserts: Sequence[Any], lost: list[str]) -> list[Mapping[str, Any]]:
        """Single assertions: references looked up, sets without a threshold opened."""
        found: list[Mapping[str, Any]] = []
        for one in asserts:
            if isinstance(one, Mapping) and str(one.get("$ref", "")).startswith("#/assertionTemplates/"):
                one = self._templates.get(str(one["$ref"]).rpartition("/")[2])
            if not isinstance(one, Mapping) or not isinstance(one.get("type"), str):
                lost.append("an assertion has no type")
            elif one["type"] == "assert-set" and one.get("threshold") in (None, 1):
                found += self._flat(list_of(one.get("assert"), "assert"), lost)
            else:
                found.append(one)
        return found

    def _grader(self, one: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[GraderSpec | None, Any]:
        """`(grader, target)`; no grader for what is a limit of the kind."""
        kind = str(one["type"])
        inverse, plain = kind.startswith("not-"), kind.removeprefix("not-")
        if plain in ("latency", "cost"):
            self._intake.note(f"{kind!r} is no grader here: a kind has p95_latency_s, a run --max-usd")
            return None, None
        if one.get("transform"):
            raise SuiteError(f"{kind!r} changes the answer by code before it is graded")
        why = _NO_GRADER.get(plain)
        if why is not None:
            raise SuiteError(f"{kind!r} {why}")
        for key in ("provider", "rubricPrompt"):
            if one.get(key):
                self._intake.note(f"{kind!r} with a {key} of its own: the judge's deployment has the prompt here")
        value = self._value(one.get("value"), values)
        if plain in _JUDGED:
            return self._judged(kind, plain, value, one)
        spec, target = _checked(plain, value, kind)
        if not inverse:
            return spec, target
        if spec["check"] == "contains" and "any" in spec and len(spec) in (2, 3):
            return {**{key: item for key, item in spec.items() if key != "any"}, "none": spec["any"]}, None
        if spec["check"] == "contains" and len(spec.get("all", ())) == 1 and "at" not in spec:
            return {**{key: item for key, item in spec.items() if key != "all"}, "none": spec["all"]}, None
        return {"check": "not", "of": spec, **({"target": target} if target is not None else {})}, None

    def _judged(self, kind: str, plain: str, value: Any, one: Mapping[str, Any]) -> tuple[GraderSpec, Any]:
        if kind != plain:
            raise SuiteError(f"{kind!r} wants a judge to say no; write the rubric the other way round")
        if one.get("threshold") is not None:
            raise SuiteError(f"{kind!r} has a threshold on a judge's score; write into the rubric what passes")
        said = value if isinstance(value, str) else text_of(value)
        if not said.strip():
            raise SuiteError(f"{kind!r} has no value")
        self._intake.note(f"a model judges: name it as the deployment {self._intake.reading.judge!r} in assay.toml")
        judge = self._intake.reading.judge
        if plain == "llm-rubric":
            return rubrics.judged(judge, said), None
        if plain == "model-graded-closedqa":
            return rubrics.judged(judge, rubrics.criterion(said)), None
        return rubrics.judged(judge, rubrics.FACTS, with_target=True), said

    def _value(self, value: Any, values: Mapping[str, Any]) -> Any:
        if isinstance(value, str) and value.startswith("file://"):
            if Path(value).suffix.lower() not in (".json", ".yaml", ".yml", ".txt", ".md"):
                raise SuiteError(f"the value {value!r} is a file of code, which is not run here")
            return yaml_value(inside(self._folder, value), core=True)
        if isinstance(value, str):
            return rendered(value, values, text_of) if has_marks(value) else value
        return [self._value(one, values) for one in value] if isinstance(value, list) else value


def _checked(plain: str, value: Any, kind: str) -> tuple[GraderSpec, Any]:
    """`(check, target)` of an assertion that a check can decide."""
    match plain:
        case "equals":
            return _equal(value, kind)
        case "contains" | "icontains" | "contains-any" | "icontains-any" | "contains-all" | "icontains-all":
            return _containing(plain, value, kind), None
        case "starts-with":
            return {"check": "contains", "at": "start", "all": [_text(value, kind)]}, None
        case "regex":
            return {"check": "regex", "pattern": to_python(_text(value, kind))}, None
        case "is-json":
            return {"check": "schema", "schema": _schema(value, kind)}, None
        case "contains-json":
            return {"check": "schema", "schema": _schema(value, kind), "within": True}, None
    raise SuiteError(f"{kind!r} has no grader here")


def _equal(value: Any, kind: str) -> tuple[GraderSpec, Any]:
    if isinstance(value, list | dict):
        return {"check": "json"}, value
    if value is None:
        raise SuiteError(f"{kind!r} has no value")
    return {"check": "exact", "strip": False}, text_of(value)


def _containing(plain: str, value: Any, kind: str) -> GraderSpec:
    case = {"ignore": "case"} if plain.startswith("i") else {}
    if plain.endswith(("-any", "-all")):
        texts = _texts(value, kind)
        return {"check": "contains", "any" if plain.endswith("-any") else "all": texts, **case}
    return {"check": "contains", "all": [_text(value, kind)], **case}


def _texts(value: Any, kind: str) -> list[str]:
    found = _separated(value) if isinstance(value, str) else value
    if not isinstance(found, list) or not found:
        raise SuiteError(f"{kind!r} needs a list of texts")
    return [text_of(one) for one in found]


def _separated(value: str) -> list[str]:
    """Texts between commas; one with a comma stands in double quotes."""
    found: list[str] = []
    place = 0
    while place < len(value.rstrip(_BETWEEN)):
        match = _FIELD.match(value, place)
        if match is None:
            raise SuiteError(f"the list of texts {value[:60]!r} has a quote that does not end, or goes on after it")
        quoted, plain = match[1], match[2]
        found.append(_ESCAPED.sub(lambda one: one[1] or one[2], quoted) if quoted is not None else plain.strip())
        place = match.end()
    return found


def _text(value: Any, kind: str) -> str:
    if value is None or isinstance(value, list | dict) or value == "":
        raise SuiteError(f"{kind!r} needs a text")
    return text_of(value)


def _schema(value: Any, kind: str) -> Any:
    try:
        found = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError as error:
        raise SuiteError(f"the schema of {kind!r} cannot be read") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SuiteError(f"the schema of {kind!r} is no table")
    return json.loads(json.dumps(found, default=str))
