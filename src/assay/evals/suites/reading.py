"""Reading a suite's samples: every line is checked once, and only where it is stays in memory."""

from __future__ import annotations

import hashlib
from array import array
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from assay.errors import SuiteError
from assay.evals.suites.grader_files import with_files
from assay.evals.suites.index import Index, Samples
from assay.evals.suites.lines import LinesFile
from assay.evals.suites.regular import regular
from assay.evals.suites.sample import Sample
from assay.evals.suites.samples import (
    GraderSpec,
    SampleLine,
    follow_ups,
    media_files,
    messages,
    read_document,
    read_line,
    read_tools,
)
from assay.evals.suites.suite_table import KindTable
from assay.types import Label, Message, Tool

__all__ = ["SuiteReader"]

_KEPT = 256
"""Samples that stay decoded, the last ones that were looked at."""


class _Kind(NamedTuple):
    """What the samples of one file have in common."""

    name: str
    path: str
    file: LinesFile
    graders: tuple[GraderSpec, ...]
    tools: tuple[Tool, ...]
    label: Label


class SuiteReader:
    """Reads the samples of one suite.

    Args:
        folder: of the suite.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = Index(lru_cache(_KEPT)(self._sample))
        self._kinds: list[_Kind] = []
        self._kind = array("H")  # by place
        self._line = array("I")
        self._offset = array("Q")
        self._files: dict[Path, bytes | None] = {}  # all, apart from the TOML, that decide a score; their digests

    def finish(self) -> Samples:
        """All that have been read. Nothing more can be: the files are closed with the last sequence of samples."""
        samples = Samples(self._index, range(len(self._line)))
        del self._index  # which holds this reader; without a cycle they go at once
        return samples

    def read(self, name: str, table: KindTable) -> None:
        """Check and index the samples of one kind.

        Raises:
            SuiteError: a line or a file that it names cannot be used.
        """
        path = self._folder / table.samples
        try:
            file = LinesFile(path)
        except OSError as error:
            raise SuiteError(f"{path}: cannot read the samples of kind {name!r}: {error.strerror}") from error
        graders, tools = self._resolve(table.graders), self._tools(table.tools_file)
        self._kinds.append(_Kind(name, str(path), file, graders, tools, table.label))
        before = len(self._line)
        for number, offset, data in file.scan():
            where = f"{path}, line {number}"
            entry = read_line(data, where)
            if not _is_plain(entry):
                self._check(entry, where)
            known = self._index.add(
                entry.id,
                name,
                entry.split,
                own_graders=entry.graders is not None,
                group=entry.group,
                synthetic=entry.synthetic,
            )
            if known is not None:
                raise SuiteError(f"{where}: id {entry.id!r} was used already, in {self._where(known)}")
            self._kind.append(len(self._kinds) - 1)
            self._line.append(number)
            self._offset.append(offset)
        self._files[path] = file.digest
        if len(self._line) == before:
            raise SuiteError(f"{path}: no samples for kind {name!r}")

    def digest(self, toml: bytes) -> str:
        """sha256 (hex) of everything that decides a score.

        Raises:
            SuiteError: a file that a sample or a grader names cannot be read.
        """
        whole = hashlib.sha256(toml)
        for path in sorted(self._files):
            whole.update(path.name.encode() + b"\0" + (self._files[path] or _file_digest(path)))
        return whole.hexdigest()

    def _check(self, entry: SampleLine, where: str) -> None:
        if entry.graders is not None:
            self._resolve(entry.graders)
        self._note(*(self._folder / name for name in (*entry.context_files, *media_files(entry))))
        self._messages(entry, where)
        if entry.follow_ups:
            follow_ups(entry, where, self._folder)

    def _sample(self, place: int) -> Sample:
        kind = self._kinds[self._kind[place]]
        where = self._where(place)
        entry = read_line(kind.file.at(self._offset[place]), where)
        return Sample(
            id=entry.id,
            kind=kind.name,
            messages=self._messages(entry, where),
            target=entry.target,
            graders=self._resolve(entry.graders) if entry.graders is not None else kind.graders,
            split=entry.split,
            label=entry.label if entry.label is not None else kind.label,
            tools=kind.tools,
            follow_ups=follow_ups(entry, where, self._folder),
            group=entry.group,
            synthetic=entry.synthetic,
            origin=entry.origin,
            meta=entry.meta,
            where=where,
        )

    def _where(self, place: int) -> str:
        return f"{self._kinds[self._kind[place]].path}, line {self._line[place]}"

    def _messages(self, entry: SampleLine, where: str) -> tuple[Message, ...]:
        documents = [read_document(self._folder / name, where) for name in entry.context_files]
        return messages(entry, documents, where, self._folder)

    def _tools(self, name: str | None) -> tuple[Tool, ...]:
        if name is None:
            return ()
        self._note(self._folder / name)
        return read_tools(self._folder / name)

    def _note(self, *paths: Path) -> None:
        for path in paths:
            self._files.setdefault(path, None)

    def _resolve(self, graders: tuple[GraderSpec, ...]) -> tuple[GraderSpec, ...]:
        """Graders, and those within them, with the files that they name made absolute."""
        return tuple(with_files(spec, self._absolute) for spec in graders)

    def _absolute(self, name: str) -> str:
        path = (self._folder / name).resolve()
        self._note(path)
        return str(path)


def _is_plain(entry: SampleLine) -> bool:
    """Whether it is one text that is asked, in which nothing else can be wrong."""
    plain = isinstance(entry.input, str) and entry.graders is None
    return plain and not entry.context_files and not entry.follow_ups


def _file_digest(path: Path) -> bytes:
    try:
        with regular(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise SuiteError(f"cannot read {path}, which a grader names: {error.strerror}") from error
