"""Kinds that are too small to tell anything, lack a side, or were mostly made up."""

from __future__ import annotations

from collections.abc import Iterator

from assay.evals.lint.finding import Finding, about_kind
from assay.evals.lint.material import Material
from assay.numerals import plural, verb
from assay.stats.intervals import upper_bound, wilson

__all__ = ["find_missing_sides", "find_small_kinds", "find_synthetic"]

_WIDE = 0.15
_MOSTLY = 0.5


def find_small_kinds(material: Material) -> Iterator[Finding]:
    """Kinds in which not even a candidate that passes everything is surely above the bar."""
    for kind, members in material.of.items():
        heldout = [one for one in members if one.split == "heldout"]
        n, bar = len(heldout), material.bar_of(kind)
        if not n:
            continue
        if bar == 1.0:
            left = upper_bound(0, n)
            message = f"with {n} heldout samples, passing all still leaves failures in up to {left:.0%} of new work"
            if left > _WIDE:
                yield about_kind("too-few", "note", members, message, "add samples: about 300 leave 1 %")
            continue
        low, _ = wilson(n, n)
        if bar is not None and low < bar:
            message = (
                f"with {n} heldout samples, passing all of them means {low:.0%} or more of new work (95 %), "
                f"below the bar of {bar:.0%}"
            )
            yield about_kind(
                "too-few", "warning", members, message, f"add heldout samples: {_needed(bar)} would do, if all pass"
            )
            continue
        half = (wilson(n / 2, n).high - wilson(n / 2, n).low) / 2
        if half > _WIDE:
            size = plural(n, "heldout sample")
            message = f"with {size} a share is known to {half * 100:.0f} points either way at worst"
            yield about_kind("few", "note", members, message, "`assay suite power` says what they can separate")


def _needed(bar: float) -> int:
    """The least number of samples with which passing all of them is above the bar."""
    n = 1
    while wilson(n, n).low < bar:
        n += 1
    return n


def find_missing_sides(material: Material) -> Iterator[Finding]:
    """Kinds without held-out samples, on which is decided, or without any to write prompts on."""
    for members in material.of.values():
        sides = {one.split for one in members}
        if "heldout" not in sides:
            yield about_kind(
                "no-heldout", "warning", members, "no sample is heldout: nothing can be decided on unseen ones",
                "assay suite split FOLDER --heldout 0.5",
            )  # fmt: skip
        elif "dev" not in sides:
            yield about_kind(
                "no-dev", "note", members, "no sample is dev: prompts written on heldout ones would be flattered",
                "assay suite split FOLDER --heldout 0.5",
            )  # fmt: skip


def find_synthetic(material: Material) -> Iterator[Finding]:
    """Kinds of which a share was written by a model and not met in real work."""
    for members in material.of.values():
        made = [one for one in members if one.synthetic]
        if made:
            share = len(made) / len(members)
            yield about_kind(
                "synthetic", "warning" if share > _MOSTLY else "note", members,
                f"{len(made)} of {plural(len(members), 'sample')} {verb(len(made), 'is', 'are')} synthetic "
                f"({share:.0%})",
                "replace them by real ones as they come (`assay suite from-ledger`); figures are told apart",
            )  # fmt: skip
