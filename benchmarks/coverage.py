"""How often intervals hold the truth, and tests cry wolf: `python -m benchmarks.coverage [--runs N] [--json]`.

Data are drawn many times from a known truth. An interval that says 95 % should hold it in 95 % of the draws, and may in
more; a test at 5 % should reject a true hypothesis in 5 % at most. Beside each stands the interval that most people
use, on the same draws: Wilson's for every score as if it stood alone, or the normal one.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from assay.stats.intervals import Interval, wilson
from assay.stats.matched import matched
from assay.stats.misjudged import Confusion, true_share
from assay.stats.prediction_powered import corrected_difference, corrected_share
from assay.stats.repeats import all_of, any_of, pass_all_of, pass_any_of, steady
from assay.stats.shares import share

Draw = Callable[[random.Random], tuple[Interval, Interval]]


class Case(NamedTuple):
    """A figure, where it was drawn, its true value, and a draw of our interval and the usual one."""

    figure: str
    where: str
    truth: float
    draw: Draw


class Covered(NamedTuple):
    """What many draws come to; widths are means."""

    figure: str
    where: str
    covered: float
    width: float
    usual_covered: float
    usual_width: float


def measure(case: Case, runs: int, seed: int = 0) -> Covered:
    """The coverage of a case."""
    rng = random.Random(f"{seed}/{case.figure}/{case.where}")  # noqa: S311 - a simulation
    ours = usual = 0
    width = usual_width = 0.0
    for _ in range(runs):
        mine, other = case.draw(rng)
        ours += mine.low - 1e-12 <= case.truth <= mine.high + 1e-12
        usual += other.low - 1e-12 <= case.truth <= other.high + 1e-12
        width += mine.high - mine.low
        usual_width += other.high - other.low
    return Covered(case.figure, case.where, ours / runs, width / runs, usual / runs, usual_width / runs)


# ------------------------------------------------------------------------------------------- draws


def rate(rng: random.Random, mean: float, correlation: float) -> float:
    """The chance to pass in one group: beta-distributed, so that two samples of a group correlate so much."""
    if correlation <= 0:
        return mean
    if correlation >= 1:
        return float(rng.random() < mean)
    size = 1 / correlation - 1
    return rng.betavariate(mean * size, (1 - mean) * size)


def normal(values: Sequence[float]) -> Interval:
    """The textbook interval of a mean: +- 1.96 standard errors."""
    n, mean = len(values), math.fsum(values) / len(values)
    half = 1.96 * math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return Interval(mean - half, mean + half)


def grouped_share(groups: int, size: int, mean: float, correlation: float) -> Case:
    """Right or wrong, in groups."""

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        values, names = [], []
        for group in range(groups):
            chance = rate(rng, mean, correlation)
            values += [float(rng.random() < chance) for _ in range(size)]
            names += [group] * size
        found = share(values, names)
        assert found is not None
        return found.interval, wilson(sum(values), len(values))

    return Case("share in groups", f"{groups} x {size}, {mean:.0%}, correlation {correlation:g}", mean, draw)


def fractional_share(name: str, n: int, mean: float, value: Callable[[random.Random], float]) -> Case:
    """Scores between 0 and 1."""

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        values = [value(rng) for _ in range(n)]
        found = share(values)
        assert found is not None
        return found.interval, normal(values)

    return Case("share of fractions", f"{n} {name}", mean, draw)


def repeated(figure: str, samples: int, repeats: int, tries: int) -> Case:
    """pass@k, pass^k or steadiness; a sample's chance to pass is uniform."""
    truth = {"pass@k": tries / (tries + 1), "pass^k": 1 / (tries + 1), "steadiness": 2 / (repeats + 1)}[figure]

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        chances = [rng.random() for _ in range(samples)]
        counts = [(sum(rng.random() < chance for _ in range(repeats)), repeats) for chance in chances]
        if figure == "steadiness":
            found, values = steady(counts), [float(passed in (0, n)) for passed, n in counts]
        elif figure == "pass@k":
            found, values = pass_any_of(counts, tries), [any_of(passed, n, tries) for passed, n in counts]
        else:
            found, values = pass_all_of(counts, tries), [all_of(passed, n, tries) for passed, n in counts]
        assert found is not None
        return found.interval, normal(values)

    return Case(figure, f"{samples} samples x {repeats}, k = {tries}", truth, draw)


