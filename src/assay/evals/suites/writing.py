"""Writing a suite: `suite.toml` and one JSONL file per kind. A reader sees all of it or nothing."""

from __future__ import annotations

import re
import secrets
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import tomli_w

from assay.config.table import read_table
from assay.errors import ConfigError, SuiteError
from assay.evals.suites.samples import SampleLine
from assay.evals.suites.suite_files import SuiteFiles, read_raw_lines, read_suite_files
from assay.evals.suites.suite_table import SuiteTable
from assay.types import JsonObject
from assay.whole_file import exchanged

__all__ = [
    "NewKind", "add_kind", "append_samples", "check_free", "file_name", "replaced", "write_suite", "written_beside",
]  # fmt: skip

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class NewKind(NamedTuple):
    """A kind to be written.

    Attributes:
        name: as in `[kinds."NAME"]`.
        samples: at least one; may come from a generator, they are written one by one.
        table: the other keys of the kind's table: `graders`, `bar`, `gate`, `description`, ...
    """

    name: str
    samples: Iterable[SampleLine]
    table: JsonObject


def write_suite(
    folder: Path | str, *, name: str, version: str, kinds: Sequence[NewKind], description: str = "",
    overwrite: bool = False, files: Mapping[str, bytes] | None = None,
) -> Path:  # fmt: skip
    """Write a suite into a folder and give the folder back.

    Args:
        folder: must be absent or empty, unless `overwrite`.
        name: the suite's.
        version: the suite's.
        kinds: at least one.
        description: what the suite is.
        overwrite: exchange the files that would be written; others in the folder stay.
        files: further ones, by their place in the folder: documents, tools, images.

    Raises:
        SuiteError: the folder has content, an id is used twice, a kind has no samples or a wrong table, or the files
            cannot be written. Nothing is left behind then.
    """
    place = Path(folder).resolve()
    if not overwrite:
        check_free(place)
    tables = _tables(kinds)
    for path in files or {}:
        _check_inside(path)
    head: JsonObject = {"name": name, "version": version} | ({"description": description} if description else {})
    toml = tomli_w.dumps(checked_table(head | {"kinds": tables}))
    with written_beside(place) as beside:
        seen: set[str] = set()
        for kind in kinds:
            _write_lines(beside / tables[kind.name]["samples"], kind, seen)
        for path, data in (files or {}).items():
            target = beside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (beside / "suite.toml").write_text(toml, "utf-8")
    return place


def append_samples(folder: Path | str, kind: str, lines: Iterable[SampleLine]) -> Path:
    """Add samples to a kind of a suite and give the kind's file back; it grows by all of them or by none.

    Raises:
        SuiteError: there is no such kind, an id is in the suite already, or the file cannot be written.
    """
    files = read_suite_files(folder)
    file = files.samples(kind)
    seen = _ids(files)
    with replaced(file) as new:
        end = b""
        for line in read_raw_lines(file) if file.exists() else ():
            new.write(line.data)
            end = line.data[-1:]
        new.write(b"\n" if end not in (b"", b"\n") else b"")
        for entry in lines:
            new.write(encoded(entry, kind, seen))
    return file


def add_kind(folder: Path | str, kind: NewKind) -> Path:
    """Add a kind to a suite and give its file back. The table is put at the end of `suite.toml`, which stays as it is.

    Raises:
        SuiteError: there is such a kind, its file or table is wrong, or an id is in the suite already.
    """
    files = read_suite_files(folder)
    if kind.name in files.table.kinds:
        raise SuiteError(f"suite {files.table.name!r} has a kind {kind.name!r} already")
    table = _tables([kind])[kind.name]
    file, toml = files.folder / str(table["samples"]), files.folder / "suite.toml"
    if file.exists():
        raise SuiteError(f"{file} is there already; name another file with the key `samples` of the kind's table")
    text = toml.read_text("utf-8-sig").rstrip("\n") + "\n\n" + tomli_w.dumps({"kinds": {kind.name: table}})
    checked_table(tomllib.loads(text))
    seen = _ids(files)
    with replaced(file) as new:
        for entry in kind.samples:
            new.write(encoded(entry, kind.name, seen))
    with replaced(toml) as new:
        new.write(text.encode())
    return file


