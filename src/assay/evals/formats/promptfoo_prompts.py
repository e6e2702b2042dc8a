"""Prompts of promptfoo: texts and conversations with `{{ variables }}`, in the configuration or in files beside it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from assay.errors import SuiteError
from assay.evals.formats.intake import Intake
from assay.evals.formats.promptfoo_tests import Case
from assay.evals.formats.sources import inside, text, yaml_value
from assay.evals.formats.template import has_marks, rendered
from assay.evals.formats.turns import are_messages

__all__ = ["Prompt", "filled", "prompts_of", "text_of"]

_SEPARATOR = re.compile(r"^---\s*$", re.MULTILINE)
_TEXTS = (".txt", ".md", ".j2")
_VALUES = (".json", ".yaml", ".yml")
_CODE = (".js", ".cjs", ".mjs", ".ts", ".py", ".rb", ".go", ".sh", ".exe")
_LIKE_A_FILE = re.compile(r"^(file://)?[\w./\\-]+\.(txt|md|j2|json|jsonl|yaml|yml|csv|js|cjs|mjs|ts|py)(:\w+)?$")


class Prompt(NamedTuple):
    """A prompt: a template, or messages whose texts are templates."""

    label: str
    template: Any


def prompts_of(given: object, folder: Path, intake: Intake, path: Path) -> Iterator[Prompt]:
    """The prompts of a configuration; those that are code are refused."""
    listed = list(given) if isinstance(given, list) else [given] if given is not None else ["{{prompt}}"]
    if isinstance(given, Mapping):
        listed = [{"raw": key, "label": label} for key, label in given.items()]
    number = 0
    for place, one in enumerate(listed, start=1):
        with intake.place(path, f"prompt {place}"):
            for label, template in _templates(one, folder):
                number += 1
                yield Prompt(_plain(label) or str(number), template)


def _templates(one: object, folder: Path) -> Iterator[tuple[str, Any]]:
    if isinstance(one, Mapping):
        label = str(one.get("label") or "")
        raw = one.get("raw", one.get("id"))
        if "function" in one or raw is None:
            raise SuiteError("the prompt is code, which is not run here; write out what it gives as a text")
        for inner, template in _templates(raw, folder):
            yield label or inner, template
    elif isinstance(one, str) and _LIKE_A_FILE.match(one.strip()):
        yield from _of_file(one.strip(), folder)
    elif isinstance(one, str):
        yield "", _conversation(one)
    else:
        raise SuiteError(f"a prompt is a text or a file, not {type(one).__name__}")


def _of_file(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    suffix = Path(name.rpartition(":")[0] if re.search(r"\.\w+:\w+$", name) else name).suffix.lower()
    if suffix in _CODE:
        raise SuiteError(f"the prompt {name!r} is code, which is not run here; write out what it gives as a text")
    file = inside(folder, name)
    if suffix in _VALUES:
        value = yaml_value(file, core=True)
        yield file.stem, value if are_messages(value) else text(file)
    elif suffix == ".csv":
        for row in csv.DictReader(text(file).splitlines()):
            yield row.get("label") or "", _conversation(row.get("prompt") or next(iter(row.values()), ""))
    elif suffix in _TEXTS:
        for part in _SEPARATOR.split(text(file)):
            if part.strip():
                yield "", _conversation(part.strip())
    else:
        raise SuiteError(f"the prompt {name!r} is in a file of a form that is not read here")


def _conversation(template: str) -> Any:
    """Messages, where the text is JSON of such; the text otherwise."""
    if not template.lstrip().startswith("["):
        return template
    try:
        value = json.loads(template)
    except ValueError:
        return template
    return value if are_messages(value) else template


def filled(prompt: Prompt, test: Case) -> Any:
    """What a model is shown: the prompt with a test's variables.

    Raises:
        SuiteError: the template is more than plain variables, or one of them has no value.
    """
    values = _settled(test.vars)
    shown = _filled(prompt.template, values)
    if isinstance(shown, str):
        shown = _conversation(f"{test.prefix}{shown}{test.suffix}")
    return shown


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        return rendered(template, values, text_of)
    if isinstance(template, list):
        return [_filled(one, values) for one in template]
    return {key: _filled(one, values) for key, one in template.items()} if isinstance(template, dict) else template


def _settled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Variables whose texts name others are filled in once, as promptfoo does."""
    return {
        key: rendered(value, values, text_of) if isinstance(value, str) and has_marks(value) else value
        for key, value in values.items()
    }


def text_of(value: Any) -> str:
    """A variable as text, as JavaScript writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _plain(label: str) -> str:
    return re.sub(r"[^\w-]+", "-", label).strip("-")[:40]
