"""Paired scores: McNemar and Newcombe where they fit, exchanged names and resampling where they do not."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.stats.bootstrap import bootstrap_t
from assay.stats.clusters import Cluster, clusters, mean_variance, weighted_mean
from assay.stats.matched import clustered_difference, matched
from assay.stats.paired import mcnemar_exact, paired_difference
from assay.stats.sign_flips import sign_flip_test

whole = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=1, max_size=60)
fractions = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=25)


# ------------------------------------------------------------------------------------------- exchanged names


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_for_right_and_wrong_it_is_mcnemars_test(b: int, c: int, equal: int) -> None:
    """Differences of -1, 0 and 1: the same p-value to the last bit."""
    assert sign_flip_test([1.0] * b + [-1.0] * c + [0.0] * equal) == mcnemar_exact(b, c)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_all_choices_of_signs_are_counted(numbers: list[int]) -> None:
    """The p-value is the share of sums, over every choice of signs, that are as far from 0."""
    differences = [number / 3 for number in numbers]
    sums = [
        abs(sum(map(math.prod, zip(signs, numbers, strict=True))))
        for signs in itertools.product((-1, 1), repeat=len(numbers))
    ]
    expected = sum(one >= abs(sum(numbers)) for one in sums) / len(sums)
    assert sign_flip_test(differences) == pytest.approx(expected, abs=1e-12)


def test_it_is_the_permutation_test_of_scipy() -> None:
    """The same as scipy's, which goes through all choices, for fractions."""
    rng = random.Random(2)  # noqa: S311 - a seeded sequence
    for _ in range(5):
        differences = [rng.randint(-5, 6) / 5 for _ in range(11)]
        theirs = stats.permutation_test(
            (np.array(differences),), lambda x, axis: x.sum(axis=axis), permutation_type="samples", n_resamples=np.inf
        )
        assert sign_flip_test(differences) == pytest.approx(theirs.pvalue, abs=1e-12)


def test_thousands_of_groups_use_the_large_sample_form() -> None:
    """Where counting would take long, and where scores have no common unit, the p-value is that of a normal sum."""
    rng = random.Random(3)  # noqa: S311 - a seeded sequence
    totals = [float(rng.randint(-9, 10)) for _ in range(4000)]
    z = sum(totals) / math.sqrt(sum(one * one for one in totals))
    assert sign_flip_test(totals) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
    odd = [rng.random() - 0.4 for _ in range(200)]
    z = sum(odd) / math.sqrt(sum(one * one for one in odd))
    assert sign_flip_test(odd) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)
    some = totals[:600]  # counted, and near the large-sample form
    z = sum(some) / math.sqrt(sum(one * one for one in some))
    assert sign_flip_test(some) == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.01)


def test_no_difference_is_no_evidence() -> None:
    """Nothing but ties, or a sum of 0: p = 1."""
    assert sign_flip_test([]) == sign_flip_test([0.0, 0.0]) == sign_flip_test([0.5, -0.5]) == 1.0


# ------------------------------------------------------------------------------------------- resampling


def _exact_bootstrap(values: list[float], confidence: float = 0.95) -> tuple[float, float]:
    """The studentised bootstrap with every resample there is."""
    n, mean, error = len(values), float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    drawn = []
    for choice in itertools.product(values, repeat=n):
        spread = float(np.std(choice, ddof=1)) / math.sqrt(n)
        drawn.append((float(np.mean(choice)) - mean) / spread if spread > 1e-9 else 0.0)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return mean - high * error, mean - low * error


def test_it_is_the_studentised_bootstrap() -> None:
    """Of few values all resamples can be gone through: the drawn interval is near theirs."""
    values = [0.1, 0.5, 0.35, 0.8, 0.62]
    found = bootstrap_t([Cluster(value, 1) for value in values], 0.8, resamples=20_000)
    assert found == pytest.approx(_exact_bootstrap(values, 0.8), abs=0.02)


