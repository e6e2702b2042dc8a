"""Runs side by side on the same samples: is one better, by how much, and where do they differ.

A difference counts as established when the test of `assay.stats.matched` says so (McNemar's exact one, where samples
pass or fail and stand alone) after Holm's adjustment for all pairs that were compared; the interval beside it tells its
size. Kinds are looked at one by one in the same way, as a family of their own, and so are synthetic samples, which
never count with those of real work.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations

import msgspec

from assay.errors import SuiteError
from assay.evals.figures.answers import Row, row_of
from assay.evals.figures.correction import Correction, corrected_lead
from assay.evals.figures.more_tokens import MoreTokens, more_tokens
from assay.evals.figures.scorecard import Comparison, Metrics, compare, metrics, with_tokens
from assay.evals.judging.labels import Verdicts
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Samples, Suite
from assay.numerals import plural
from assay.stats.multiple import holm
from assay.stats.power import detectable_difference, pairs_needed
from assay.types import Value

ALPHA = 0.05
POWER = 0.8


class Side(Value, frozen=True, kw_only=True):
    """One run that is compared.

    Attributes:
        name: its target's, with the run's id where two have the same.
        figures: of samples of real work.
        unscored: why samples have no score, and how many.
        synthetic: figures of samples that were made up; None without any.
        public: the harness that asked, of a public benchmark.
    """

    name: str
    target: str
    run: str
    seed: int
    figures: Metrics
    unscored: dict[str, int]
    synthetic: Metrics | None = None
    public: str | None = None


class Tested(Comparison, frozen=True, kw_only=True):
    """A comparison with what it comes to.

    Attributes:
        p_adjusted: the p-value after Holm's adjustment for everything tested beside it.
        better: whose lead is established; None = it cannot be told.
    """

    p_adjusted: float | None
    better: str | None


class Pair(Tested, frozen=True, kw_only=True):
    """Two runs.

    Attributes:
        more_samples: about so many more would show the difference that was seen, if it is real, with a chance of
            80 %; None where it is established or nothing was seen.
        detectable: the least difference that the shared samples show with a chance of 80 %; None where none would.
        kinds: the same per kind; adjusted for all pairs and kinds.
        synthetic: the same on samples that were made up, adjusted for all pairs; None without any.
        corrected: the difference as people see it, where they have read answers.
    """

    more_samples: int | None
    detectable: float | None
    kinds: dict[str, Tested]
    synthetic: Tested | None = None
    corrected: Correction | None = None


class Compared(Value, frozen=True, kw_only=True):
    """Runs of one suite, compared.

    Attributes:
        samples: samples of the suite that were looked at.
        best: the one whose lead over every other is established.
        rows: every sample that at least one run has answered, in the suite's order.
        more_tokens: sides that are configurations of one model: what more tokens an answer bought.
    """

    suite: str
    suite_digest: str
    samples: int
    sides: tuple[Side, ...]
    pairs: tuple[Pair, ...]
    best: str | None
    rows: tuple[Row, ...]
    more_tokens: tuple[MoreTokens, ...] = ()


def compare_runs(
    runs: Sequence[Run],
    suite: Suite,
    verdicts: Mapping[str, Verdicts] | None = None,
    *,
    rows: bool = True,
    models: Mapping[str, str] | None = None,
) -> Compared:
    """Compare runs on the samples of `suite`, which may be cut to some kinds or a split.

    Args:
        runs: what to compare.
        suite: what they are of.
        verdicts: what people say of answers, by run.
        rows: with every sample, for which the runs must have been read whole (`read_run`).
        models: target -> the model that it is a configuration of, where it is of one.

    Raises:
        SuiteError: a run is of another suite, or of the same before it was changed; or it is there twice.
    """
    check_suite(runs, suite)
    named = dict(zip(_names(runs), runs, strict=True))
    pairs = _pairs(named, suite, verdicts or {})
    sides = tuple(_side(name, run, suite) for name, run in named.items())
    of = {one.name: model for one in sides if (model := (models or {}).get(one.target)) is not None}
    return Compared(
        suite=suite.name,
        suite_digest=suite.digest,
        samples=len(suite.samples),
        sides=sides,
        pairs=pairs,
        best=next((name for name in named if pairs and _leads(name, pairs)), None),
        rows=tuple(row for sample in suite.samples if (row := row_of(sample, named)).replies) if rows else (),
        more_tokens=more_tokens(of, named, {one.name: one.figures.tokens for one in sides}, _real(suite)),
    )


def _real(suite: Suite) -> Samples:
    """Samples of real work."""
    return suite.samples.made_up(False)


def check_suite(runs: Sequence[Run], suite: Suite) -> None:
    """Make sure that runs can be compared on a suite, before anything is asked for it; errors as in `compare_runs`."""
    for run in runs:
        if run.row.suite_digest != suite.digest and run.row.harness is not None:
            raise SuiteError(
                f"run {run.row.id[:12]} of {run.row.target!r} is of a public benchmark ({run.row.suite}, content "
                f"{run.row.suite_digest[:12]}), which has no suite here; `assay report {run.row.id[:16]}` has its "
                f"figures, and `assay compare` takes the ids of runs of the very same tasks"
            )
        if run.row.suite_digest != suite.digest:
            raise SuiteError(
                f"run {run.row.id[:12]} of {run.row.target!r} is of suite {run.row.suite!r}, content "
                f"{run.row.suite_digest[:12]}, not of {suite.name!r}, content {suite.digest[:12]}, in {suite.folder}; "
                "only runs of one suite can be compared"
            )
    twice = next((one for one, count in Counter(run.row.id for run in runs).items() if count > 1), None)
    if twice is not None:
        raise SuiteError(f"run {twice[:12]} is named twice; name two different ones")


def _names(runs: Sequence[Run]) -> list[str]:
    targets = [run.row.target for run in runs]
    ids = [run.row.id for run in runs]
    chars = 12 if len({one[:12] for one in ids}) == len(ids) else None  # which are milliseconds: mostly that is enough
    return [
        target if targets.count(target) == 1 else f"{target}@{one[:chars]}"
        for target, one in zip(targets, ids, strict=True)
    ]


def _side(name: str, run: Run, suite: Suite) -> Side:
    real, made_up = _real(suite), suite.samples.made_up(True)
    reasons = Counter(
        row.unscored or "unknown"
        for row in run.results.values()
        if row.value is None and suite.samples.has(row.sample_id)
    )
    return Side(
        name=name,
        target=run.row.target,
        run=run.row.id,
        seed=run.row.seed,
        figures=_figures(run, real),
        unscored=dict(reasons.most_common()),
        synthetic=_figures(run, made_up) if made_up else None,
        public=run.row.harness,
    )


def _figures(run: Run, samples: Samples) -> Metrics:
    rows = (row for row in run.results.values() if samples.has(row.sample_id))
    return with_tokens(metrics(rows, len(samples), samples.group_of), run, samples)


# ------------------------------------------------------------------------------------------- pairs


def _pairs(named: dict[str, Run], suite: Suite, verdicts: Mapping[str, Verdicts]) -> tuple[Pair, ...]:
    couples = list(combinations(named, 2))
    real, made_up = _real(suite), suite.samples.made_up(True)
    per_kind = [
        (couple, kind, _compare(named, couple, real.only((kind,)))) for couple in couples for kind in suite.kinds
    ]
    kinds: dict[tuple[str, str], dict[str, Tested]] = {couple: {} for couple in couples}
    for (couple, kind, _), tested in zip(per_kind, _tested([found for *_, found in per_kind]), strict=True):
        kinds[couple][kind] = tested
    overall = _tested([_compare(named, couple, real) for couple in couples])
    synthetic = _tested([_compare(named, couple, made_up) for couple in couples]) if made_up else [None] * len(couples)
    return tuple(
        msgspec.structs.replace(
            _pair(tested, kinds[couple], len(couples)),
            synthetic=other,
            corrected=_corrected(named, couple, real, verdicts),
        )
        for couple, tested, other in zip(couples, overall, synthetic, strict=True)
    )


def _compare(named: dict[str, Run], couple: tuple[str, str], samples: Samples) -> Comparison:
    a, b = couple
    return msgspec.structs.replace(compare(named[a], named[b], samples), a=a, b=b)


def _corrected(
    named: dict[str, Run], couple: tuple[str, str], samples: Samples, verdicts: Mapping[str, Verdicts]
) -> Correction | None:
    a, b = (named[name] for name in couple)
    said = verdicts.get(a.row.id), verdicts.get(b.row.id)
    if said[0] is None or said[1] is None:
        return None
    return corrected_lead(a, b, samples.ids, (said[0], said[1]), samples.group_of)


def _tested(comparisons: Sequence[Comparison]) -> list[Tested]:
    """With p-values adjusted for one another; what has no shared sample is no test."""
    adjusted = iter(holm([found.p_value for found in comparisons if found.p_value is not None]))
    tested: list[Tested] = []
    for found in comparisons:
        p_adjusted = next(adjusted) if found.p_value is not None else None
        better = None
        if p_adjusted is not None and p_adjusted <= ALPHA:
            better = found.a if (found.difference or 0.0) > 0 else found.b
        tested.append(Tested(**msgspec.structs.asdict(found), p_adjusted=p_adjusted, better=better))
    return tested


def _pair(tested: Tested, kinds: dict[str, Tested], pairs: int) -> Pair:
    more = detectable = None
    if tested.samples:
        difference = tested.difference or 0.0
        discordant = max(tested.discordant or 0.0, abs(difference))
        level = ALPHA / pairs  # the strictest that Holm's adjustment may ask for
        independent = int(tested.samples / tested.design_effect)
        detectable = detectable_difference(independent, discordant, alpha=level, power=POWER)
        need = pairs_needed(difference, discordant, alpha=level, power=POWER)
        if tested.better is None and need is not None:
            more = max(1, math.ceil(need * tested.design_effect) - tested.samples)
    return Pair(**msgspec.structs.asdict(tested), more_samples=more, detectable=detectable, kinds=kinds)


def _leads(name: str, pairs: Sequence[Pair]) -> bool:
    return all(pair.better == name for pair in pairs if name in (pair.a, pair.b))


# ------------------------------------------------------------------------------------------- verdict


def verdict(compared: Compared) -> str:
    """What the comparison says, in a sentence or one per pair."""
    if len(compared.pairs) == 1:
        return _sentence(compared.pairs[0])
    head = f"{compared.best} is better than every other." if compared.best else "No one is better than every other."
    return "\n".join([head, *(f"  {_sentence(pair)}" for pair in compared.pairs)])


def _sentence(pair: Pair) -> str:
    if pair.difference is None or pair.interval is None or pair.p_adjusted is None:
        return _no_sentence(pair)
    test = f"on {_size(pair)}, p = {pair.p_adjusted:.2g}"
    if pair.better is not None:
        flip = pair.better != pair.a
        worse = pair.a if flip else pair.b
        return f"{pair.better} is better than {worse} by {_points(pair.difference, pair.interval, flip)} {test}."
    size = _points(pair.difference, pair.interval)
    return f"This suite cannot tell {pair.a} and {pair.b} apart: {size} {test} > {ALPHA}; {_what_would(pair)}."


def _no_sentence(pair: Pair) -> str:
    made_up = pair.synthetic
    if made_up is None or made_up.difference is None or made_up.interval is None:
        return f"{pair.a} and {pair.b} cannot be compared: there is no sample that both have a score for."
    size = f"{_points(made_up.difference, made_up.interval)} on {plural(made_up.samples, 'sample')} that were made up"
    return (
        f"{pair.a} and {pair.b} cannot be compared: there is no sample of real work that both have a score for; {size}."
    )


def _size(one: Comparison) -> str:
    return plural(one.samples, "sample") + (f" in {plural(one.groups, 'group')}" if one.groups is not None else "")


def _points(difference: float, interval: tuple[float, float], flip: bool = False) -> str:
    """A difference of shares in percentage points, with its interval; `flip` exchanges the two sides."""
    low, high = (-interval[1], -interval[0]) if flip else interval
    value = -difference if flip else difference
    return f"{value * 100:+.0f} points [{low * 100:+.0f}, {high * 100:+.0f}]"


def _what_would(pair: Pair) -> str:
    if pair.more_samples is not None:
        return (
            f"if that difference is real, about {plural(pair.more_samples, 'more sample')} would show it (80 % power)"
        )
    if pair.detectable is not None:
        return f"a difference of {pair.detectable * 100:.0f} points or more would have shown (80 % power)"
    return f"they differ on {plural(pair.only_a + pair.only_b, 'sample')}, too few to show any difference"
