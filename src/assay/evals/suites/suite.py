"""A suite: a folder with `suite.toml` and one JSONL file of samples per kind, content-hashed.

Samples hold raw input only; prompts belong to deployments. The digest covers every file that decides a score:
the TOML, the samples, the documents and tools that they show, and what graders name (schemas, databases).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from assay.errors import SuiteError, did_you_mean
from assay.evals.suites.index import Samples, shuffled
from assay.evals.suites.reading import SuiteReader
from assay.evals.suites.sample import Sample
from assay.evals.suites.samples import GraderSpec, Split
from assay.evals.suites.suite_files import read_suite_files
from assay.evals.suites.suite_table import KindTable, Reducer, SuiteTable
from assay.types import Label, Value

__all__ = [
    "GraderSpec", "Kind", "KindTable", "Reducer", "Sample", "Samples", "Split", "Suite", "SuiteTable", "read_suite",
    "shuffled",
]  # fmt: skip

_LOOKED_AT = 20_000
"""Ids among which a similar one is looked for."""


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
    """A suite as read. `digest` is sha256 (hex) of everything that decides a score.

    Any sequence may be given as `samples`; it becomes one that reads each sample when it is looked at. `profiles` are
    names of kinds that belong together.
    """

    name: str
    version: str
    description: str
    folder: str
    digest: str
    kinds: dict[str, Kind]
    samples: Samples
    profiles: dict[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        given: Sequence[Sample] = self.samples
        if not isinstance(given, Samples):
            msgspec.structs.force_setattr(self, "samples", Samples.held(given))

    @property
    def answers(self) -> int:
        """How many answers it asks for: of each sample as many as its kind wants."""
        return sum(len(self.of(name)) * kind.repeats for name, kind in self.kinds.items())

    def of(self, kind: str, split: Split | None = None) -> Samples:
        """The samples of a kind, in file order."""
        return self.samples.only((kind,), split)

    def only(self, kinds: tuple[str, ...] = (), split: Split | None = None) -> Suite:
        """The suite cut down to some kinds and a split. The digest stays: the samples are the same.

        Raises:
            SuiteError: there is no such kind, or no sample is left.
        """
        for kind in kinds:
            if kind not in self.kinds:
                raise SuiteError(f"suite {self.name!r} has no kind {kind!r}; {did_you_mean(kind, self.kinds)}")
        wanted = set(kinds) or set(self.kinds)
        samples = self.samples.only(wanted, split)
        if not samples:
            where = ", ".join(sorted(wanted))
            raise SuiteError(f"suite {self.name!r} has no samples of the split {split!r} in {where}")
        return msgspec.structs.replace(
            self, kinds={name: kind for name, kind in self.kinds.items() if name in wanted}, samples=samples
        )

    def named(self, ids: tuple[str, ...]) -> Suite:
        """The suite cut down to some samples and their kinds.

        Raises:
            SuiteError: there is no such sample.
        """
        for one in ids:
            if not self.samples.has(one):
                known = did_you_mean(one, self.samples.ids) if len(self.samples) < _LOOKED_AT else ""
                raise SuiteError(f"suite {self.name!r} has no sample {one!r} here; {known}".rstrip("; "))
        return self._cut(self.samples.named(ids))

    def limited(self, per_kind: int, seed: int = 0) -> Suite:
        """The suite cut down to the first samples of each kind in the order of a seed: a larger cut holds a smaller."""
        parts = [self.of(kind).shuffled(seed)[:per_kind] for kind in self.kinds]
        return self._cut(self.samples.named(one for part in parts for one in part.ids))

    def _cut(self, samples: Samples) -> Suite:
        kinds = {name: kind for name, kind in self.kinds.items() if samples.only((name,))}
        return msgspec.structs.replace(self, kinds=kinds, samples=samples)

    def kinds_of(self, profiles: tuple[str, ...], kinds: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Some kinds and those of some profiles; () for none and none: all kinds.

        Raises:
            SuiteError: there is no such profile.
        """
        for name in profiles:
            if name not in self.profiles:
                known = did_you_mean(name, self.profiles) if self.profiles else f"add a table [profiles.{name}]"
                raise SuiteError(f"suite {self.name!r} has no profile {name!r}; {known}")
        return tuple(dict.fromkeys((*kinds, *(kind for name in profiles for kind in self.profiles[name]))))

    def with_gates(self, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """These kinds and the gates that stand before them; () stays (): all kinds."""
        gates = (
            kind.name
            for kind in self.kinds.values()
            if kind.gate and (kind.guards is None or set(kind.guards) & set(kinds))
        )
        return tuple(dict.fromkeys((*kinds, *gates))) if kinds else ()


def _check_profiles(table: SuiteTable, file: Path) -> None:
    for name, profile in table.profiles.items():
        for kind in profile.kinds:
            if kind not in table.kinds:
                known = did_you_mean(kind, table.kinds)
                raise SuiteError(f"{file}: profiles.{name}.kinds: no kind {kind!r}; {known}")


def read_suite(folder: Path | str) -> Suite:
    """Read and check a suite.

    Raises:
        SuiteError: something cannot be used; the message names the file and the line.
    """
    files = read_suite_files(folder)
    table, file, place = files.table, files.file, files.folder
    if not table.kinds:
        raise SuiteError(f'{file}: no kinds; add a table [kinds."NAME"]')
    _check_guards(table, file)
    _check_profiles(table, file)
    reader = SuiteReader(place)
    for name, kind in table.kinds.items():
        reader.read(name, kind)
    return Suite(
        name=table.name,
        version=table.version,
        description=table.description,
        folder=str(place),
        digest=reader.digest(files.toml),
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
        samples=reader.finish(),
        profiles={name: profile.kinds for name, profile in table.profiles.items()},
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
