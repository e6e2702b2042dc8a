"""What a suite can show, told before money is spent on it: per kind and for all of it.

How often two candidates differ on a sample decides what a comparison can show. It is taken from earlier runs of the
suite where there are some, and else assumed: on five public benchmarks two models within five points of each other
differed on 7 to 28 % of the items (docs/decisions/033-intervals.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Literal

from assay.evals.figures.scorecard import compare
from assay.evals.runs.runner import Run
from assay.evals.suites.suite import Samples, Suite
from assay.stats.power import chance_told, detectable_difference, half_width, pairs_needed
from assay.types import Value

__all__ = ["Ability", "Plan", "plan"]

ASSUMED_DISCORDANT = (0.1, 0.3)
ASSUMED_CORRELATION = 0.2
POWER = 0.8
_FEWEST_SHARED = 20
_MOST_RUNS = 6


class Ability(Value, frozen=True, kw_only=True):
    """What some samples can show. Of each pair the first is for candidates that differ seldom, the second often.

    Attributes:
        samples: of real work; made-up ones do not count.
        groups: number of groups that they come in; None = each stands alone.
        worth: as many samples that each stand alone.
        bar: share to pass.
        half_width: of the 95 % interval of one candidate, at its widest.
        discordant: share of samples on which exactly one of two candidates is right; one figure where it was measured.
        basis: `measured` in earlier runs of this suite, or `assumed`.
        detectable: least difference that shows with a chance of 80 %; None = none would.
        needed: samples with which the wished difference shows with a chance of 80 %.
        told_below: chance that a candidate is told from the bar whose true share is the wished difference below it.
        told_above: the same above it; None where that would be more than all.
    """

    samples: int
    groups: int | None
    worth: float
    bar: float
    half_width: float
    discordant: tuple[float, ...]
    basis: Literal["measured", "assumed"]
    detectable: tuple[float | None, ...]
    needed: tuple[int, ...]
    told_below: float
    told_above: float | None


class Plan(Value, frozen=True, kw_only=True):
    """The power of a suite.

    Attributes:
        difference: the one that is wished for.
        correlation: of samples of one group, 0 to 1, where groups exist; `correlation_basis` says whence.
        runs: earlier runs that were looked at.
        synthetic: samples that were made up.
    """

    suite: str
    suite_digest: str
    difference: float
    correlation: float
    correlation_basis: Literal["measured", "assumed", "given"]
    runs: int
    synthetic: int
    overall: Ability
    kinds: dict[str, Ability]


def plan(
    suite: Suite,
    runs: Sequence[Run] = (),
    *,
    difference: float = 0.05,
    bar: float = 0.8,
    force_bar: float | None = None,
    groups: int | None = None,
    correlation: float | None = None,
) -> Plan:
    """What a suite can show.

    Args:
        suite: may be cut to some kinds or a split.
        runs: earlier ones of the same suite; those of different targets are compared.
        difference: wished for, as a share.
        bar: of kinds that have none.
        force_bar: instead of every kind's own.
        groups: number of groups in all, instead of the suite's own.
        correlation: of samples of one group; default: measured, else assumed.
    """
    real = suite.samples.made_up(False)
    latest = list({run.row.target: run for run in reversed(runs)}.values())[-_MOST_RUNS:]
    measured = _correlation(latest, real)
    alike = correlation if correlation is not None else measured if measured is not None else ASSUMED_CORRELATION
    part = groups / len(real) if groups is not None and real else None

    def ability(samples: Samples, own_bar: float) -> Ability:
        counted = _groups(samples) if part is None else max(1, round(part * len(samples)))
        clustered = counted < len(samples)
        worth = len(samples) / _design_effect(samples, counted, alike, planned=part is not None)
        discordant = _discordant(latest, samples)
        basis: Literal["measured", "assumed"] = "measured" if discordant else "assumed"
        return _ability(
            len(samples), counted if clustered else None, worth, own_bar, discordant or ASSUMED_DISCORDANT, basis,
            difference,
        )  # fmt: skip

    def bar_of(kind: str) -> float:
        own = suite.kinds[kind]
        return force_bar or own.bar or (1.0 if own.gate else bar)

    return Plan(
        suite=suite.name,
        suite_digest=suite.digest,
        difference=difference,
        correlation=alike,
        correlation_basis="given" if correlation is not None else "measured" if measured is not None else "assumed",
        runs=len(latest),
        synthetic=len(suite.samples) - len(real),
        overall=ability(real, force_bar or bar),
        kinds={kind: ability(real.only((kind,)), bar_of(kind)) for kind in suite.kinds},
    )


def _ability(
    samples: int,
    groups: int | None,
    worth: float,
    bar: float,
    discordant: tuple[float, ...],
    basis: Literal["measured", "assumed"],
    difference: float,
) -> Ability:
    alone, effect = math.floor(worth), samples / worth if worth else 1.0
    return Ability(
        samples=samples,
        groups=groups,
        worth=worth,
        bar=bar,
        half_width=half_width(worth),
        discordant=discordant,
        basis=basis,
        detectable=tuple(_detectable(alone, one) for one in discordant),
        needed=tuple(_needed(difference, one, effect) for one in discordant),
        told_below=chance_told(alone, max(0.0, bar - difference), bar),
        told_above=chance_told(alone, bar + difference, bar) if bar + difference <= 1 else None,
    )


def _detectable(samples: int, discordant: float) -> float | None:
    """The least difference that shows; with one above `discordant`, candidates differ as often as that at least."""
    found = detectable_difference(samples, discordant, power=POWER)
    if found is not None:
        return found
    steps = (step / 100 for step in range(math.ceil(discordant * 100), 101))
    return next((one for one in steps if one and (pairs_needed(one, one, power=POWER) or 0) <= samples), None)


def _needed(difference: float, discordant: float, effect: float) -> int:
    found = pairs_needed(difference, max(difference, discordant), power=POWER)
    assert found is not None  # noqa: S101 - the difference is above 0
    return math.ceil(found * effect)


def _groups(samples: Samples) -> int:
    names = [samples.group_of(one) for one in samples.ids]
    return len({name for name in names if name is not None}) + names.count(None)


def _design_effect(samples: Samples, groups: int, correlation: float, *, planned: bool) -> float:
    """1 + (mean size of a sample's group - 1) * correlation: Kish, Survey Sampling, 5.4; 1 where each stands alone."""
    if not len(samples) or groups >= len(samples):
        return 1.0
    if planned:
        return 1.0 + (len(samples) / groups - 1.0) * correlation
    sizes: dict[str, int] = {}
    alone = 0
    for one in samples.ids:
        group = samples.group_of(one)
        if group is None:
            alone += 1
        else:
            sizes[group] = sizes.get(group, 0) + 1
    mean_size = (alone + sum(size * size for size in sizes.values())) / len(samples)
    return 1.0 + (mean_size - 1.0) * correlation


def _discordant(runs: Sequence[Run], samples: Samples) -> tuple[float, ...]:
    """How often pairs of runs differed: the least and the most of them; empty when they share too few samples."""
    found = [compare(a, b, samples) for a, b in combinations(runs, 2)]
    seen = [one.discordant for one in found if one.discordant is not None and one.samples >= _FEWEST_SHARED]
    return tuple(dict.fromkeys((min(seen), max(seen)))) if seen else ()


def _correlation(runs: Sequence[Run], samples: Samples) -> float | None:
    """Of differences within groups, from how much they swell the variance; None without groups or runs."""
    groups = _groups(samples)
    if groups >= len(samples) or not len(samples):
        return None
    swell = _design_effect(samples, groups, 1.0, planned=False) - 1.0
    found = [compare(a, b, samples) for a, b in combinations(runs, 2)]
    effects = [one.design_effect for one in found if one.samples >= _FEWEST_SHARED]
    return min(1.0, max(0.0, (median(effects) - 1.0) / swell)) if effects and swell > 0 else None
