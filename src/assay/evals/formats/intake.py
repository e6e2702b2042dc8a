"""What an importer has read so far: samples by kind, items that are none and why, and what must be known."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from assay.errors import SuiteError
from assay.evals.formats.carried import Carried, carried
from assay.evals.formats.spool import Spool
from assay.evals.formats.tally import Tally, whole
from assay.evals.formats.trial import check_graders
from assay.evals.formats.turns import turns_of
from assay.evals.suites.samples import GraderSpec, SampleLine, Split
from assay.evals.suites.writing import NewKind
from assay.types import JsonObject

__all__ = ["PARTS", "Intake", "Item", "Reading"]

PARTS = ("input", "target", "id", "kind", "group")
"""Parts of a sample that a column of a table may hold."""


class Reading(NamedTuple):
    """How a person wants files to be read.

    Attributes:
        kind: name of the kind; default: the file's own.
        columns: part of a sample (`PARTS`) -> column of a table.
        graders: for samples whose file names none, or none that is known here.
        judge: deployment or route that judges, where a file asks for a model's verdict.
        partial: take samples of whose graders something was lost, with a note in `meta`.
        heldout: share of the samples that is held out; the others are for development.
        encoding: of text files without a mark.
    """

    kind: str | None = None
    columns: Mapping[str, str] = {}
    graders: tuple[GraderSpec, ...] = ()
    judge: str = "judge"
    partial: bool = False
    heldout: float = 1.0
    encoding: str = "utf-8"


class Item(NamedTuple):
    """One item of a file on its way to a sample.

    Attributes:
        shown: a text, or messages as the other tool writes them.
        lost: what of its graders cannot be carried over, each with its reason.
        carried: the block of an export of ours.
        more: further fields of a sample's line.
    """

    shown: object
    target: Any = None
    graders: tuple[GraderSpec, ...] = ()
    lost: tuple[str, ...] = ()
    id: str | None = None
    group: str | None = None
    meta: JsonObject = {}
    carried: object = None
    more: JsonObject = {}


class Intake:
    """Takes items and makes samples of them. Use as a context: the samples are in temporary files.

    Args:
        form: name of the format.
        reading: how it is to be read.
        progress: hears how many samples there are, after each.

    Attributes:
        refused: items that are no samples.
        notes: what must be known.
        files: further ones that are put beside the suite's, by their name.
        count: how many samples there are.
    """

    def __init__(self, form: str, reading: Reading, progress: Callable[[int], None] | None = None) -> None:
        self.form = form
        self.reading = reading
        self.refused = Tally()
        self.notes: list[str] = []
        self.files: dict[str, bytes] = {}
        self.count = 0
        self._progress = progress
        self._spools: dict[str, Spool] = {}
        self._tables: dict[str, JsonObject] = {}
        self._graders: dict[str, Counter[bytes]] = {}
        self._ids: set[str] = set()
        self._numbers: dict[str, int] = {}

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for spool in self._spools.values():
            spool.close()

    def note(self, text: str) -> None:
        """Something that must be known; once."""
        if whole(text) not in self.notes:
            self.notes.append(whole(text))

    def graders(self, own: Callable[[], tuple[GraderSpec, ...]]) -> tuple[GraderSpec, ...]:
        """What a file grades by, or what a person named where that has no grader here.

        Raises:
            SuiteError: it has none, and nobody named one.
        """
        try:
            return own()
        except SuiteError as error:
            if not self.reading.graders:
                raise
            self.note(f"graded by what --grader names, since {error}")
            return self.reading.graders

    def describe(self, kind: str, **table: Any) -> None:
        """Further keys of a kind's table; those that are None or empty are left out."""
        self._tables.setdefault(kind, {}).update(
            {key: value for key, value in table.items() if value not in (None, "")}
        )

    @contextmanager
    def place(self, file: Path, place: str) -> Iterator[str]:
        """The place of one item: what cannot be used within the block is told with it, and the next item follows."""
        where = f"{file.name}, {place}" if place else file.name
        try:
            yield where
        except SuiteError as error:
            self.refused.refuse(where, str(error))

    def take(self, kind: str, file: Path, place: str, item: Item) -> str:
        """Make a sample of an item, and give the name of its kind back: its own block may name another.

        Raises:
            SuiteError: it is none; the message says why.
        """
        kept = carried(item.carried) or Carried()
        graders = (*item.graders, *kept.graders) or self.reading.graders
        meta = self._meta(item, kept)
        target = kept.target if kept.target is not None else item.target
        shown = self._shown(item.shown)
        check_graders(graders, target)
        fields: JsonObject = {"target": target, "meta": meta, "origin": kept.origin or self._origin(file, place)}
        fields |= {"group": item.group if item.group is not None else kept.group, "graders": graders}
        fields |= {"synthetic": kept.synthetic, "label": kept.label, **shown, **item.more}
        if names := _names(item.shown):
            fields["meta"] = {**meta, "names": names}
        wanted = kept.id or item.id
        fields["id"] = self._unique(wanted or _made_id(fields), given=wanted is not None)
        if "split" not in item.more:
            fields["split"] = kept.split if kept.id is not None else self._split(fields["group"] or fields["id"])
        self._append(kept.kind or kind, fields)
        return kept.kind or kind

    def kinds(self) -> list[NewKind]:
        """What was taken, ready to be written; the graders that most samples of a kind have stand in its table."""
        return [self._kind(name, spool) for name, spool in self._spools.items()]

    def _meta(self, item: Item, kept: Carried) -> JsonObject:
        meta = kept.meta if kept.id is not None else item.meta
        if not item.lost:
            return meta
        if not self.reading.partial:
            raise SuiteError(item.lost[0])
        return {**meta, "left_out": list(item.lost)}

    def _origin(self, file: Path, place: str) -> JsonObject:
        return {"format": self.form, "file": file.name, "place": place}

    def _shown(self, shown: object) -> JsonObject:
        if shown is None:
            raise SuiteError("it has no input; name the field that is asked with --input")
        if isinstance(shown, str):
            if not shown.strip():
                raise SuiteError("it asks nothing: its input is empty")
            return {"input": shown}
        if not isinstance(shown, list) or not shown:
            raise SuiteError(f"its input is a text or a list of messages, not {json.dumps(shown, default=str)[:60]}")
        turns = turns_of(shown)
        if len(turns) == 1 and turns[0].role == "user" and isinstance(turns[0].content, str):
            return self._shown(turns[0].content)
        return {"messages": turns}

    def _unique(self, wanted: str, *, given: bool) -> str:
        name = wanted
        while name in self._ids:
            self._numbers[wanted] = number = self._numbers.get(wanted, 1) + 1
            name = f"{wanted}-{number}"
        if name != wanted:
            what = "one id" if given else "the same content"
            self.note(f"several items have {what}; all but the first got a number behind their id (`assay suite lint`)")
        self._ids.add(name)
        return name

    def _split(self, key: str) -> Split:
        """By a hash, so that a sample, and all of its group, is on the same side in every import."""
        part = int.from_bytes(hashlib.sha256(key.encode("utf-8", "replace")).digest()[:8]) / 2**64
        return "heldout" if part < self.reading.heldout else "dev"

    def _append(self, kind: str, fields: JsonObject) -> None:
        try:
            entry = msgspec.convert(fields, SampleLine, strict=True)
            data = msgspec.json.encode(entry)
        except (msgspec.ValidationError, UnicodeEncodeError, TypeError) as error:
            self._ids.discard(fields["id"])
            raise SuiteError(f"it is no sample: {error}") from error
        if kind not in self._spools:
            self._spools[kind] = Spool()
        self._spools[kind].append(data)
        self._graders.setdefault(kind, Counter())[msgspec.json.encode(fields["graders"])] += 1
        self.count += 1
        if self._progress is not None:
            self._progress(self.count)

    def _kind(self, name: str, spool: Spool) -> NewKind:
        most = self._graders[name].most_common(1)[0][0]
        usual: tuple[GraderSpec, ...] = tuple(msgspec.json.decode(most))
        lines = (msgspec.structs.replace(one, graders=None) if one.graders == usual else one for one in spool)
        return NewKind(name, lines, {"graders": list(usual), **self._tables.get(name, {})})


def _names(shown: object) -> list[Any]:
    """Who speaks each message, where a file says so beside the role: a turn has no place for it."""
    names = [one.get("name") for one in shown if isinstance(one, Mapping)] if isinstance(shown, list) else []
    return names if any(names) else []


def _made_id(fields: JsonObject) -> str:
    """From what a sample asks and wants: the same in every import."""
    content = {key: msgspec.to_builtins(fields.get(key)) for key in ("input", "messages", "target", "graders")}
    data = json.dumps(content, sort_keys=True, default=str).encode()
    return f"s-{hashlib.sha256(data).hexdigest()[:12]}"
