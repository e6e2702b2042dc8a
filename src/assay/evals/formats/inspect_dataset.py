"""Datasets of Inspect: JSON, JSONL and CSV with `input`, `target`, `choices`, `id` and `metadata`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.errors import SuiteError, did_you_mean
from assay.evals.formats.carried import KEY
from assay.evals.formats.choices import with_choices
from assay.evals.formats.intake import Intake, Item
from assay.evals.formats.rows import rows_of
from assay.evals.formats.shapes import list_of
from assay.evals.formats.turns import are_messages
from assay.evals.suites.samples import GraderSpec
from assay.types import JsonObject

__all__ = ["item", "read"]

_NEEDS = ("sandbox", "files", "setup")
_KNOWN = ("choices", "metadata", *_NEEDS)
_INCLUDES: GraderSpec = {"check": "contains", "ignore": "case"}


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every record of every dataset.

    Raises:
        SuiteError: a file cannot be read, or has no column that was named.
    """
    for path in paths:
        columns = {"input": "input", "target": "target", "id": "id", **intake.reading.columns}
        for number, row in enumerate(rows_of(path, intake.reading.encoding)):
            if number == 0 and row.wrong is None:
                _check_columns(path, intake.reading.columns, row.values)
            with intake.place(path, row.place):
                if row.wrong is not None:
                    raise SuiteError(row.wrong)
                kind = str(row.values.get(columns.get("kind", ""), "") or intake.reading.kind or path.stem)
                intake.take(kind, path, row.place, _record(row.values, columns, intake))


def _check_columns(path: Path, wanted: Mapping[str, str], values: Mapping[str, Any]) -> None:
    for part, name in wanted.items():
        if name not in values:
            raise SuiteError(f"{path} has no field {name!r} for its {part}; {did_you_mean(name, values)}")


def _record(values: Mapping[str, Any], columns: Mapping[str, str], intake: Intake) -> Item:
    rest = {key: value for key, value in values.items() if key not in (*columns.values(), *_KNOWN) and value != ""}
    metadata = _object(values.get("metadata"))
    graders = intake.reading.graders
    if not graders and KEY not in metadata and not values.get("choices"):
        intake.note("a dataset of Inspect names no scorer: graded as by its includes(); --grader names another check")
        graders = (_INCLUDES,)
    group = values.get(columns.get("group", ""))
    return item(
        {
            **values,
            **{part: values.get(columns[part]) for part in ("input", "target", "id")},
            "metadata": {**rest, **metadata},
        },
        graders,
    )._replace(group=None if group is None else str(group))


def item(sample: Mapping[str, Any], graders: tuple[GraderSpec, ...], lost: tuple[str, ...] = ()) -> Item:
    """A sample of Inspect, with the graders that its scorers are.

    Raises:
        SuiteError: it cannot be asked.
    """
    metadata = dict(_object(sample.get("metadata")))
    kept = metadata.pop(KEY, None)
    choices = _choices(sample.get("choices"))
    shown, target = sample.get("input"), sample.get("target")
    if choices:
        shown, target = _with(shown, choices), _letter(target)
        graders = (
            {"check": "choice", "choices": choices},
            *(one for one in graders if one.get("check") not in ("choice", "contains")),
        )
    needs = next((name for name in _NEEDS if sample.get(name)), None)
    if needs is not None:
        lost = (f"it is a task for an agent in an environment of its own ({needs!r})", *lost)
    identity = sample.get("id")
    return Item(
        shown,
        target=None if target in ("", []) else target,
        graders=() if kept is not None and not choices else graders,
        lost=lost,
        id=None if identity in (None, "") else str(identity),
        meta=metadata,
        carried=kept,
    )


def _object(value: Any) -> JsonObject:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError as error:
            raise SuiteError(f"its metadata is no JSON: {error}") from error
    if value and not isinstance(value, dict):
        raise SuiteError(f"its metadata is no object but {type(value).__name__}")
    return dict(value or {})


def _choices(value: Any) -> list[str]:
    """A list, or texts between commas, else between spaces."""
    if isinstance(value, str):
        parts = value.split(",")
        value = parts if len(parts) > 1 else value.split()
    return [str(one).strip() for one in list_of(value, "choices") if str(one).strip()]


def _with(shown: Any, choices: list[str]) -> Any:
    if isinstance(shown, str):
        return with_choices(shown, choices)
    if not are_messages(shown) or not isinstance(shown[-1].get("content"), str):
        raise SuiteError("it has choices, and no last message of text that could show them")
    return [*shown[:-1], {**shown[-1], "content": with_choices(shown[-1]["content"], choices)}]


def _letter(target: Any) -> Any:
    if isinstance(target, list):
        if len(target) != 1:
            raise SuiteError(f"it has {len(target)} right choices; a grader for one is all there is")
        return target[0]
    return target