def grouped_difference(groups: int, size: int, differ: float, correlation: float) -> Case:
    """Right or wrong, paired, in groups: B has A's result except where it differs, which comes in groups."""
    mean = 0.8

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        pairs, names = [], []
        for group in range(groups):
            often = rate(rng, differ, correlation)
            for _ in range(size):
                a = float(rng.random() < mean)
                pairs.append((a, 1 - a if rng.random() < often else a))
                names.append(group)
        found, alone = matched(pairs, names), matched(pairs)
        assert found is not None
        assert alone is not None
        return found.interval, alone.interval

    truth = differ * (2 * mean - 1)
    return Case(
        "difference in groups", f"{groups} x {size}, differ {differ:.0%}, correlation {correlation:g}", truth, draw
    )


def fractional_difference(n: int, size: int, differ: float) -> Case:
    """Means of five repeats, paired: on some samples A is surer; in groups of `size`."""

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        pairs, names = [], []
        for place in range(n):
            chance, surer = rng.random() * 0.8, rng.random() < differ
            tries = [[rng.random() < chance + 0.2 * surer for _ in range(5)], [rng.random() < chance for _ in range(5)]]
            pairs.append((sum(tries[0]) / 5, sum(tries[1]) / 5))
            names.append(place // size)
        found = matched(pairs, names if size > 1 else None)
        assert found is not None
        return found.interval, normal([a - b for a, b in pairs])

    return Case("difference of fractions", f"{n} in groups of {size}, surer on {differ:.0%}", 0.2 * differ, draw)


def corrected(n: int, labels: int, right: float, sensitivity: float, specificity: float) -> Case:
    """A judge's share put right by labels of a random few of its own answers; the usual one believes the judge."""

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        truths, judged = judge(rng, n, right, sensitivity, specificity)
        found = corrected_share(judged, [*truths[:labels], *[None] * (n - labels)])
        assert found is not None
        return found.interval, wilson(sum(judged), n)

    where = f"{labels} labels of {n}, {right:.0%}, judge {sensitivity:g} / {specificity:g}"
    return Case("judged share, corrected", where, right, draw)


def corrected_lead(n: int, labels: int, a: float, b: float) -> Case:
    """The difference of two candidates with a judge that is kinder to A's wrong answers; labels of both answers."""

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        first, second = judge(rng, n, a, 0.95, 0.7), judge(rng, n, b, 0.95, 0.95)
        judged = [x - y for x, y in zip(first[1], second[1], strict=True)]
        truths = [x - y for x, y in zip(first[0], second[0], strict=True)]
        found = corrected_difference(judged, [*truths[:labels], *[None] * (n - labels)])
        assert found is not None
        return found.interval, normal(judged)

    return Case("judged difference, corrected", f"{labels} labels of {n}, {a:.0%} and {b:.0%}", a - b, draw)


def known_judge(n: int, labels: int, right: float, sensitivity: float, specificity: float) -> Case:
    """Rogan and Gladen's share with labels of other answers, half of them right."""

    def draw(rng: random.Random) -> tuple[Interval, Interval]:
        _, judged = judge(rng, n, right, sensitivity, specificity)
        truths, verdicts = judge(rng, labels, 0.5, sensitivity, specificity)
        found = true_share(sum(judged), n, Confusion.of(verdicts, truths))
        return found.interval if found is not None else Interval(0.0, 1.0), wilson(sum(judged), n)

    where = f"{labels} labels elsewhere, {n} answers, {right:.0%}, judge {sensitivity:g} / {specificity:g}"
    return Case("share by a known judge", where, right, draw)


def judge(
    rng: random.Random, n: int, right: float, sensitivity: float, specificity: float
) -> tuple[list[float], list[float]]:
    """What is true of n answers, and what a judge says."""
    truths = [float(rng.random() < right) for _ in range(n)]
    return truths, [float(rng.random() < (sensitivity if truth else 1 - specificity)) for truth in truths]


# ------------------------------------------------------------------------------------------- tables


def quick_cases() -> Iterator[Case]:
    """Those that cost little."""
    for groups, size in ((6, 10), (10, 5), (20, 10), (50, 3)):
        for mean in (0.5, 0.85, 0.97):
            for correlation in (0.0, 0.2, 0.6, 1.0):
                yield grouped_share(groups, size, mean, correlation)
    for n in (10, 30, 100):
        yield fractional_share("means of 5 repeats", n, 0.5, lambda rng: sum(rng.random() < 0.5 for _ in range(5)) / 5)
        yield fractional_share("mostly 1, rarely 0.3", n, 0.965, lambda rng: 0.3 if rng.random() < 0.05 else 1.0)
        yield fractional_share("beta(8, 0.5)", n, 16 / 17, lambda rng: rng.betavariate(8, 0.5))
    for figure in ("pass@k", "pass^k", "steadiness"):
        yield repeated(figure, 40, 5, 3)
    for groups, size in ((6, 10), (10, 20), (30, 5)):
        for differ, correlation in ((0.05, 0.0), (0.05, 0.8), (0.2, 0.3), (0.2, 0.8)):
            yield grouped_difference(groups, size, differ, correlation)
    for n, labels in ((100, 20), (500, 50), (1000, 100)):
        for right in (0.5, 0.8, 0.95):
            for sensitivity, specificity in ((0.95, 0.95), (0.99, 0.9), (0.9, 0.4)):
                yield corrected(n, labels, right, sensitivity, specificity)
                yield known_judge(n, labels, right, sensitivity, specificity)
        yield corrected_lead(n, labels, 0.8, 0.7)
        yield corrected_lead(n, labels, 0.9, 0.9)


def slow_cases() -> Iterator[Case]:
    """Those that resample in every draw."""
    for n, size in ((10, 1), (30, 1), (100, 1), (50, 5), (150, 5)):
        for differ in (0.1, 0.5):
            yield fractional_difference(n, size, differ)


def sizes(runs: int, seed: int = 0) -> dict[str, float]:
    """How often tests at 5 % reject that two equal candidates are equal; `usual` forgets the groups."""
    rng = random.Random(f"{seed}/sizes")  # noqa: S311 - a simulation
    rejected = {"groups": 0, "groups, usual": 0, "fractions": 0, "fractions in groups": 0}
    for _ in range(runs):
        pairs, names = [], []
        for group in range(20):
            leads = rate(rng, 0.5, 0.5)
            for _ in range(10):
                differs, won = rng.random() < 0.3, rng.random() < leads
                pairs.append((float(won), float(not won)) if differs else (1.0, 1.0))
                names.append(group)
        rejected["groups"] += _p(matched(pairs, names)) <= 0.05
        rejected["groups, usual"] += _p(matched(pairs)) <= 0.05
        fractions = [(sum(rng.random() < 0.7 for _ in range(3)) / 3, sum(rng.random() < 0.7 for _ in range(3)) / 3)
                     for _ in range(40)]  # fmt: skip
        rejected["fractions"] += _p(matched(fractions)) <= 0.05
        rejected["fractions in groups"] += _p(matched(fractions, [place // 4 for place in range(40)])) <= 0.05
    return {name: count / runs for name, count in rejected.items()}


def _p(found: object) -> float:
    return getattr(found, "p_value", 1.0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = [measure(case, given.runs, given.seed) for case in quick_cases()]
    found += [measure(case, max(1, given.runs // 4), given.seed) for case in slow_cases()]
    wolf = sizes(max(1, given.runs // 4), given.seed)
    if given.json:
        print(json.dumps({"coverage": [one._asdict() for one in found], "sizes": wolf}, indent=2))
        return
    print(f"{'figure':<29} {'drawn from':<58} covered  width   usual  width")
    for one in found:
        print(
            f"{one.figure:<29} {one.where:<58} {one.covered:7.1%} {one.width:6.3f} {one.usual_covered:7.1%} "
            f"{one.usual_width:6.3f}"
        )
    for figure in dict.fromkeys(one.figure for one in found):
        some = [one for one in found if one.figure == figure]
        least, usual = min(one.covered for one in some), min(one.usual_covered for one in some)
        print(f"{figure}: least {least:.1%}, the usual one {usual:.1%}")
    print("rejected at 5 % though equal: " + ", ".join(f"{name} {part:.1%}" for name, part in wolf.items()))


if __name__ == "__main__":
    main()
