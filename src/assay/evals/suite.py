"""A suite: a folder with `suite.toml` and one JSONL file of samples per kind, content-hashed.

Samples hold raw input only; prompts belong to deployments. The digest covers every file that decides a score:
the TOML, the samples, the documents and tools that they show, and what graders name (schemas, databases).
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from assay.config.table import Section, read_table
from assay.errors import ConfigError, SuiteError, did_you_mean
from assay.evals.samples import (
    GraderSpec,
    SampleLine,
    Split,
    follow_ups,
    media_files,
    messages,
    read_document,
    read_lines,
    read_tools,
)
from assay.types import JsonObject, Label, Message, Request, Tool, Value

__all__ = ["GraderSpec", "Kind", "Sample", "Split", "Suite", "read_suite", "shuffled"]

Reducer = Literal["mean", "all", "any", "majority"]


class KindTable(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[kinds."NAME"]` of `suite.toml`.

    Attributes:
        samples: JSONL file.
        bar: share of samples to pass; default: the caller's.
        gate: run in full, and nothing is chosen for the kinds it guards unless it passes.
        guards: kinds that this gate stands before; default: all.
        graders: `{ check = "normalised", ... }`; all must pass.
        label: privacy label of the kind's requests.
        tools_file: JSON list of the tools that every request offers: `{ name, description, parameters }` each.
        p95_latency_s: nothing slower is chosen; samples of the kind are then asked one at a time.
        repeats: each sample is asked so often, which shows how steady an answer is.
        reducer: what the values of the repeats come to: their mean, or 1 where `all`, `any` or the `majority` passed.
    """

    samples: str
    description: str = ""
    bar: Annotated[float, Meta(gt=0, le=1)] | None = None
    gate: bool = False
    guards: tuple[str, ...] | None = None
    graders: tuple[GraderSpec, ...]
    label: Label = Label.UNLABELLED
    tools_file: str | None = None
    p95_latency_s: Annotated[float, Meta(gt=0)] | None = None
    repeats: Annotated[int, Meta(ge=1, le=1000)] = 1
    reducer: Reducer = "mean"


