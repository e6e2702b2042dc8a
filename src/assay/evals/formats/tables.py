"""Tables with a question a row: CSV, TSV, JSONL, JSON, Parquet. Columns are named by a person, or guessed aloud."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from assay.errors import SuiteError, did_you_mean
from assay.evals.formats.intake import PARTS, Intake, Item
from assay.evals.formats.outgoing import Outgoing, Parcel
from assay.evals.formats.rows import rows_of
from assay.evals.formats.shapes import list_of
from assay.evals.formats.turns import are_messages
from assay.evals.suites.samples import GraderSpec
from assay.evals.suites.writing import replaced
from assay.types import JsonObject

__all__ = ["read", "write"]

_GUESSES = {
    "input": ("input", "messages", "question", "prompt", "query", "instruction", "problem", "text"),
    "target": (
        "target", "answer", "ideal", "expected", "expected_output", "expected_answer", "reference", "ground_truth",
        "gold", "output", "completion", "label",
    ),
    "id": ("id", "sample_id", "uid", "uuid", "qid"),
    "kind": ("kind",),
    "group": ("group", "group_id"),
}  # fmt: skip
_OURS = ("graders", "split", "follow_ups", "synthetic", "origin", "meta", "privacy")
"""Columns that only an export of ours has; `privacy` is the label, for a column `label` is often the right answer."""

_NORMALISED = ({"check": "normalised"},)


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every row of every file.

    Raises:
        SuiteError: a file cannot be read, or has no column that could be asked.
    """
    for path in paths:
        table: _Table | None = None
        for row in rows_of(path, intake.reading.encoding):
            if row.wrong is not None:
                intake.refused.refuse(f"{path.name}, {row.place}", row.wrong)
                continue
            table = table or _Table(path, list(row.values), intake)
            with intake.place(path, row.place):
                intake.take(table.kind(row.values), path, row.place, table.item(row.values))


class _Table:
    """The columns of one file: what each is taken for.

    Args:
        path: the file.
        names: of its columns.
        intake: hears of every guess.
    """

    def __init__(self, path: Path, names: list[str], intake: Intake) -> None:
        self._kind = intake.reading.kind or path.stem
        self._ours = _OURS if "graders" in names else ()
        self._cells = path.suffix.lower() in (".csv", ".tsv")
        self._columns = _columns(path, names, intake)
        self._usual: tuple[GraderSpec, ...] = intake.reading.graders
        if not self._usual and not self._ours:
            self._usual = _NORMALISED
            intake.note("graded by `normalised`: equality but for case and punctuation; --grader names another check")

    def kind(self, values: Mapping[str, Any]) -> str:
        """Of a row."""
        return str(self._part("kind", values) or self._kind)

    def item(self, values: Mapping[str, Any]) -> Item:
        """A row; what is in no column that is known goes into `meta`."""
        known = {*self._columns.values(), *self._ours}
        rest = {name: value for name, value in values.items() if name not in known and _filled(value) is not None}
        ours = {name: self._value(values[name]) for name in self._ours if _filled(values.get(name)) is not None}
        shown = values.get(self._columns["input"])
        if are_messages(messages := self._value(shown)):
            shown = messages
        target = self._part("target", values)
        if self._ours:
            target = self._value(target)
        elif target is None and are_messages(shown) and shown[-1]["role"] == "assistant":
            shown, target = shown[:-1], shown[-1].get("content")
        if "privacy" in ours:
            ours["label"] = ours.pop("privacy")
        graders = tuple(list_of(ours.pop("graders", None), "graders"))
        return Item(
            str(shown) if isinstance(shown, int | float) else shown,
            target=target,
            graders=graders or self._usual,
            id=_text(self._part("id", values)),
            group=_text(self._part("group", values)),
            meta=rest,
            more=ours,
        )

    def _value(self, value: Any) -> Any:
        """What a cell holds as JSON; a file of JSON has its values already."""
        return _decoded(value) if self._cells else value

    def _part(self, part: str, values: Mapping[str, Any]) -> Any:
        return _filled(values.get(self._columns[part])) if part in self._columns else None


def _columns(path: Path, names: list[str], intake: Intake) -> dict[str, str]:
    """Part of a sample -> column: what a person named, else the first name that is usual."""
    wanted = dict(intake.reading.columns)
    for part, name in wanted.items():
        if name not in names:
            raise SuiteError(f"{path} has no column {name!r} for its {part}; {did_you_mean(name, names)}")
    folded = {name.casefold(): name for name in reversed(names)}
    for part in PARTS:
        free = (folded[one] for one in _GUESSES[part] if one in folded and folded[one] not in wanted.values())
        guess = next(free, None)
        if part in wanted or guess is None:
            continue
        wanted[part] = guess
        if guess != part:
            option = "kind-from" if part == "kind" else part
            intake.note(f"{path.name}: the column {guess!r} is taken for the {part}; --{option} names another")
    if "input" not in wanted:
        raise SuiteError(f"{path}: no column is what is asked; name it with --input, one of {', '.join(names)}")
    return wanted


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _filled(value: Any) -> Any:
    """A value, or None for an empty cell."""
    return None if isinstance(value, str) and not value.strip() else value


def _decoded(value: Any) -> Any:
    """What an export of ours put into a cell as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


# ---------------------------------------------------------------------------------------------- writing


def write(outgoing: Outgoing, out: Path) -> None:
    """Write all kinds into one file, CSV, TSV or JSONL by its ending.

    Raises:
        SuiteError: another ending, or it cannot be written.
    """
    lines = (_line(parcel, outgoing) for kind in outgoing.kinds for parcel in outgoing.parcels(kind, follow_ups=True))
    match out.suffix.lower():
        case ".jsonl" | ".ndjson":
            _write_json(out, lines)
        case ".csv" | ".tsv":
            _write_cells(out, lines, "," if out.suffix.lower() == ".csv" else "\t")
        case _:
            raise SuiteError(f"{out}: a table is written as .csv, .tsv or .jsonl")


def _line(parcel: Parcel, outgoing: Outgoing) -> JsonObject:
    entry: JsonObject = msgspec.to_builtins(parcel.entry)
    for name in ("context_files", "messages", "input", "graders"):
        entry.pop(name, None)
    if "label" in entry:
        entry["privacy"] = entry.pop("label")
    outgoing.written()
    first = {"id": entry["id"], "kind": parcel.kind, "input": parcel.shown, "graders": list(parcel.graders)}
    return {**first, **{key: value for key, value in entry.items() if key != "id"}}


def _write_json(out: Path, lines: Iterable[JsonObject]) -> None:
    with replaced(out) as file:
        for line in lines:
            file.write(msgspec.json.encode({key: value for key, value in line.items() if value is not None}) + b"\n")


def _write_cells(out: Path, lines: Iterable[JsonObject], delimiter: str) -> None:
    """Texts as they are, everything else as JSON."""
    columns = ("id", "kind", "input", "target", "group", *_OURS)
    with replaced(out) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, columns, delimiter=delimiter)
        writer.writeheader()
        for line in lines:
            writer.writerow({key: _cell(value) for key, value in line.items()})
        text.detach()


def _cell(value: Any) -> str:
    if isinstance(value, str) and isinstance(_decoded(value), str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)  # a text that looks like JSON is quoted
