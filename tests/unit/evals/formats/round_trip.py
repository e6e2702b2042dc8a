"""A file of another tool into a suite, out again, and in again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from assay.evals.formats.intake import Intake, Reading
from assay.evals.formats.outgoing import Outgoing
from assay.evals.formats.registry import FORMATS
from assay.evals.formats.tally import Told
from assay.evals.graders.grading import check_graders, grade
from assay.evals.suites.suite import read_suite
from assay.evals.suites.suite_files import read_raw_lines, read_suite_files
from assay.evals.suites.writing import write_suite
from assay.types import Response, Text


class Imported(NamedTuple):
    """What came of an import: its samples by id, with their kind and graders written out."""

    folder: Path
    samples: dict[str, dict[str, Any]]
    refused: list[Told]
    notes: list[str]

    @property
    def reasons(self) -> str:
        """All refusals, as a person reads them."""
        return "\n".join(f"{one.times}: {one.why} ({'; '.join(one.first)})" for one in self.refused)

    def only(self) -> dict[str, Any]:
        """The one sample."""
        (sample,) = self.samples.values()
        return sample


def imported(form: str, paths: Path | Sequence[Path], folder: Path, **reading: Any) -> Imported:
    """Import files; the suite is read and its graders are made, as before a run."""
    with Intake(form, Reading(**reading)) as intake:
        FORMATS[form].read([paths] if isinstance(paths, Path) else list(paths), intake)
        kinds = intake.kinds()
        if kinds:
            write_suite(folder, name="suite", version="1", kinds=kinds)
            check_graders(read_suite(folder).samples)
        return Imported(folder, lines_of(folder) if kinds else {}, intake.refused.told, intake.notes)


def lines_of(folder: Path) -> dict[str, dict[str, Any]]:
    """The samples of a suite as they stand in its files."""
    files = read_suite_files(folder)
    found = {}
    for name, table in files.table.kinds.items():
        for line in read_raw_lines(files.samples(name)):
            sample = {"kind": name, "graders": list(table.graders), **msgspec.json.decode(line.data)}
            found[sample["id"]] = sample
    return found


def exported(form: str, folder: Path, out: Path) -> Outgoing:
    """Write a suite as a file of a format."""
    outgoing = Outgoing(folder)
    FORMATS[form].write(outgoing, out)
    return outgoing


def files_in(out: Path) -> list[Path]:
    """What an export wrote that an import starts from."""
    return sorted(path for path in out.rglob("*.yaml")) if out.is_dir() else [out]


def comes_back(form: str, first: Imported, tmp_path: Path, name: str) -> Imported:
    """Export what was imported, import it again, and see that nothing is another."""
    exported(form, first.folder, tmp_path / name)
    second = imported(form, files_in(tmp_path / name), tmp_path / f"{name}.again")
    assert second.samples == first.samples
    assert not second.refused
    return second


def passes(folder: Path, identity: str, answer: str) -> bool | None:
    """Whether an answer of one text to a sample passes."""
    sample = next(one for one in read_suite(folder).samples if one.id == identity)
    value = asyncio.run(grade(sample, Response(parts=(Text(text=answer),)))).value
    return None if value is None else value >= 1
