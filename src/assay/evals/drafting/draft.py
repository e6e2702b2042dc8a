"""Drafts of samples, and the file that keeps them until a person has decided: `drafts/KIND.json` beside the suite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

from assay.errors import SuiteError
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.suite import Split
from assay.evals.suites.suite_files import DRAFTS, read_suite_files
from assay.evals.suites.writing import NewKind, add_kind, append_samples, replaced, write_suite
from assay.types import JsonObject

__all__ = ["Draft", "Drafts", "all_drafts", "draft_path", "read_drafts"]

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
State = Literal["pending", "approved", "rejected"]


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sample that a model wrote.

    Attributes:
        line: as it would stand in the suite: marked as synthetic, with where it is from.
        manner: what kind of case it was to be.
        why: what it tests, in the model's words.
        problems: what checks found wrong with it; a person may approve it all the same.
        state: what a person decided.
    """

    line: SampleLine
    manner: str = "plain"
    why: str = ""
    problems: tuple[str, ...] = ()
    state: State = "pending"


class Drafts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The drafts of one kind.

    Attributes:
        kind: its name.
        about: what the work is.
        form: what a right answer looks like.
        table: the kind's table in `suite.toml`, for a suite that has no such kind yet.
        drafts: in the order in which they were written.
    """

    kind: str
    about: str = ""
    form: str = ""
    table: JsonObject = {}
    drafts: list[Draft] = []

    def waiting(self) -> Iterator[Draft]:
        """Those that nobody has decided on, those without problems first."""
        yield from sorted((one for one in self.drafts if one.state == "pending"), key=lambda one: bool(one.problems))

    def find(self, draft_id: str) -> Draft:
        """The draft with this id.

        Raises:
            SuiteError: there is none.
        """
        for one in self.drafts:
            if one.line.id == draft_id:
                return one
        raise SuiteError(f"kind {self.kind!r} has no draft {draft_id!r}; `assay suite review FOLDER --list` shows them")

    def decide(self, draft_id: str, state: State, change: Callable[[SampleLine], SampleLine] | None = None) -> Draft:
        """Note what a person decided of a draft, and how they changed it."""
        found = self.find(draft_id)
        line = change(found.line) if change is not None else found.line
        decided = msgspec.structs.replace(found, state=state, line=line)
        self.drafts[self.drafts.index(found)] = decided
        return decided


def draft_path(folder: Path, kind: str) -> Path:
    """Where the drafts of a kind are kept; a name that no file may have is told from others by a digest."""
    fit = _UNFIT.sub("-", kind).strip(".-")
    name = fit if fit == kind else f"{fit[:60]}-{sha256(kind.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return folder / DRAFTS / f"{name}.json"


def all_drafts(folder: Path) -> list[Drafts]:
    """The drafts of every kind, by the names of their files."""
    return [_read(file) for file in sorted((folder / DRAFTS).glob("*.json"))]


def read_drafts(folder: Path, kind: str) -> Drafts | None:
    """The drafts of a kind; None where there are none.

    Raises:
        SuiteError: the file cannot be read.
    """
    file = draft_path(folder, kind)
    return _read(file) if file.exists() else None


def _read(file: Path) -> Drafts:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Drafts)
    except (OSError, msgspec.DecodeError) as error:
        raise SuiteError(f"cannot read the drafts in {file}: {error}; repair the file, or move it away") from error


def save(folder: Path, drafts: Drafts) -> None:
    """Write the drafts of a kind: all of them, or the file stays as it was.

    Raises:
        SuiteError: it cannot be written.
    """
    file = draft_path(folder, drafts.kind)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SuiteError(f"cannot write {file}: {error.strerror}") from error
    with replaced(file) as new:
        new.write(msgspec.json.format(msgspec.json.encode(drafts), indent=2))


def put_in(folder: Path, drafts: Drafts, draft: Draft, *, name: str, split: Split | None = None) -> None:
    """Put an approved draft into the suite, which is made with its first one.

    Raises:
        SuiteError: the suite cannot be written, or has a sample of this id.
    """
    line = draft.line if split is None else msgspec.structs.replace(draft.line, split=split)
    if not (folder / "suite.toml").exists():
        kinds = [NewKind(drafts.kind, [line], drafts.table)]
        write_suite(folder, name=name, version="1", kinds=kinds, overwrite=True)
        return
    if drafts.kind not in read_suite_files(folder).table.kinds:
        add_kind(folder, NewKind(drafts.kind, [line], drafts.table))
        return
    append_samples(folder, drafts.kind, [line])
