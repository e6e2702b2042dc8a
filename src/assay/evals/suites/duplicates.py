"""Texts that are the same or nearly so, among many.

Two texts are compared by their words and pairs of neighbouring words: the share of all these that both have (Jaccard).
To look at few of the pairs only, the rarest shingles of each text are kept in an index: two sets that share a part t of
their union also share one of the first n - ceil(t n) + 1 shingles in any order that is common to both (prefix filter:
Chaudhuri, Ganti and Kaushik, ICDE 2006; Bayardo, Ma and Srikant, WWW 2007). The result is exact, but for texts with
more than `SKETCH` shingles: of these the least `SKETCH` hashes stand for all (Broder 1997), an error of about 0.02.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from assay.errors import EvalError

__all__ = ["clusters", "duplicates", "fingerprint", "plain", "resembling"]

SKETCH = 512
"""Shingles that are looked at in a long text."""

MOST_PARTNERS = 8
"""A text is paired with no more earlier ones than this: of 1,000 alike, all are still joined through others."""

# Numbers with the signs inside them, words, and symbols that mean something; scripts without spaces sign by sign.
_WORD = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\d+(?:[.,:/]\d+)*|[^\W\d]\w*|[^\w\s.,;:!?'\"`´…“”‘’„‚«»‹›()\[\]{}¿¡]"
)
_BUCKETS = 1 << 20


def fingerprint(text: str) -> str:
    """A digest (hex) that is equal for texts which differ in case, white space, punctuation or Unicode form only."""
    said = plain(text) or " ".join(text.split())
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def plain(text: str) -> str:
    """The words of a text with one space between them, without case and punctuation: what is compared."""
    return " ".join(_words(text))


def duplicates(texts: Sequence[str], *, at_least: float = 0.85) -> list[tuple[int, int, float]]:
    """Pairs of texts that are nearly the same.

    Args:
        texts: 100,000 of some lines each take seconds.
        at_least: the least similarity that counts, above 0.

    Returns:
        `(i, j, similarity)` with i < j, sorted. Of texts with one fingerprint each is paired with the first, with 1.0,
        and only the first with others; nobody has more than `MOST_PARTNERS` earlier ones.

    Raises:
        EvalError: `at_least` is no share.
    """
    if not 0 < at_least <= 1:
        raise EvalError(f"at_least must be above 0 and at most 1, not {at_least!r}")
    first: dict[str, int] = {}
    found: list[tuple[int, int, float]] = []
    for place, text in enumerate(texts):
        leader = first.setdefault(fingerprint(text), place)
        if leader != place:
            found.append((leader, place, 1.0))
    leaders = array("L", first.values())
    del first
    found.extend(_near(texts, leaders, at_least))
    return sorted(found)


def resembling(texts: Iterable[str], few: Sequence[str], *, at_least: float = 0.85) -> Iterator[int]:
    """Places of the texts that are nearly the same as one of a few others."""
    sets = [frozenset(_shingles(text)) for text in few if plain(text)]
    for place, text in enumerate(texts):
        shingles = _shingles(text) if sets else array("I")
        if len(shingles) and any(_similarity(mine, shingles) >= at_least for mine in sets):
            yield place


def clusters(pairs: Iterable[tuple[int, int, float]]) -> list[tuple[int, ...]]:
    """The groups that pairs join, each sorted, by their first member."""
    above: dict[int, int] = {}

    def root(one: int) -> int:
        while above.setdefault(one, one) != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    for one, other, _ in pairs:
        low, high = sorted((root(one), root(other)))
        above[high] = low
    members: dict[int, list[int]] = defaultdict(list)
    for one in sorted(above):
        members[root(one)].append(one)
    return sorted(tuple(group) for group in members.values())


# ---------------------------------------------------------------------------------------- the search


def _near(texts: Sequence[str], leaders: Sequence[int], at_least: float) -> Iterator[tuple[int, int, float]]:
    """Pairs among texts that are no exact duplicates: the shorter ones are in the index when a longer one asks."""
    sets = [_shingles(texts[place]) for place in leaders]
    often = _frequencies(sets)
    index: dict[int, array[int]] = {}
    for one in sorted(range(len(sets)), key=lambda one: len(sets[one])):
        prefix = _prefix(sets[one], often, at_least)
        for other, similarity in _partners(one, sets, prefix, index, at_least):
            low, high = sorted((leaders[one], leaders[other]))
            yield low, high, similarity
        for shingle in prefix:
            index.setdefault(shingle, array("L")).append(one)


def _partners(
    one: int, sets: Sequence[array[int]], prefix: Sequence[int], index: dict[int, array[int]], at_least: float
) -> Iterator[tuple[int, float]]:
    mine, least = frozenset(sets[one]), at_least * len(sets[one])
    seen: set[int] = set()
    found = 0
    for shingle in prefix:
        for other in reversed(index.get(shingle, ())):
            if len(sets[other]) < least:
                break  # all before it are shorter still
            if other in seen:
                continue
            seen.add(other)
            similarity = _similarity(mine, sets[other])
            if similarity >= at_least:
                yield other, similarity
                found += 1
                if found == MOST_PARTNERS:
                    return


def _similarity(mine: frozenset[int], other: array[int]) -> float:
    shared = mine.intersection(other)
    union = len(mine) + len(other) - len(shared)
    if len(mine) < SKETCH or len(other) < SKETCH:
        return len(shared) / union
    least = sorted(mine.union(other))[:SKETCH]
    return sum(shingle in shared for shingle in least) / SKETCH


def _frequencies(sets: Sequence[array[int]]) -> array[int]:
    """How often shingles occur, by the low bits of their hash: no exact order is needed, only a common one."""
    often = array("L", bytes(_BUCKETS * array("L").itemsize))
    for shingles in sets:
        for shingle in shingles:
            often[shingle % _BUCKETS] += 1
    return often


def _prefix(shingles: array[int], often: array[int], at_least: float) -> list[int]:
    """The rarest shingles of a text, of which a near-duplicate has one; what no other text has is left out."""
    length = len(shingles) - math.ceil(at_least * len(shingles) - 1e-9) + 1
    ranked = sorted((often[shingle % _BUCKETS] << 32) | shingle for shingle in shingles)
    return [rank & 0xFFFFFFFF for rank in ranked[:length] if rank >> 32 > 1]


# --------------------------------------------------------------------------------------------- texts


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _shingles(text: str) -> array[int]:
    """Hashes of the words and of their neighbouring pairs, each once; the least `SKETCH` of them."""
    found: set[int] = set()
    before = None
    for word in _words(text):
        data = word.encode("utf-8", "surrogatepass")
        found.add(crc32(data))
        if before is not None:
            found.add(crc32(data, before))
        before = crc32(b" ", crc32(data))
    mixed = (shingle * 0x9E3779B1 & 0xFFFFFFFF for shingle in found)  # CRCs of like words are alike
    return array("I", sorted(mixed)[:SKETCH])
