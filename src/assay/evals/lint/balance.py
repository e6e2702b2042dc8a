"""Kinds in which no thought scores well: one label for most samples, graders that pass anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from assay.checks.check import shorten
from assay.evals.lint.finding import Finding, about_kind
from assay.evals.lint.material import Material
from assay.evals.lint.trials import ECHO, Baseline
from assay.numerals import plural

__all__ = ["find_constant_answers", "find_keyword_labels", "find_one_label"]

_MOST = 0.5


def find_constant_answers(material: Material) -> Iterator[Finding]:
    """A constant answer, or the question said back, that scores well."""
    for kind, baselines in material.trials.baselines.items():
        for one in baselines:
            bar = material.bar_of(kind)
            passes = bar is not None and one.share >= bar
            if not passes and one.share <= _MOST:
                continue
            members = material.of[kind]
            yield about_kind(
                "constant-answer",
                "error" if passes else "warning",
                members,
                f"{_said(one)} passes {one.passed} of {plural(one.tried, 'sample')} ({one.share:.0%})"
                + (f", and the bar is {bar:.0%}" if passes and bar is not None else ""),
                "add samples that this answer fails, or graders that do not accept it; raise the bar above it",
            )


def _said(one: Baseline) -> str:
    return "the question said back" if one.answer == ECHO else f"the constant answer {shorten(one.answer, 40)!r}"


def find_one_label(material: Material) -> Iterator[Finding]:
    """One label is much more frequent than the others."""
    for kind, labels in material.labels.items():
        members = material.of[kind]
        counts = Counter(one.target[0] for one in members)
        label, most = counts.most_common(1)[0]
        if len(labels) < 2 or most < _fair_share_exceeded(len(labels)) * len(members):
            continue
        rarest, least = counts.most_common()[-1]
        yield about_kind(
            "unbalanced",
            "warning" if most > _MOST * len(members) else "note",
            members,
            f"{label!r} is right for {most} of {plural(len(members), 'sample')}, {rarest!r} for {least}",
            "add samples of the rare labels: a share says little about them now",
        )


def _fair_share_exceeded(labels: int) -> float:
    """Twice the share that each of so many labels had if all were equal; of two or three, half way from it to all."""
    return min(2 / labels, (1 + 1 / labels) / 2)


def find_keyword_labels(material: Material) -> Iterator[Finding]:
    """Saying the one label that stands in the input would pass."""
    for kind, labels in material.labels.items():
        members = material.of[kind]
        named = [[label for label in labels if f" {label} " in f" {one.plain} "] for one in members]
        right = sum(found == [one.target[0]] for found, one in zip(named, members, strict=True))
        bar = material.bar_of(kind)
        if len(labels) > 1 and bar is not None and right >= bar * len(members):
            yield about_kind(
                "keyword-answer",
                "note",
                members,
                f"the right label is the only one in the input of {right} of {plural(len(members), 'sample')}",
                "a search for the word would pass the bar; add samples that do not name their label",
            )
