"""Targets that contradict: another sample, their own graders, or themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from assay.checks.check import shorten
from assay.evals.lint.finding import Finding, about_samples, ids
from assay.evals.lint.material import Glance, Material
from assay.numerals import plural

__all__ = [
    "find_equal_alternatives", "find_failing_gold", "find_near_contrasts", "find_two_targets", "find_ungradable",
]  # fmt: skip


def find_two_targets(material: Material) -> Iterator[Finding]:
    """The same input with different right answers in one kind."""
    for group in material.equal:
        for kind in dict.fromkeys(one.kind for one in group):
            members = [one for one in group if one.kind == kind]
            if len({one.key for one in members}) > 1 and not _agree(members):
                said = "; ".join(f"{one.id}: {shorten(one.key, 40)}" for one in members[:4])
                yield about_samples(
                    "two-targets", "error", members,
                    f"the same input has different targets: {said}: {members[0].short}",
                    "settle which is right; where both are, give each all alternatives",
                )  # fmt: skip


def _agree(members: Sequence[Glance]) -> bool:
    """Whether one answer is right for all of them."""
    return bool(set.intersection(*(set(one.target) for one in members)))


def find_failing_gold(material: Material) -> Iterator[Finding]:
    """Right answers that a grader of their own sample does not pass."""
    places = {one.id: one for one in material.glances} if material.trials.failures else {}
    failures = Counter(one.sample for one in material.trials.failures)
    for failure in material.trials.failures:
        if failure.sample in material.ungradable:
            continue
        several = failures[failure.sample] > 1
        yield about_samples(
            "failing-gold", "error", [places[failure.sample]],
            f"{failure.sample}: its own answer {shorten(failure.answer, 60)!r} fails the grader {failure.grader!r}: "
            f"{failure.explanation}",
            "correct the target or the grader" + ("; two graders may contradict each other" if several else ""),
        )  # fmt: skip


def find_ungradable(material: Material) -> Iterator[Finding]:
    """Samples whose target is missing or of no use to a grader, and graders that cannot be made."""
    alike: dict[tuple[str, str], list[Glance]] = {}
    for one in material.glances if material.ungradable else ():
        reason = material.ungradable.get(one.id)
        if reason is not None:
            alike.setdefault((one.kind, reason), []).append(one)
    for (_, reason), members in alike.items():
        yield about_samples(
            "ungradable", "error", members, f"{ids(members)}: {reason}", "correct the target, or the grader's table"
        )


def find_equal_alternatives(material: Material) -> Iterator[Finding]:
    """Alternatives of a target that differ in case or punctuation only."""
    for members in material.of.values():
        double = [one for one in members if len(set(one.target)) < len(one.target)]
        if double and not _is_exact(double[0]):
            yield about_samples(
                "equal-alternatives",
                "note",
                double,
                f"{plural(len(double), 'sample')} with alternatives that differ in case or punctuation only, "
                f"as {double[0].id}: {shorten(double[0].key, 80)}",
                "keep one of them, unless a grader is exact",
            )


def find_near_contrasts(material: Material) -> Iterator[Finding]:
    """Nearly the same input with different answers: a good contrast, or one answer that is wrong."""
    for group in material.alike:
        for kind in dict.fromkeys(one.kind for one in group):
            members = [one for one in group if one.kind == kind]
            if len({one.plain for one in members}) > 1 and len({one.key for one in members}) > 1:
                yield about_samples(
                    "near-contrast",
                    "note",
                    members,
                    f"{len(members)} samples are nearly the same, with different targets: {members[0].short}",
                    "fine where the difference decides; else one target is wrong",
                )


def _is_exact(one: Glance) -> bool:
    return "'exact'" in one.graders