def checked_table(table: JsonObject) -> JsonObject:
    """The table of a `suite.toml`, if it is one.

    Raises:
        SuiteError: names the key that is wrong.
    """
    try:
        read = read_table(table, SuiteTable)
    except ConfigError as error:
        raise SuiteError(f"a suite cannot be written: {error}") from error
    if not read.kinds:
        raise SuiteError("a suite cannot be written: it has no kinds")
    return table


def file_name(name: str) -> str:
    """A name cut down to what every file system takes."""
    return _UNFIT.sub("-", name).strip(".-") or "kind"


def check_free(place: Path) -> None:
    """Make sure that a suite can be put at a place.

    Raises:
        SuiteError: something is there.
    """
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists():
        what = "is a folder with content" if place.is_dir() else "is a file"
        raise SuiteError(f"{place} {what}; a new suite needs a folder that is absent or empty")


# ------------------------------------------------------------------------------------------- lines


def encoded(entry: SampleLine, kind: str, seen: set[str]) -> bytes:
    """A sample as its line; `seen` grows by its id.

    Raises:
        SuiteError: the id is seen already, or the sample is none.
    """
    if entry.id in seen:
        raise SuiteError(f"kind {kind!r}: id {entry.id!r} is used twice; every sample of a suite has its own")
    if (entry.input is None) == (not entry.messages):
        raise SuiteError(f"kind {kind!r}: sample {entry.id!r} needs either input or messages")
    seen.add(entry.id)
    try:
        return msgspec.json.encode(entry) + b"\n"
    except (UnicodeEncodeError, TypeError) as error:
        raise SuiteError(f"kind {kind!r}: sample {entry.id!r} is no JSON: {error}") from error


def _write_lines(file: Path, kind: NewKind, seen: set[str]) -> None:
    before = len(seen)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as lines:
        lines.writelines(encoded(entry, kind.name, seen) for entry in kind.samples)
    if len(seen) == before:
        raise SuiteError(f"kind {kind.name!r} has no samples; a suite needs at least one in each kind")


def _ids(files: SuiteFiles) -> set[str]:
    """The ids of all samples; several kinds never share one."""
    paths = {files.samples(kind) for kind in files.table.kinds}
    return {line.id for path in paths if path.exists() for line in read_raw_lines(path) if line.id is not None}


def _tables(kinds: Sequence[NewKind]) -> dict[str, JsonObject]:
    """The table of each kind with the name of its file, which is the kind's where a file may be called so."""
    tables: dict[str, JsonObject] = {}
    taken: set[str] = set()
    for kind in kinds:
        if kind.name in tables:
            raise SuiteError(f"kind {kind.name!r} is there twice; give each kind a name of its own")
        wanted = str(kind.table.get("samples") or f"{file_name(kind.name)}.jsonl")
        file, number = wanted, 2
        while file.casefold() in taken:
            file, number = f"{wanted.removesuffix('.jsonl')}-{number}.jsonl", number + 1
        taken.add(file.casefold())
        _check_inside(file)
        tables[kind.name] = {"samples": file} | {key: value for key, value in kind.table.items() if key != "samples"}
    return tables


def _check_inside(path: str) -> None:
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise SuiteError(f"{path!r} would stand outside of the suite's folder; give a place within it")


# ------------------------------------------------------------------------------------------- files


@contextmanager
def replaced(file: Path) -> Iterator[BinaryIO]:
    """Write a file anew: it is exchanged in one step when the block has ended, and as it was if that failed.

    Raises:
        SuiteError: it cannot be written.
    """
    try:
        with exchanged(file) as beside, beside.open("wb") as new:
            yield new
    except OSError as error:
        raise SuiteError(f"cannot write {file}: {error.strerror}") from error


@contextmanager
def written_beside(place: Path) -> Iterator[Path]:
    """A new folder beside `place`; what was written into it is put there in the end.

    Raises:
        SuiteError: it cannot be written.
    """
    beside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        yield beside
        _put(beside, place)
    except OSError as error:
        raise SuiteError(f"cannot write {place}: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put(beside: Path, place: Path) -> None:
    """As a whole where nothing is; else file by file, the table last, so that no file it names is missing."""
    if not place.exists() or not any(place.iterdir()):
        if place.exists():
            place.rmdir()
        beside.rename(place)
        return
    paths = [path for path in beside.rglob("*") if path.is_file()]
    for path in sorted(paths, key=lambda path: (path.name == "suite.toml", path)):
        target = place / path.relative_to(beside)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
