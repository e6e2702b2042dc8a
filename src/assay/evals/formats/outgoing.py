"""The samples of a suite on their way into another tool's file, and those that it has no place for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from assay.errors import SuiteError
from assay.evals.formats.tally import Tally, whole
from assay.evals.formats.turns import shown
from assay.evals.suites.samples import GraderSpec, SampleLine, read_line
from assay.evals.suites.suite_files import SuiteFiles, read_raw_lines, read_suite_files
from assay.evals.suites.suite_table import KindTable
from assay.types import JsonObject

__all__ = ["Outgoing", "Parcel", "folder_at"]


def folder_at(place: Path) -> Path:
    """A folder, which is there from now on.

    Raises:
        SuiteError: it cannot be made.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SuiteError(f"cannot write {place}, which is to be a folder: {error.strerror}") from error
    return place


class Parcel(NamedTuple):
    """One sample: what it shows, and how it is graded."""

    kind: str
    entry: SampleLine
    graders: tuple[GraderSpec, ...]
    shown: str | list[JsonObject]
    where: str

    @property
    def messages(self) -> list[JsonObject]:
        """What it shows, as messages."""
        return [{"role": "user", "content": self.shown}] if isinstance(self.shown, str) else self.shown


class Outgoing:
    """Gives samples one by one, and counts what was written.

    Args:
        folder: of the suite.
    """

    def __init__(self, folder: Path | str) -> None:
        self._files: SuiteFiles = read_suite_files(folder)
        self.refused = Tally()
        self.notes: list[str] = []
        self.count = 0

    @property
    def name(self) -> str:
        """The suite's."""
        return self._files.table.name

    @property
    def description(self) -> str:
        """The suite's."""
        return self._files.table.description

    @property
    def kinds(self) -> dict[str, KindTable]:
        """The tables of the kinds."""
        return self._files.table.kinds

    def note(self, text: str) -> None:
        """Something that must be known; once."""
        if whole(text) not in self.notes:
            self.notes.append(whole(text))

    def parcels(self, kind: str, *, follow_ups: bool = False) -> Iterator[Parcel]:
        """The samples of a kind that can be shown as text; the others are refused.

        Args:
            kind: which.
            follow_ups: the format has a place for a user's later turns.
        """
        table = self.kinds[kind]
        file = self._files.samples(kind)
        for number, line in enumerate(read_raw_lines(file), start=1):
            if line.id is None:
                continue
            where = f"{file}, line {number}"
            entry = read_line(line.data, where)
            try:
                yield self._parcel(kind, table, entry, where, follow_ups)
            except SuiteError as error:
                self.refused.refuse(self._at(kind, entry), str(error))

    def written(self) -> None:
        """One sample is in the file."""
        self.count += 1

    def refuse(self, parcel: Parcel, why: str) -> None:
        """The format has no place for a sample."""
        self.refused.refuse(self._at(parcel.kind, parcel.entry), why)

    def _parcel(self, kind: str, table: KindTable, entry: SampleLine, where: str, follow_ups: bool) -> Parcel:
        graders = entry.graders if entry.graders is not None else table.graders
        if table.tools_file is not None:
            raise SuiteError("its kind offers tools, which this format has no place for")
        if entry.follow_ups and not follow_ups:
            raise SuiteError("it has follow-ups of the user, which this format has no place for")
        for spec in graders:
            file = next((key for key in spec if key in ("database", "file", "files") or key.endswith("_file")), None)
            if file is not None:
                raise SuiteError(f"a grader names a file ({file}), and an export holds none of the suite's files")
        return Parcel(kind, entry, graders, shown(entry, self._files.folder, where), where)

    def _at(self, kind: str, entry: SampleLine) -> str:
        return f"{kind}, sample {entry.id}"
