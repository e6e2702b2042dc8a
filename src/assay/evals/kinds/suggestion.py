"""Kinds suggested for requests that name none: groups that are found again, with names, and how sure each is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from assay.errors import EvalError
from assay.evals.kinds.space import Space, product
from assay.evals.kinds.strength import centres, count_of, grouped_into, kept_together, strengths
from assay.numerals import plural
from assay.types import Value

__all__ = ["Groups", "Suggested", "groups_of", "suggested"]

MOST_KINDS = 20
_LEAST_REQUESTS = 12
"""Of fewer nobody can say that there are two kinds."""
_PER_KIND = 8
"""There are no more kinds than one for so many requests."""
_WORDS = 2
_TOO_SHORT = 2
_EXAMPLES = 3
_TOLD = 8
_FIT = re.compile(r"[^a-z0-9]+")


class Groups(NamedTuple):
    """The requests in groups; 0 is the largest.

    Attributes:
        many: so many groups.
        groups: that of each request.
        strengths: by number of groups, how well they are found again in the other half of the requests.
        sure: of each group, the share of its pairs that were kept together there.
        space: where the requests lie.
    """

    many: int
    groups: list[int]
    strengths: dict[int, float]
    sure: list[float]
    space: Space


class Suggested(Value, frozen=True, kw_only=True):
    """One suggested kind.

    Attributes:
        name: of its most telling words.
        requests: that are of it, of those that were looked at.
        sure: the share of pairs of its requests that also the other half of the requests puts together; from 0 to 1.
        words: what its requests have and others have not, the most telling first.
        examples: places of the requests in its middle.
    """

    name: str
    requests: int
    sure: float
    words: tuple[str, ...]
    examples: tuple[int, ...]


def groups_of(marked: Sequence[Counter[str]], count: int | None = None) -> Groups:
    """Put requests into groups.

    Args:
        marked: their marks (`marks_of`); time and room go with the square of their number.
        count: so many groups; default: the largest number that is strong enough.

    Raises:
        EvalError: there are too few requests for so many groups.
    """
    if len(marked) < max(_LEAST_REQUESTS, 2 * (count or 1)):
        raise EvalError(
            f"{plural(len(marked), 'request')}: too few to find {plural(count, 'kind') if count else 'any kinds'} in; "
            "wait for more, or widen --since"
        )
    space = Space(marked)
    most = max(2, min(MOST_KINDS, len(marked) // _PER_KIND))
    found = strengths(space.points, max(most, count or 1))
    chosen = count or count_of(found)
    groups = grouped_into(space.points, chosen)[chosen]
    return Groups(chosen, groups, found, kept_together(space.points, groups), space)


def suggested(marked: Sequence[Counter[str]], found: Groups) -> list[Suggested]:
    """The kinds that the groups make, the largest first."""
    middle = centres(found.space.points, found.groups)
    names: set[str] = set()
    kinds = []
    for group in range(found.many):
        members = [place for place, one in enumerate(found.groups) if one == group]
        words = _telling(marked, set(members))
        close = sorted(members, key=lambda place: (-product(found.space.points[place], middle[group]), place))
        kinds.append(
            Suggested(
                name=_name(words, names),
                requests=len(members),
                sure=found.sure[group],
                words=tuple(words[:_TOLD]),
                examples=tuple(close[:_EXAMPLES]),
            )
        )
    return kinds


def _telling(marked: Sequence[Counter[str]], members: set[int]) -> list[str]:
    """Marks by how many more of the members have them than of the others; of equal ones the longer, which says more."""
    inside = Counter(mark for place in members for mark in marked[place])
    outside = Counter(mark for place, one in enumerate(marked) if place not in members for mark in one)
    others = len(marked) - len(members)

    def gain(mark: str) -> float:
        return inside[mark] / len(members) - (outside[mark] / others if others else 0.0)

    return sorted(inside, key=lambda mark: (-round(gain(mark), 2), -len(mark), mark))[: 4 * _TOLD]


def _name(words: Sequence[str], taken: set[str]) -> str:
    """Of the words that a name can be made of; a number after it where there is one of this name."""
    plain = [
        fit for word in words if (fit := _FIT.sub("-", word.partition(":")[2] or word).strip("-")) and len(fit) > 2
    ]
    name = base = "-".join(dict.fromkeys(plain[:_WORDS])) or "kind"
    number = 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    taken.add(name)
    return name
