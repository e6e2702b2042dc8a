"""A harvest written as a suite; what lacks a target or a grader waits beside it for a person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.errors import SuiteError
from assay.evals.drafting.draft import Draft, Drafts, save
from assay.evals.suites.samples import GraderSpec, SampleLine
from assay.evals.suites.writing import NewKind, check_free, write_suite
from assay.evals.traffic.candidate import Candidate
from assay.evals.traffic.harvest import Gathered, Harvest
from assay.evals.traffic.targets import Shape, graders_for
from assay.types import JsonObject

__all__ = ["Written", "write_harvest"]

JUDGE = "judge"
"""The deployment that judges what waits, until somebody names another."""
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_WHY = {
    "answered": "nobody has said that this answer is right",
    "rejected": "the answer was rejected (meta.rejected), and nobody has said what is right",
    "edited": "the answer was changed (meta.before), and nobody has said to what",
}


class Written(NamedTuple):
    """What became of one kind: how many samples stand in the suite, and how many wait for a person."""

    samples: int
    waiting: int
    graders: tuple[GraderSpec, ...]
    targets: dict[str, int]


def write_harvest(folder: Path, harvest: Harvest, *, name: str, judge: str | None = None) -> dict[str, Written]:
    """Write a suite, and drafts beside it; tells what became of each kind.

    Args:
        folder: absent or empty.
        harvest: what was gathered.
        name: the suite's.
        judge: deployment or route that judges what no check can; without one, such samples wait.

    Raises:
        SuiteError: nothing was gathered, or it cannot be written.
    """
    check_free(folder)
    sorted_ = [_Sorted(one, judge, number) for number, one in enumerate(harvest.kinds) if one.candidates]
    if not sorted_:
        raise SuiteError("no request could be made into a sample; see what was left out, or look further back")
    files = {path: data for one in sorted_ for path, data in one.files()}
    kinds = [NewKind(one.name, one.lines, one.table) for one in sorted_ if one.lines]
    if kinds:
        write_suite(folder, name=name, version="1", description=_description(harvest), kinds=kinds, files=files)
    else:
        _write_files(folder, files)
    for one in sorted_:
        if one.drafts:
            save(folder, Drafts(kind=one.name, about=one.description, table=one.table, drafts=one.drafts))
    return {
        one.name: Written(len(one.lines), len(one.drafts), tuple(one.table["graders"]), one.targets) for one in sorted_
    }


class _Sorted:
    """The samples of one kind, by whether they can be graded.

    Attributes:
        lines: those of the suite.
        drafts: those that wait.
        table: of the kind.
    """

    def __init__(self, gathered: Gathered, judge: str | None, number: int) -> None:
        self.name = gathered.kind
        fit = _UNFIT.sub("-", gathered.kind).strip(".-")
        self._file_name = fit if fit == gathered.kind else f"{fit}-{number}"
        self.description = _kind_description(gathered)
        self.lines: list[SampleLine] = []
        self.drafts: list[Draft] = []
        self.targets = dict(Counter(one.how for one in gathered.candidates))
        self._gathered = gathered
        self._judge = judge
        usual = self._usual()
        for one in gathered.candidates:
            self._put(one, usual)
        self.table = self._table(usual)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Tools and schema, by their places in the suite."""
        if self._gathered.tools:
            yield self._file("tools"), _pretty(self._gathered.tools)
        if self._gathered.schema is not None:
            yield self._file("schema"), _pretty(self._gathered.schema)

    def _file(self, what: str) -> str:
        return f"{self._file_name}.{what}.json"

    def _usual(self) -> list[GraderSpec]:
        """The graders of most samples that have some; those of the others stand with them."""
        found: Counter[bytes] = Counter()
        for one in self._gathered.candidates:
            graders = self._graders(one)
            if graders:
                found[msgspec.json.encode(graders, order="sorted")] += 1 + 10 * _told(one)
        if not found:
            return _judged(self._judge or JUDGE)
        return list(msgspec.json.decode(max(found, key=lambda graders: (found[graders], graders))))

    def _graders(self, one: Candidate) -> list[GraderSpec]:
        shape: Shape = one.shape
        with_target = one.line.target is not None and (_told(one) or self._judge is None)
        return graders_for(shape, self._judge, with_target=with_target, pair="worse" in one.line.meta)

    def _put(self, one: Candidate, usual: list[GraderSpec]) -> None:
        graders, line = self._graders(one), one.line
        if graders and graders != usual:
            line = msgspec.structs.replace(line, graders=tuple(graders))
        if _told(one) and graders and not one.doubt:
            self.lines.append(line)
        elif graders and self._judge is not None and not _told(one):
            self.lines.append(msgspec.structs.replace(line, target=None))
        else:
            problems: tuple[str, ...] = () if _told(one) else (_WHY[one.how],)
            problems += (one.doubt,) if one.doubt else ()
            if not graders and line.target is not None:
                judged = _judged(JUDGE)
                line = msgspec.structs.replace(line, graders=None if judged == usual else tuple(judged))
                problems += ("no check can compare a long text; name a judge: --judge NAME",)
            self.drafts.append(Draft(line=line, manner="real", problems=problems))

    def _table(self, usual: list[GraderSpec]) -> JsonObject:
        table: JsonObject = {"description": self.description, "graders": usual}
        if self._gathered.tools:
            table["tools_file"] = self._file("tools")
        if self._gathered.schema is not None:
            table["graders"] = [*usual, {"check": "schema", "schema_file": self._file("schema"), "fenced": True}]
        return table


def _judged(model: str) -> list[GraderSpec]:
    return [{"grader": "judge", "model": model, "rubric": "The answer is right and complete."}]


def _told(one: Candidate) -> bool:
    """Whether somebody has said what is right."""
    return one.line.target is not None and one.how in ("accepted", "edited", "preferred")


def _kind_description(gathered: Gathered) -> str:
    days = sorted(str(one.line.origin["at"])[:10] for one in gathered.candidates)
    return (
        f"Real requests, {len(gathered.candidates)} of {gathered.requests}, {days[0]} to {days[-1]}. Targets are "
        "answers that people accepted or corrected, no gold; graders are a suggestion made from what they look like."
    )


def _description(harvest: Harvest) -> str:
    requests = sum(one.requests for one in harvest.kinds)
    return f"Drawn from {requests} real requests; origin.weight of a sample is how many of them it stands for."


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _write_files(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        except OSError as error:
            raise SuiteError(f"cannot write {folder / path}: {error.strerror}") from error
