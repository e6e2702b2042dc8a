"""Samples that are the same, or nearly so: within a kind, across kinds, and across the split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from assay.evals.lint.finding import Finding, about_samples, ids
from assay.evals.lint.material import Glance, Material

__all__ = ["find_copies", "find_copies_across_kinds", "find_split_leaks"]


def find_split_leaks(material: Material) -> Iterator[Finding]:
    """A sample of `dev` that is in `heldout` too: prompts are written on its answer, and it counts as unseen."""
    for exact, group in _groups(material):
        for members in _by_kind(group).values():
            dev = [one for one in members if one.split == "dev"]
            heldout = [one for one in members if one.split == "heldout"]
            if not dev or not heldout:
                continue
            same = bool({one.key for one in dev} & {one.key for one in heldout})
            if not exact and not same:
                continue  # a contrast, made on purpose: nearly the same words and another answer
            how = "the same" if exact else "nearly the same"
            yield about_samples(
                "split-leak", "error", heldout + dev,
                f"{how} input in heldout ({ids(heldout)}) and in dev ({ids(dev)}): {heldout[0].short}",
                "put them on one side (`assay suite split --by near-duplicates`), or take one of them out",
            )  # fmt: skip


def find_copies(material: Material) -> Iterator[Finding]:
    """Samples of one kind and side that are the same, with one target: they count twice and say nothing new."""
    for exact, group in _groups(material):
        for members in _by_kind(group).values():
            for alike in _by_split_and_target(members).values():
                if len(alike) > 1:
                    how = "the same input" if exact else "nearly the same input"
                    yield about_samples(
                        "duplicate" if exact else "near-duplicate", "warning" if exact else "note", alike,
                        f"{len(alike)} samples with {how} and one target: {ids(alike)}: {alike[0].short}",
                        "keep one, or give them one `group`, so that intervals know that they depend on each other",
                    )  # fmt: skip


def find_copies_across_kinds(material: Material) -> Iterator[Finding]:
    """The same input in several kinds, which is right where it is two pieces of work, and a slip otherwise."""
    for group in material.equal:
        kinds = _by_kind(group)
        if len(kinds) < 2:
            continue
        graders = {one.graders for one in group}
        same = len(graders) < len(kinds)
        yield about_samples(
            "duplicate-across-kinds", "warning" if same else "note", group,
            f"the same input in the kinds {', '.join(kinds)}: {group[0].short}",
            "keep it in the kind that it belongs to" if same else "fine where each kind asks for something else",
        )  # fmt: skip


def _groups(material: Material) -> Iterator[tuple[bool, Sequence[Glance]]]:
    """Whether the members are equal, and the members: equal ones first, then what is only near."""
    yield from ((True, group) for group in material.equal)
    equal = {frozenset(one.id for one in group) for group in material.equal}
    for group in material.alike:
        plains = {one.plain: one for one in group}
        if frozenset(one.id for one in group) not in equal and len(plains) > 1:
            yield False, _one_of_each(group)


def _one_of_each(group: Sequence[Glance]) -> list[Glance]:
    """Without those that are equal to one before them on the same side, with the same target: they are told already."""
    return list({(one.plain, one.split, one.key, one.kind): one for one in reversed(group)}.values())[::-1]


def _by_kind(group: Sequence[Glance]) -> dict[str, list[Glance]]:
    found: dict[str, list[Glance]] = defaultdict(list)
    for one in group:
        found[one.kind].append(one)
    return found


def _by_split_and_target(members: Sequence[Glance]) -> dict[tuple[str, str], list[Glance]]:
    found: dict[tuple[str, str], list[Glance]] = defaultdict(list)
    for one in members:
        found[one.split, one.key].append(one)
    return found
