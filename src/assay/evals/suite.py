"""A suite: a folder with `suite.toml` and one JSONL file of samples per kind, content-hashed.

Samples hold raw input only; prompts belong to deployments. The digest covers every file that decides a score:
the TOML, the samples, and what graders name (schemas, databases).
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from assay.errors import SuiteError, did_you_mean
from assay.types import JsonObject, Label, Message, Request, Value

Split = Literal["dev", "heldout"]
GraderSpec = dict[str, Any]


class KindTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[kinds."NAME"]` of `suite.toml`.

    Attributes:
        samples: JSONL file.
        bar: share of samples to pass; default: the caller's.
        gate: run in full, and nothing is chosen for the kinds it guards unless it passes.
        guards: kinds that this gate stands before; default: all.
        graders: `{ check = "normalised", ... }`; all must pass.
        label: privacy label of the kind's requests.
    """

    samples: str
    description: str = ""
    bar: Annotated[float, Meta(gt=0, le=1)] | None = None
    gate: bool = False
    guards: tuple[str, ...] | None = None
    graders: tuple[GraderSpec, ...]
    label: Label = Label.UNLABELLED


class SuiteTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`suite.toml`."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: str
    description: str = ""
    kinds: dict[str, KindTable]


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a multi-turn sample."""

    role: Literal["system", "user", "assistant"]
    content: str


class SampleLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a JSONL file: either `input` or `messages`."""

    id: Annotated[str, Meta(min_length=1)]
    input: str | None = None
    messages: tuple[Turn, ...] | None = None
    target: Any = None
    graders: tuple[GraderSpec, ...] | None = None
    split: Split = "heldout"
    label: Label | None = None
    meta: JsonObject = {}


class Sample(Value, frozen=True, kw_only=True):
    """One thing to ask, and what a right answer is. `where` is its file and line, for messages."""

    id: str
    kind: str
    messages: tuple[Message, ...]
    target: Any
    graders: tuple[GraderSpec, ...]
    split: Split
    label: Label
    meta: JsonObject = {}
    where: str = ""

    def request(self, deadline_s: float | None = None) -> Request:
        """The raw request, as a client would send it."""
        return Request(messages=self.messages, kind=self.kind, label=self.label, deadline_s=deadline_s)


class Kind(Value, frozen=True, kw_only=True):
    """A kind of work in a suite. `guards` is None for a gate before everything."""

    name: str
    description: str
    bar: float | None
    gate: bool
    guards: tuple[str, ...] | None
    label: Label


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
        table = msgspec.convert(tomllib.loads(data.decode("utf-8")), SuiteTable)
    except OSError as error:
        raise SuiteError(f"cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SuiteError(f"{file}: {error}") from error
    if not table.kinds:
        raise SuiteError(f'{file}: no kinds; add a table [kinds."NAME"]')
    _check_guards(table, file)
    digest = hashlib.sha256(data)
    samples: list[Sample] = []
    seen: dict[str, str] = {}
    for name, kind in table.kinds.items():
        graders = _resolve(kind.graders, place)
        samples += _read_samples(place / kind.samples, name, kind, graders, place, seen)
    for path in _files(table, samples, place):
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
            )
            for name, kind in table.kinds.items()
        },
        samples=tuple(samples),
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


def _read_samples(
    file: Path, name: str, kind: KindTable, graders: tuple[GraderSpec, ...], folder: Path, seen: dict[str, str]
) -> Iterator[Sample]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise SuiteError(f"{file}: cannot read the samples of kind {name!r}: {error.strerror}") from error
    found = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found = True
        where = f"{file}, line {number}"
        try:
            entry = msgspec.json.decode(line, type=SampleLine)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SuiteError(f"{where}: {error}") from error
        if (entry.input is None) == (entry.messages is None):
            raise SuiteError(f"{where}: sample {entry.id!r} needs either input or messages")
        if entry.id in seen:
            raise SuiteError(f"{where}: id {entry.id!r} was used already, in {seen[entry.id]}")
        seen[entry.id] = where
        yield _sample(entry, name, kind, graders, folder, where)
    if not found:
        raise SuiteError(f"{file}: no samples for kind {name!r}")


def _sample(
    entry: SampleLine, name: str, kind: KindTable, graders: tuple[GraderSpec, ...], folder: Path, where: str
) -> Sample:
    turns = entry.messages or (Turn(role="user", content=entry.input or ""),)
    return Sample(
        id=entry.id,
        kind=name,
        messages=tuple(Message.of(turn.role, turn.content) for turn in turns),
        target=entry.target,
        graders=_resolve(entry.graders, folder) if entry.graders is not None else graders,
        split=entry.split,
        label=entry.label if entry.label is not None else kind.label,
        meta=entry.meta,
        where=where,
    )


def _is_path(key: str) -> bool:
    return key == "database" or key.endswith("_file")


def _resolve(graders: tuple[GraderSpec, ...], folder: Path) -> tuple[GraderSpec, ...]:
    """Graders with the files that they name made absolute."""

    def resolve(spec: Mapping[str, Any]) -> GraderSpec:
        return {
            key: str((folder / value).resolve()) if _is_path(key) and isinstance(value, str) else value
            for key, value in spec.items()
        }

    return tuple(resolve(spec) for spec in graders)


def _files(table: SuiteTable, samples: list[Sample], folder: Path) -> list[Path]:
    """Every file, apart from the TOML, that decides a score; sorted, each once."""
    named = {folder / kind.samples for kind in table.kinds.values()}
    for sample in samples:
        for spec in sample.graders:
            named |= {Path(value) for key, value in spec.items() if _is_path(key) and isinstance(value, str)}
    return sorted(named)


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise SuiteError(f"cannot read {path}, which a grader names: {error.strerror}") from error
