"""Logs of Inspect (`.eval` and `.json`): the samples that were asked, with the scorers that graded them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.errors import SuiteError
from assay.evals.formats import rubrics
from assay.evals.formats.inspect_dataset import item
from assay.evals.formats.intake import Intake
from assay.evals.formats.shapes import list_of
from assay.evals.formats.sources import json_value
from assay.evals.suites.samples import GraderSpec
from assay.types import JsonObject

__all__ = ["read"]

_LARGEST_BYTES = 200_000_000
_AT = {"begin": "start", "end": "end", "any": "anywhere"}
_ANSWERS = {"word": r"(?i)ANSWER\s*:\s*(\w+)", "line": r"(?i)ANSWER\s*:\s*([^\n]+)"}


def read(paths: Sequence[Path], intake: Intake) -> None:
    """Take every sample of every log, each once however often it was asked.

    Raises:
        SuiteError: a file is no log that can be read.
    """
    for path in paths:
        header, samples = _opened(path)
        task = _table(header.get("eval"))
        kind = intake.reading.kind or str(task.get("task") or path.stem).rpartition("/")[2]
        graders, lost = _graders(header, intake)
        for place, sample in samples:
            if sample.get("epoch", 1) != 1:
                intake.note("samples that were asked several times are taken once; see `repeats` of a kind")
                continue
            with intake.place(path, place):
                intake.take(kind, path, place, item(sample, graders, lost))


def _table(value: Any) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _opened(path: Path) -> tuple[JsonObject, Iterator[tuple[str, JsonObject]]]:
    if not zipfile.is_zipfile(path):
        whole = json_value(path)
        if not isinstance(whole, dict) or "samples" not in whole:
            raise SuiteError(f"{path} holds no samples; is it a log of Inspect?")
        return whole, (
            (f"sample {one.get('id')}", one) for one in list_of(whole["samples"], "samples") if isinstance(one, dict)
        )
    names = zipfile.ZipFile(path).namelist()
    header = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
    if header is None:
        raise SuiteError(f"{path} has no header.json; is it a log of Inspect?")
    members = (name for name in names if name.startswith("samples/") and name.endswith(".json"))
    return _member(path, header), ((name.removeprefix("samples/"), _member(path, name)) for name in members)


def _member(path: Path, name: str) -> JsonObject:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > _LARGEST_BYTES:
                raise SuiteError(f"{path}: {name} has more than {_LARGEST_BYTES:,} bytes")
            return _table(json.loads(archive.read(name)))
    except NotImplementedError as error:
        raise SuiteError(
            f"{path} is compressed by Zstandard; `inspect log convert --to json` makes one to read"
        ) from error
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise SuiteError(f"{path}: {name} cannot be read: {error}") from error


def _graders(header: Mapping[str, Any], intake: Intake) -> tuple[tuple[GraderSpec, ...], tuple[str, ...]]:
    """`(graders, what is lost)` of the scorers that a log names."""
    graders: list[GraderSpec] = []
    lost: list[str] = []
    for name, options in _scorers(header):
        try:
            spec = _grader(name, options, intake.reading.judge)
        except SuiteError as error:
            lost.append(str(error))
            continue
        if spec not in graders:
            graders.append(spec)
    if lost and intake.reading.graders:
        intake.note(f"graded by what --grader names, too, since {lost[0]}")
        return (*graders, *intake.reading.graders), ()
    return tuple(graders), tuple(lost)


def _scorers(header: Mapping[str, Any]) -> Iterator[tuple[str, JsonObject]]:
    """`(name, options)`: of the results, else of the task where there are none."""
    scores = [_table(one) for one in list_of(_table(header.get("results")).get("scores"), "scores")]
    named = [(str(one.get("scorer") or one.get("name")), _table(one.get("params"))) for one in scores]
    if not named:
        scorers = list_of(_table(header.get("eval")).get("scorers"), "scorers")
        named = [(str(one.get("name")), _table(one.get("options"))) for one in scorers if isinstance(one, dict)]
    return ((name.rpartition("/")[2], options) for name, options in named)


def _grader(name: str, options: JsonObject, judge: str) -> GraderSpec:
    case = options.get("ignore_case", True)
    match name:
        case "includes":
            return {"check": "contains", **({"ignore": "case"} if case else {})}
        case "match" if options.get("numeric") and options.get("location", "end") == "end":
            return {"check": "numeric", "take": "last", "rel_tol": 1e-5}
        case "match" if not options.get("numeric") and options.get("location", "end") in _AT:
            at = {"at": _AT[options.get("location", "end")], "trim": "punctuation"}
            return {"check": "contains", **at, **({"ignore": "case"} if case else {})}
        case "exact":
            return {"check": "normalised", "articles": True}
        case "choice":
            return {"check": "choice"}
        case "answer" if options.get("pattern") == "letter":
            return {"check": "choice"}
        case "answer" if options.get("pattern") in _ANSWERS:
            return {"check": "normalised", "extract": _ANSWERS[options["pattern"]]}
        case "pattern" if isinstance(options.get("pattern"), str) and not options.get("match_all"):
            extract = f"(?i){options['pattern']}" if case else options["pattern"]
            return {"check": "normalised", "extract": extract, "case": bool(case), "punctuation": False}
        case "model_graded_fact":
            return rubrics.judged(judge, rubrics.FACTS, with_target=True)
        case "model_graded_qa":
            return rubrics.judged(judge, rubrics.RIGHT, with_target=True)
    raise SuiteError(f"its scorer {name!r} has no grader here; name one with --grader")
