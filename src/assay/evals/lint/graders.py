"""Graders that nobody should trust yet: untried judges, patterns that can run for ever, loose texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from assay.checks.check import shorten
from assay.evals.graders.grading import models_of
from assay.evals.judging.standing import told
from assay.evals.lint.finding import Finding, about_samples
from assay.evals.lint.material import Material
from assay.evals.lint.patterns import is_explosive
from assay.evals.suites.sample import Sample
from assay.numerals import plural, verb

__all__ = ["find_explosive_patterns", "find_loose_texts", "find_untried_judges"]

_SHORT = 2


def find_untried_judges(material: Material) -> Iterator[Finding]:
    """Models that grade and were not compared with what people say, or that a constant answer fools."""
    if material.standings is None:
        yield from _judges_unknown(material)
    for standing in material.standings or ():
        judged = next(sample for sample in material.suite.samples.specimens() if sample.kind in standing.kinds)
        audit = standing.audit
        if audit is not None and audit.flagged:
            yield about_samples(
                "fooled-judge", "error", [judged], told(standing),
                "sharpen its rubric or take another judge, and audit it again",
            )  # fmt: skip
        elif audit is None or audit.people is None:
            yield about_samples(
                "unaudited-judge", "warning", [judged], told(standing),
                "label some answers and run `assay judge audit`: its errors then stand beside the figures",
            )  # fmt: skip


def _judges_unknown(material: Material) -> Iterator[Finding]:
    for sample in material.suite.samples.specimens():
        models = [] if sample.id in material.ungradable else sorted(models_of([sample]))
        if models:
            yield about_samples(
                "unaudited-judge", "note", [sample], f"graded by {', '.join(models)}; audits were not looked at",
                "name the configuration, whose ledger has them: --config assay.toml",
            )  # fmt: skip


def find_explosive_patterns(material: Material) -> Iterator[Finding]:
    """Patterns that can take exponential time on some answer."""
    seen: set[str] = set()
    for sample, pattern in _patterns(material):
        if pattern not in seen and is_explosive(pattern):
            seen.add(pattern)
            yield about_samples(
                "explosive-pattern", "error", [sample],
                f"{sample.id}: the pattern {shorten(pattern, 60)!r} has a repeat within a repeat: it can run for ever",
                "write repeats that cannot overlap, or possessive ones (`a++`)",
            )  # fmt: skip


def _patterns(material: Material) -> Iterator[tuple[Sample, str]]:
    specimens = material.suite.samples.specimens()
    for sample in specimens:
        for spec in _nested(sample.graders):
            if isinstance(spec.get("pattern"), str):
                yield sample, spec["pattern"]
    of_target = {sample.kind for sample in specimens for spec in sample.graders if _is_pattern_of_target(spec)}
    for sample in material.suite.samples.only(of_target) if of_target else ():
        if any(map(_is_pattern_of_target, sample.graders)):
            targets = sample.target if isinstance(sample.target, list) else [sample.target]
            yield from ((sample, one) for one in targets if isinstance(one, str))


def _is_pattern_of_target(spec: dict[str, Any]) -> bool:
    return spec.get("check") == "regex" and spec.get("pattern") is None


def _nested(specs: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tables of graders, and those within them."""
    for spec in specs:
        yield spec
        for value in spec.values():
            inner = value if isinstance(value, list) else [value]
            yield from _nested(one for one in inner if isinstance(one, dict))


def find_loose_texts(material: Material) -> Iterator[Finding]:
    """Checks that look for a text of one or two signs anywhere in an answer: most answers hold it."""
    loose = {sample.kind for sample in material.suite.samples.specimens() if any(map(_is_loose, sample.graders))}
    for kind in loose:
        short = [one for one in material.of[kind] if one.target and min(map(len, one.target)) <= _SHORT]
        if short:
            yield about_samples(
                "loose-text", "warning", short,
                f"{plural(len(short), 'sample')} {verb(len(short), 'accepts', 'accept')} any answer that holds "
                f"a text like {min(short[0].target)!r}",
                "compare the whole answer (`exact`, `normalised`, `choice`, `numeric`)",
            )  # fmt: skip


def _is_loose(spec: dict[str, Any]) -> bool:
    named = any(spec.get(key) for key in ("any", "all", "none"))
    return spec.get("check") == "contains" and spec.get("at", "anywhere") == "anywhere" and not named
