"""The files of a suite as they stand: its table, where each kind's samples are, and their lines, bytes as written."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from assay.config.table import read_table
from assay.errors import ConfigError, SuiteError, did_you_mean
from assay.evals.suites.suite_table import SuiteTable

__all__ = ["DRAFTS", "RawLine", "SuiteFiles", "read_raw_lines", "read_suite_files"]

DRAFTS = "drafts"
"""The folder beside a `suite.toml` in which drafts wait for a person."""


class _Id(msgspec.Struct, frozen=True):
    id: str


class RawLine(NamedTuple):
    """One line of a JSONL file with its end. `id` is None for a line that is empty."""

    id: str | None
    data: bytes


class SuiteFiles(NamedTuple):
    """A folder with a `suite.toml`, of which nothing but the table was read. `toml` is that file as it stands."""

    folder: Path
    table: SuiteTable
    toml: bytes

    @property
    def file(self) -> Path:
        """`suite.toml`."""
        return self.folder / "suite.toml"

    def samples(self, kind: str) -> Path:
        """The JSONL file of a kind.

        Raises:
            SuiteError: there is no such kind.
        """
        if kind not in self.table.kinds:
            known = did_you_mean(kind, self.table.kinds)
            raise SuiteError(f"suite {self.table.name!r} has no kind {kind!r}; {known}")
        return self.folder / self.table.kinds[kind].samples


def read_suite_files(folder: Path | str) -> SuiteFiles:
    """The table of a suite.

    Raises:
        SuiteError: `suite.toml` is missing or wrong; the message names the key.
    """
    place = Path(folder).resolve()
    file = place / "suite.toml" if place.is_dir() else place
    try:
        data = file.read_bytes()
        table = read_table(tomllib.loads(data.decode("utf-8-sig")), SuiteTable)
    except OSError as error:
        raise SuiteError(_drafts_only(place) or f"cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ConfigError) as error:
        raise SuiteError(f"{file}: {error}") from error
    return SuiteFiles(file.parent, table, data)


def _drafts_only(place: Path) -> str | None:
    """What to do with a folder in which there are drafts and no suite; None = there are none."""
    suite = place.parent if place.name == DRAFTS else place
    if not any((suite / DRAFTS).glob("*.json")):
        return None
    if (suite / "suite.toml").exists():
        return f"{place} holds the drafts of a suite; the suite is {suite}, and `assay suite review {suite}` fills it"
    return f"{place} holds drafts, and no suite yet: it is made of those that `assay suite review {suite}` approves"


def read_raw_lines(file: Path) -> Iterator[RawLine]:
    """The lines of a JSONL file, one at a time.

    Raises:
        SuiteError: the file cannot be read, or a line has no id.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield RawLine(_id(line, f"{file}, line {number}") if line.strip() else None, line)
    except OSError as error:
        raise SuiteError(f"cannot read {file}: {error.strerror}") from error


def _id(line: bytes, where: str) -> str:
    try:
        return msgspec.json.decode(line, type=_Id).id
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SuiteError(f"{where}: {error}") from error
