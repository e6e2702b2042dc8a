"""Which samples are `dev`, on which prompts are written, and which `heldout`, on which is decided.

Sides are assigned by a hash of ids, so that everybody gets the same ones; every kind and label has its share on each
side. What belongs together (a group, near-duplicates) stays on one side, or the answer would leak across. A sample that
has a side keeps it: one of `dev` has been looked at, and one that leaves `heldout` will be.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

from assay.errors import EvalError
from assay.evals.lint.material import Glance, glance, labels, near_pairs
from assay.evals.suites.duplicates import clusters
from assay.evals.suites.samples import Split
from assay.evals.suites.suite import Suite
from assay.types import Value

__all__ = ["Move", "Plan", "Sides", "Together", "plan_split"]

Together = Literal["group", "near-duplicates"]
_Stratum = tuple[str, str]


class Move(Value, frozen=True, kw_only=True):
    """One sample that changes sides."""

    sample: str
    kind: str
    was: Split
    becomes: Split


class Sides(Value, frozen=True, kw_only=True):
    """A kind before and after. `kept`: it has been split already, and nothing in it moves unless that is forced."""

    kind: str
    samples: int
    heldout_before: int
    heldout_after: int
    kept: bool


class Plan(Value, frozen=True, kw_only=True):
    """What a split would change.

    Attributes:
        torn: samples that belong together, stand on both sides, and may not move: each with all others.
    """

    moves: tuple[Move, ...]
    kinds: tuple[Sides, ...]
    torn: tuple[tuple[str, ...], ...]


class _Unit(NamedTuple):
    """Samples that stay together."""

    members: tuple[Glance, ...]
    rank: bytes


def plan_split(
    suite: Suite, heldout: float, *, together: Collection[Together] = ("group", "near-duplicates"), seed: int = 0,
    force: bool = False, kinds: Collection[str] = (),
) -> Plan:  # fmt: skip
    """Work out who goes where; nothing is written.

    Args:
        suite: as read.
        heldout: wanted share of each kind and label, between 0 and 1.
        together: what keeps samples on one side.
        seed: another one gives another split.
        force: samples that have a side may lose it, too.
        kinds: only these may change [default: all].

    Raises:
        EvalError: the share is none.
    """
    if not 0 < heldout < 1:
        raise EvalError(f"the share that is held out must be between 0 and 1, not {heldout!r}")
    glances, groups = _looked_at(suite)
    fixed = {kind for kind in suite.kinds if (kinds and kind not in kinds) or (not force and _is_split(kind, glances))}
    units = _units(glances, groups, together, seed)
    sides, torn = _assigned(units, fixed, heldout, glances, seed)
    moves = tuple(
        Move(sample=one.id, kind=one.kind, was=one.split, becomes=sides[one.id])
        for one in glances
        if sides[one.id] != one.split
    )
    return Plan(moves=moves, kinds=tuple(_sides(suite, glances, sides, fixed)), torn=torn)


def _looked_at(suite: Suite) -> tuple[list[Glance], list[str | None]]:
    known: dict[str, str] = {}
    glances, groups = [], []
    for sample in suite.samples:
        glances.append(glance(sample, lambda text: known.setdefault(text, text)))
        groups.append(sample.group)
    return glances, groups


def _is_split(kind: str, glances: Sequence[Glance]) -> bool:
    """Whether somebody has looked at some samples of a kind: then each of its samples has its side."""
    return any(one.split == "dev" for one in glances if one.kind == kind)


def _units(
    glances: Sequence[Glance], groups: Sequence[str | None], together: Collection[Together], seed: int
) -> list[_Unit]:
    pairs: list[tuple[int, int, float]] = []
    if "near-duplicates" in together:
        pairs += near_pairs(glances)
    if "group" in together:
        first: dict[str, int] = {}
        named = ((place, group) for place, group in enumerate(groups) if group is not None)
        pairs += [(first.setdefault(group, place), place, 1.0) for place, group in named]
    joined = clusters(pairs)
    inside = {place for cluster in joined for place in cluster}
    alone = ((place,) for place in range(len(glances)) if place not in inside)
    return [_unit([glances[place] for place in places], seed) for places in (*joined, *alone)]


def _unit(members: Sequence[Glance], seed: int) -> _Unit:
    name = min(one.id for one in members)
    return _Unit(tuple(members), _hash(seed, name))


# ------------------------------------------------------------------------------------------ sides


def _assigned(
    units: Sequence[_Unit], fixed: Collection[str], heldout: float, glances: Sequence[Glance], seed: int
) -> tuple[dict[str, Split], tuple[tuple[str, ...], ...]]:
    """The side of each sample, and the units that are torn."""
    sides: dict[str, Split] = {}
    torn: list[tuple[str, ...]] = []
    free: list[_Unit] = []
    stratum = _strata(glances)
    lacking = _wanted(glances, stratum, heldout, seed)
    for unit in units:
        known = {one.split for one in unit.members if one.kind in fixed}
        if len(known) > 1:
            torn.append(tuple(one.id for one in unit.members))
        if known:  # who has been seen takes the others along
            side: Split = "dev" if "dev" in known else "heldout"
            sides |= {one.id: one.split if one.kind in fixed else side for one in unit.members}
            lacking.subtract(stratum[one.id] for one in unit.members if sides[one.id] == "heldout")
        else:
            free.append(unit)
    for unit in sorted(free, key=lambda unit: unit.rank):
        strata = Counter(stratum[one.id] for one in unit.members)
        room = sum(min(max(lacking[one], 0), count) for one, count in strata.items())
        side = "heldout" if 2 * room >= len(unit.members) else "dev"
        sides |= dict.fromkeys((one.id for one in unit.members), side)
        if side == "heldout":
            lacking.subtract(strata)
    return sides, tuple(torn)


def _strata(glances: Sequence[Glance]) -> dict[str, _Stratum]:
    """Kind and label of each sample; kinds whose answers are no labels are one stratum each."""
    kinds: dict[str, list[Glance]] = defaultdict(list)
    for one in glances:
        kinds[one.kind].append(one)
    closed = {kind for kind, members in kinds.items() if labels(members)}
    return {one.id: (one.kind, one.target[0] if one.kind in closed else "") for one in glances}


def _wanted(glances: Sequence[Glance], stratum: dict[str, _Stratum], heldout: float, seed: int) -> Counter[_Stratum]:
    """How many of each stratum are held out: together the share of their kind, by largest remainder."""
    counts = Counter(stratum[one.id] for one in glances)
    kinds: dict[str, list[_Stratum]] = defaultdict(list)
    for one in counts:
        kinds[one[0]].append(one)
    wanted: Counter[_Stratum] = Counter()
    for strata in kinds.values():
        exact = {one: counts[one] * heldout for one in strata}
        wanted.update({one: int(share) for one, share in exact.items()})
        left = round(sum(exact.values())) - sum(wanted[one] for one in strata)
        order = sorted(strata, key=lambda one: (wanted[one] - exact[one], _hash(seed, *one)))
        wanted.update(order[:left])
    return wanted


def _hash(seed: int, *names: str) -> bytes:
    return hashlib.blake2b("\0".join((str(seed), *names)).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _sides(suite: Suite, glances: Sequence[Glance], sides: dict[str, Split], fixed: Collection[str]) -> Iterator[Sides]:
    for kind in suite.kinds:
        members = [one for one in glances if one.kind == kind]
        yield Sides(
            kind=kind,
            samples=len(members),
            heldout_before=sum(one.split == "heldout" for one in members),
            heldout_after=sum(sides[one.id] == "heldout" for one in members),
            kept=kind in fixed,
        )