def test_for_many_pairs_it_is_the_normal_interval() -> None:
    """Of 400 symmetric values the interval is near mean +- 1.96 standard errors, which is right for so many."""
    rng = random.Random(9)  # noqa: S311 - a seeded sequence
    values = [rng.gauss(0.1, 0.3) for _ in range(400)]
    found = bootstrap_t([Cluster(value, 1) for value in values], resamples=4000)
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(400)
    assert found == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.004)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=20), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_order_and_names_do_not_matter(numbers: list[int], shuffle: random.Random) -> None:
    """The same seed and data: the same interval in any order, and its mirror image with the sides exchanged."""
    parts = [Cluster(number / 5, 1) for number in numbers]
    found = bootstrap_t(parts, resamples=200)
    mirrored = bootstrap_t([Cluster(-total, size) for total, size in parts], resamples=200)
    shuffle.shuffle(parts)
    assert bootstrap_t(parts, resamples=200) == found
    assert mirrored == pytest.approx((-found.high, -found.low))


def test_symmetric_values_have_a_symmetric_interval() -> None:
    """Where exchanging the sides changes nothing, the interval lies around 0."""
    low, high = bootstrap_t([Cluster(value, 1) for value in (-0.4, -0.2, 0.0, 0.2, 0.4)], resamples=300)
    assert low == -high < 0


def test_many_groups_are_bundled() -> None:
    """20,000 groups cost as much as 1,000, and the interval has the width that so many have."""
    rng = random.Random(5)  # noqa: S311 - a seeded sequence
    parts = [Cluster(rng.choice((-0.4, 0.2, 0.6)), 1) for _ in range(20_000)]
    low, high = bootstrap_t(parts, resamples=200)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(mean_variance(parts)), rel=0.2)
    assert low < weighted_mean(parts) < high


# ------------------------------------------------------------------------------------------- both together


@given(whole)
def test_right_or_wrong_alone_is_mcnemar_and_newcombe(pairs: list[tuple[float, float]]) -> None:
    """Without groups nothing has changed; groups of one are no groups."""
    found = matched(pairs)
    assert found is not None
    only_a, only_b = pairs.count((1.0, 0.0)), pairs.count((0.0, 1.0))
    theirs = paired_difference(pairs.count((1.0, 1.0)), only_a, only_b, pairs.count((0.0, 0.0)))
    assert theirs is not None
    assert (found.value, found.interval) == (theirs.value, theirs.interval)
    assert found.p_value == mcnemar_exact(only_a, only_b)
    assert (found.discordant, found.design_effect) == ((only_a + only_b) / len(pairs), 1.0)
    assert matched(pairs, [None] * len(pairs)) == found