class SuiteTable(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`suite.toml`."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: str
    description: str = ""
    kinds: dict[str, KindTable]


class Sample(Value, frozen=True, kw_only=True):
    """One thing to ask, and what a right answer is. `where` is its file and line, for messages."""

    id: str
    kind: str
    messages: tuple[Message, ...]
    target: Any
    graders: tuple[GraderSpec, ...]
    split: Split
    label: Label
    tools: tuple[Tool, ...] = ()
    follow_ups: tuple[Message, ...] = ()
    group: str | None = None
    synthetic: bool = False
    origin: JsonObject = {}
    meta: JsonObject = {}
    where: str = ""

    def request(self, deadline_s: float | None = None) -> Request:
        """The raw request, as a client would send it."""
        return Request(
            messages=self.messages, tools=self.tools, kind=self.kind, label=self.label, deadline_s=deadline_s
        )


class Kind(Value, frozen=True, kw_only=True):
    """A kind of work in a suite. `guards` is None for a gate before everything."""

    name: str
    description: str
    bar: float | None
    gate: bool
    guards: tuple[str, ...] | None
    label: Label
    p95_latency_s: float | None = None
    repeats: int = 1
    reducer: Reducer = "mean"


class Suite(Value, frozen=True, kw_only=True):
    """A suite as read. `digest` is sha256 (hex) of everything that decides a score."""

    name: str
    version: str
    description: str
    folder: str
    digest: str
    kinds: dict[str, Kind]
    samples: tuple[Sample, ...]

    def of(self, kind: str, split: Split | None = None) -> tuple[Sample, ...]:
        """The samples of a kind, in file order."""
        return tuple(s for s in self.samples if s.kind == kind and (split is None or s.split == split))

    def only(self, kinds: tuple[str, ...] = (), split: Split | None = None) -> Suite:
        """The suite cut down to some kinds and a split. The digest stays: the samples are the same.

        Raises:
            SuiteError: there is no such kind, or no sample is left.
        """
        for kind in kinds:
            if kind not in self.kinds:
                raise SuiteError(f"suite {self.name!r} has no kind {kind!r}; {did_you_mean(kind, self.kinds)}")
        wanted = set(kinds) or set(self.kinds)
        samples = tuple(s for s in self.samples if s.kind in wanted and (split is None or s.split == split))
        if not samples:
            where = ", ".join(sorted(wanted))
            raise SuiteError(f"suite {self.name!r} has no samples of the split {split!r} in {where}")
        return msgspec.structs.replace(
            self, kinds={name: kind for name, kind in self.kinds.items() if name in wanted}, samples=samples
        )

    def with_gates(self, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """These kinds and the gates that stand before them; () stays (): all kinds."""
        gates = (
            kind.name
            for kind in self.kinds.values()
            if kind.gate and (kind.guards is None or set(kind.guards) & set(kinds))
        )
        return tuple(dict.fromkeys((*kinds, *gates))) if kinds else ()


def shuffled(samples: tuple[Sample, ...], seed: int) -> list[Sample]:
    """The samples in the order of a seed: the same everywhere."""
    order = sorted(samples, key=lambda sample: sample.id)
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    return order


def read_suite(folder: Path | str) -> Suite:
    """Read and check a suite.

    Raises:
        SuiteError: something cannot be used; the message names the file and the line.
    """
    place = Path(folder).resolve()
    file = place / "suite.toml" if place.is_dir() else place
    place = file.parent
    try:
        data = file.read_bytes()
        table = read_table(tomllib.loads(data.decode("utf-8-sig")), SuiteTable)
    except OSError as error:
        raise SuiteError(f"cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, ConfigError) as error:
        raise SuiteError(f"{file}: {error}") from error
    if not table.kinds:
        raise SuiteError(f'{file}: no kinds; add a table [kinds."NAME"]')
    _check_guards(table, file)
    digest = hashlib.sha256(data)
    reader = _Reader(place)
    for name, kind in table.kinds.items():
        reader.read(name, kind)
    for path in sorted(reader.files):
        digest.update(path.name.encode() + b"\0" + _file_digest(path))
    return Suite(
        name=table.name,
        version=table.version,
        description=table.description,
        folder=str(place),
        digest=digest.hexdigest(),
        kinds={
            name: Kind(
                name=name,
                description=kind.description,
                bar=kind.bar,
                gate=kind.gate,
                guards=kind.guards,
                label=kind.label,
                p95_latency_s=kind.p95_latency_s,
                repeats=kind.repeats,
                reducer=kind.reducer,
            )
            for name, kind in table.kinds.items()
        },
        samples=tuple(reader.samples),
    )


def _check_guards(table: SuiteTable, file: Path) -> None:
    for name, kind in table.kinds.items():
        for guarded in kind.guards or ():
            if guarded not in table.kinds:
                known = did_you_mean(guarded, table.kinds)
                raise SuiteError(f"{file}: kinds.{name}.guards: no kind {guarded!r}; {known}")
        if kind.guards is not None and not kind.gate:
            raise SuiteError(f"{file}: kinds.{name} has guards but is no gate; set gate = true")
        if not kind.graders:
            raise SuiteError(f"{file}: kinds.{name} has no graders")


class _Reader:
    """Reads the samples of one suite; `files` grows by every file, apart from the TOML, that decides a score."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, str] = {}
        self.samples: list[Sample] = []
        self.files: set[Path] = set()

    def read(self, name: str, kind: KindTable) -> None:
        """The samples of one kind."""
        file = self._folder / kind.samples
        self.files.add(file)
        graders = self._resolve(kind.graders)
        tools = self._tools(kind.tools_file)
        before = len(self.samples)
        for where, entry in read_lines(file, name):
            if entry.id in self._seen:
                raise SuiteError(f"{where}: id {entry.id!r} was used already, in {self._seen[entry.id]}")
            self._seen[entry.id] = where
            self.samples.append(
                Sample(
                    id=entry.id,
                    kind=name,
                    messages=self._messages(entry, where),
                    target=entry.target,
                    graders=self._resolve(entry.graders) if entry.graders is not None else graders,
                    split=entry.split,
                    label=entry.label if entry.label is not None else kind.label,
                    tools=tools,
                    follow_ups=follow_ups(entry, where, self._folder),
                    group=entry.group,
                    synthetic=entry.synthetic,
                    origin=entry.origin,
                    meta=entry.meta,
                    where=where,
                )
            )
        if len(self.samples) == before:
            raise SuiteError(f"{file}: no samples for kind {name!r}")

    def _messages(self, entry: SampleLine, where: str) -> tuple[Message, ...]:
        documents = [self._folder / name for name in entry.context_files]
        self.files.update(documents, (self._folder / name for name in media_files(entry)))
        return messages(entry, [read_document(path, where) for path in documents], where, self._folder)

    def _tools(self, name: str | None) -> tuple[Tool, ...]:
        if name is None:
            return ()
        self.files.add(self._folder / name)
        return read_tools(self._folder / name)

    def _resolve(self, graders: tuple[GraderSpec, ...]) -> tuple[GraderSpec, ...]:
        """Graders with the files that they name made absolute."""
        return tuple({key: self._absolute(key, value) for key, value in spec.items()} for spec in graders)

    def _absolute(self, key: str, value: object) -> object:
        if key == "files" and isinstance(value, dict):
            return {name: self._absolute("file", path) for name, path in value.items()}
        if not isinstance(value, str) or not (key in ("database", "file") or key.endswith("_file")):
            return value
        path = (self._folder / value).resolve()
        self.files.add(path)
        return str(path)


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise SuiteError(f"cannot read {path}, which a grader names: {error.strerror}") from error
