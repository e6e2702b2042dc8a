"""What answers say about samples: those that everybody passes or fails, and those that the better candidates fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from assay.evals.lint.finding import Finding, about_samples, ids
from assay.evals.lint.material import Glance, Material
from assay.numerals import plural

__all__ = ["find_failed_by_all", "find_passed_by_all", "find_turned_round"]

_LEAST_RUNS = 2
_LEAST_FOR_CORRELATION = 4
_TURNED = -0.5
_GOOD = 0.5


def find_passed_by_all(material: Material) -> Iterator[Finding]:
    """Samples that every candidate passes: they tell none of them apart."""
    for members, values in _kinds(material):
        easy = [one for one in members if _all(values.get(one.id), passed=True)]
        if easy:
            of = plural(len(members), "sample")
            yield about_samples(
                "passed-by-all", "note", easy,
                f"all {len(material.runs)} candidates pass {len(easy)} of {of}: {ids(easy)}",
                "they tell no candidates apart; keep those that guard what must never break, add harder ones",
            )  # fmt: skip


def find_failed_by_all(material: Material) -> Iterator[Finding]:
    """Samples that every candidate fails in a kind that some are good at: the target may be wrong."""
    for members, values in _kinds(material):
        hard = [one for one in members if _all(values.get(one.id), passed=False)]
        best = max((share for share in _shares(members, values, material) if share is not None), default=0.0)
        if hard and best >= _GOOD:
            yield about_samples(
                "failed-by-all", "warning", hard,
                f"all {len(material.runs)} candidates fail {len(hard)} of {plural(len(members), 'sample')}; "
                f"the best one passes {best:.0%}: {ids(hard)}",
                "read the answers (`assay compare`): the target or a grader may be wrong",
            )  # fmt: skip


def find_turned_round(material: Material) -> Iterator[Finding]:
    """Samples that better candidates fail and worse ones pass: item-total correlation below zero."""
    if len(material.runs) < _LEAST_FOR_CORRELATION:
        return
    for members, values in _kinds(material):
        turned = []
        for one in members:
            found = correlation(one.id, values)
            if found is not None and found <= _TURNED:
                turned.append((found, one))
        if turned:
            worst = min(turned)[0]
            yield about_samples(
                "turned-round", "warning", [one for _, one in turned],
                f"better candidates fail and worse ones pass {len(turned)} of {plural(len(members), 'sample')} "
                f"(item-total correlation down to {worst:.2f}): {ids([one for _, one in turned])}",
                "read them: the target is probably wrong, or the question has two answers",
            )  # fmt: skip


def correlation(sample: str, values: Mapping[str, Mapping[str, float]]) -> float | None:
    """Of a sample's values with the candidates' shares on all other samples; None where it is not defined.

    The corrected item-total correlation (Henrysson 1963, Psychometrika 28:211).

    Args:
        sample: its id.
        values: sample -> candidate -> value.
    """
    own = values.get(sample, {})
    if len(own) < _LEAST_FOR_CORRELATION:
        return None
    rest = {name: [row[name] for one, row in values.items() if one != sample and name in row] for name in own}
    pairs = [(own[name], fmean(others)) for name, others in rest.items() if others]
    return _pearson(pairs)


def _pearson(pairs: Sequence[tuple[float, float]]) -> float | None:
    if len(pairs) < _LEAST_FOR_CORRELATION:
        return None
    mx, my = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    sxx, syy = sum((x - mx) ** 2 for x, _ in pairs), sum((y - my) ** 2 for _, y in pairs)
    if sxx < 1e-12 or syy < 1e-12:
        return None
    return float(sum((x - mx) * (y - my) for x, y in pairs) / (sxx * syy) ** 0.5)


def _kinds(material: Material) -> Iterator[tuple[list[Glance], dict[str, dict[str, float]]]]:
    """Each kind with its samples and sample -> candidate -> value; nothing where too few have been asked."""
    if len(material.runs) < _LEAST_RUNS:
        return
    for members in material.of.values():
        values: dict[str, dict[str, float]] = {}
        for name, run in material.runs.items():
            for one in members:
                row = run.results.get(one.id)
                if row is not None and row.value is not None:
                    values.setdefault(one.id, {})[name] = row.value
        whole = {sample: row for sample, row in values.items() if len(row) == len(material.runs)}
        if whole:
            yield members, whole


def _all(row: Mapping[str, float] | None, *, passed: bool) -> bool:
    return row is not None and all((value >= 1.0) is passed for value in row.values())


def _shares(
    members: Sequence[Glance], values: Mapping[str, Mapping[str, float]], material: Material
) -> Iterator[float | None]:
    for name in material.runs:
        own = [values[one.id][name] for one in members if one.id in values]
        yield fmean(own) if own else None