@given(whole, st.integers(1, 6))
def test_groups_are_tested_by_their_totals(pairs: list[tuple[float, float]], size: int) -> None:
    """In groups the test sees totals of groups only, and the interval is the clustered one around the difference."""
    names = [place // size for place in range(len(pairs))]
    found = matched(pairs, names)
    assert found is not None
    totals = [part.total for part in clusters([a - b for a, b in pairs], names)]
    assert found.p_value == sign_flip_test(totals)
    assert -1 <= found.interval.low <= found.value <= found.interval.high <= 1
    assert found.groups == len(totals)
    assert found.design_effect >= 1


@given(fractions)
@settings(max_examples=20)
def test_fractions_hold_their_difference_and_mirror(numbers: list[tuple[int, int]]) -> None:
    """The interval holds the difference, stays within -1 and 1, and turns round with the candidates."""
    pairs = [(a / 5, b / 5) for a, b in numbers]
    found, other = matched(pairs), matched([(b, a) for a, b in pairs])
    assert found is not None
    assert other is not None
    assert -1 <= found.interval.low <= found.value <= found.interval.high <= 1
    assert other.interval == pytest.approx((-found.interval.high, -found.interval.low))
    assert other.p_value == pytest.approx(found.p_value)


def test_equal_fractions_are_not_proved_equal() -> None:
    """Twenty equal pairs leave room for a difference, with fractions and in groups."""
    for pairs, names in (([(0.4, 0.4)] * 20, None), ([(1.0, 1.0)] * 20, [place // 4 for place in range(20)])):
        found = matched(pairs, names)
        assert found is not None
        assert found.value == 0
        assert found.interval.high > 0.1
        assert found.interval.low < -0.1
    assert matched([]) is None


def test_the_clustered_interval_is_the_textbook_one() -> None:
    """Mean +- t times the cluster-robust error, with groups - 1 degrees of freedom; added ones do not count there."""
    parts = [Cluster(2.0, 4), Cluster(-1.0, 3), Cluster(0.0, 5), Cluster(3.0, 4)]
    half = float(stats.t.ppf(0.975, 3)) * math.sqrt(mean_variance(parts))
    assert clustered_difference(parts) == pytest.approx((4 / 16 - half, 4 / 16 + half))
    more = (Cluster(1.0, 1), Cluster(-1.0, 1))
    wide = clustered_difference(parts, more)
    half = float(stats.t.ppf(0.975, 3)) * math.sqrt(mean_variance([*parts, *more]))
    assert wide.high - wide.low == pytest.approx(2 * half)


def test_simulated_coverage_and_size_in_groups() -> None:
    """Twenty groups whose samples lean together: 93 % covered and no false alarms, where standing alone has many."""
    rng, runs, names = random.Random(11), 250, [place // 8 for place in range(160)]  # noqa: S311 - a simulation
    covered = blind = alarms = blind_alarms = 0
    for _ in range(runs):
        pairs = []
        for _ in range(20):
            leads = rng.betavariate(0.5, 0.5)
            for _ in range(8):
                won = float(rng.random() < leads)
                pairs.append((won, 1 - won) if rng.random() < 0.3 else (1.0, 1.0))
        found, alone = matched(pairs, names), matched(pairs)
        assert found is not None
        assert alone is not None
        covered += found.interval.low <= 0 <= found.interval.high
        blind += alone.interval.low <= 0 <= alone.interval.high
        alarms += found.p_value <= 0.05
        blind_alarms += alone.p_value <= 0.05
    assert covered / runs >= 0.93
    assert blind / runs < 0.9
    assert alarms / runs <= 0.075
    assert blind_alarms / runs > 0.1


def test_simulated_coverage_of_differences_that_come_in_whole_groups() -> None:
    """Ten groups of eight, in a sixth of which all samples differ: often none is seen, and the truth is covered."""
    rng, runs, truth = random.Random(13), 300, 0.15  # noqa: S311 - a simulation
    names, covered = [place // 8 for place in range(80)], 0
    for _ in range(runs):
        pairs = [pair for _ in range(10) for pair in [(1.0, float(rng.random() >= truth))] * 8]
        found = matched(pairs, names)
        assert found is not None
        covered += found.interval.low <= truth <= found.interval.high
    assert covered / runs >= 0.95


def test_simulated_coverage_of_fractions() -> None:
    """Means of repeats on 25 samples, rarely different: 94 % covered, where the normal interval is far below."""
    rng, runs, truth = random.Random(12), 80, 0.1 * 0.6  # noqa: S311 - a simulation
    covered = usual = 0
    for _ in range(runs):
        pairs = [(0.8, 0.2) if rng.random() < 0.1 else (0.6, 0.6) for _ in range(25)]
        found = matched(pairs)
        assert found is not None
        covered += found.interval.low <= truth <= found.interval.high
        differences = np.array([a - b for a, b in pairs])
        usual += abs(differences.mean() - truth) <= 1.96 * differences.std(ddof=1) / 5
    assert covered / runs >= 0.94
    assert usual / runs < 0.93
