"""The samples of a suite as a sequence that holds none of them: each is read from its file when it is looked at."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from heapq import merge
from operator import eq
from typing import NamedTuple, overload

from assay.errors import SuiteError
from assay.evals.suites.ids import Ids
from assay.evals.suites.sample import Sample
from assay.evals.suites.samples import Split

__all__ = ["Head", "Index", "Samples", "shuffled"]

_SPLITS: tuple[Split, ...] = ("dev", "heldout")
_SORTED_AT_ONCE = 4096


class Head(NamedTuple):
    """A sample that has not been read: its number in a sequence, id and kind."""

    number: int
    id: str
    kind: str


class Index:
    """What is known of each sample without reading it: id, kind, split, group, and what figures are told apart by.

    Args:
        read: the sample at a place.

    Attributes:
        ids: by place.
    """

    def __init__(self, read: Callable[[int], Sample]) -> None:
        self.read = read
        self.ids = Ids()
        self._kinds: dict[str, int] = {}
        self._kind_names: list[str] = []
        self._kind = array("H")
        self._split = bytearray()
        self._own_graders = bytearray()
        self._synthetic = bytearray()
        self._groups = Ids()
        self._group = array("I")  # number + 1; 0 = none

    def add(
        self,
        sample_id: str,
        kind: str,
        split: Split,
        *,
        own_graders: bool = False,
        group: str | None = None,
        synthetic: bool = False,
    ) -> int | None:
        """Note the next sample. A number: the id is that sample's already, and nothing has been noted."""
        before = len(self.ids)
        place = self.ids.add(sample_id)
        if place < before:
            return place
        if kind not in self._kinds:
            self._kinds[kind] = len(self._kinds)
            self._kind_names.append(kind)
        self._kind.append(self._kinds[kind])
        self._split.append(_SPLITS.index(split))
        self._own_graders.append(own_graders)
        self._synthetic.append(synthetic)
        self._group.append(0 if group is None else self._groups.add(group) + 1)
        return None

    def group(self, place: int) -> str | None:
        """The group of the sample at a place."""
        number = self._group[place]
        return self._groups[number - 1] if number else None

    def synthetic(self, place: int) -> bool:
        """Whether the sample at a place was made up."""
        return bool(self._synthetic[place])

    def kind(self, place: int) -> str:
        """The kind of the sample at a place."""
        return self._kind_names[self._kind[place]]

    def chosen(self, places: Iterable[int], kinds: Collection[str], split: Split | None) -> array[int]:
        """Those of the places that are of one of these kinds and of this split."""
        wanted = {number for kind, number in self._kinds.items() if kind in kinds}
        part = _SPLITS.index(split) if split is not None else None
        return array(
            "I", (at for at in places if self._kind[at] in wanted and (part is None or self._split[at] == part))
        )

    def with_own_graders(self, places: Iterable[int]) -> Iterator[int]:
        """Places that stand for all: one of each kind that has no graders of its own, and each that has."""
        seen: set[int] = set()
        for at in places:
            if self._own_graders[at]:
                yield at
            elif self._kind[at] not in seen:
                seen.add(self._kind[at])
                yield at


class Samples(Sequence[Sample]):
    """Samples at some places of an index, in an order. `Samples.held` makes them of samples that are in memory."""

    def __init__(self, index: Index, places: Sequence[int]) -> None:
        self._index = index
        self._places = places
        self._members: bytearray | None = None

    @classmethod
    def held(cls, samples: Sequence[Sample]) -> Samples:
        """Samples that are in memory.

        Raises:
            SuiteError: two have the same id.
        """
        kept = tuple(samples)
        index = Index(kept.__getitem__)
        for sample in kept:
            known = index.add(
                sample.id,
                sample.kind,
                sample.split,
                own_graders=True,
                group=sample.group,
                synthetic=sample.synthetic,
            )
            if known is not None:
                raise SuiteError(f"{sample.where or 'samples'}: id {sample.id!r} is there twice")
        return cls(index, range(len(kept)))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Sample: ...
    @overload
    def __getitem__(self, place: slice) -> Samples: ...
    def __getitem__(self, place: int | slice) -> Sample | Samples:
        if isinstance(place, slice):
            return Samples(self._index, self._places[place])
        return self._index.read(self._places[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]  # as a list's

    @property
    def ids(self) -> Iterator[str]:
        """Their ids, in order; no sample is read for it."""
        return (self._index.ids[at] for at in self._places)

    @property
    def heads(self) -> Iterator[Head]:
        """What is known of each without reading it, in order."""
        index = self._index
        return (Head(number, index.ids[at], index.kind(at)) for number, at in enumerate(self._places))

    def has(self, sample_id: str) -> bool:
        """Whether a sample is among them; none is read for it."""
        if self._members is None:
            self._members = bytearray(len(self._index.ids))
            for at in self._places:
                self._members[at] = 1
        place = self._index.ids.find(sample_id)
        return place is not None and bool(self._members[place])

    def only(self, kinds: Collection[str], split: Split | None = None) -> Samples:
        """Those of these kinds and this split, in the same order."""
        return Samples(self._index, self._index.chosen(self._places, kinds, split))

    def group_of(self, sample_id: str) -> str | None:
        """The group of a sample of the suite; none is read for it."""
        place = self._index.ids.find(sample_id)
        return self._index.group(place) if place is not None else None

    def made_up(self, synthetic: bool) -> Samples:
        """Those that are synthetic, or those that are not."""
        return Samples(self._index, array("I", (at for at in self._places if self._index.synthetic(at) == synthetic)))

    def deciding(self) -> Samples:
        """Those that were met in real work, if there are any: what was made up never makes a model pass beside them."""
        return self.made_up(False) or self

    def named(self, ids: Iterable[str]) -> Samples:
        """Those with these ids, in the same order; an id that is not there is passed over."""
        wanted = {self._index.ids.find(one) for one in ids}
        return Samples(self._index, array("I", (at for at in self._places if at in wanted)))

    def shuffled(self, seed: int) -> Samples:
        """In the order of a seed, which does not depend on the order they are in."""
        order = self._by_id()
        random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
        return Samples(self._index, order)

    def _by_id(self) -> array[int]:
        """Places in the order of ids, sorted piece by piece: never more than a few thousand ids are texts at a time."""
        ids = self._index.ids.__getitem__
        starts = range(0, len(self._places), _SORTED_AT_ONCE)
        pieces = [array("I", sorted(self._places[at : at + _SORTED_AT_ONCE], key=ids)) for at in starts]
        return array("I", merge(*pieces, key=ids))

    def specimens(self) -> Samples:
        """One for each kind that they are of, and each that has graders of its own: together they have all graders."""
        return Samples(self._index, array("I", self._index.with_own_graders(self._places)))


def shuffled(samples: Sequence[Sample], seed: int) -> Samples:
    """The samples in the order of a seed: the same everywhere."""
    return (samples if isinstance(samples, Samples) else Samples.held(samples)).shuffled(seed)
