"""Two arms of traffic: the evidence may be looked at after every request, and is wrong no more often than it says."""

from __future__ import annotations

import math
import random

import pytest

from assay.errors import EvalError
from assay.stats.failure_rates import Tally, log_evidence, rate_interval

LIMIT = -math.log(0.05)


def told(old: float, new: float, share: float, requests: int, seed: int, *, above: bool, margin: float = 0.05) -> bool:
    """Whether evidence ever reached the limit while requests came in."""
    draw, counts = random.Random(seed), {True: [0, 0], False: [0, 0]}  # noqa: S311 - a simulation
    for number in range(requests):
        arm = draw.random() < share
        counts[arm][1] += 1
        counts[arm][0] += draw.random() < (new if arm else old)
        tallies = Tally(*counts[False]), Tally(*counts[True])
        if number % 5 == 4 and log_evidence(*tallies, margin, above=above) >= LIMIT:
            return True
    return False


@pytest.mark.parametrize("above", [True, False])
def test_the_error_holds_on_the_margin(above: bool) -> None:
    """Rates just the margin apart: looked at again and again, a wrong word comes in no more than 5 %."""
    wrong = sum(told(0.1, 0.15, 0.4, 300, seed, above=above) for seed in range(100))
    assert wrong / 100 <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 100)


def test_a_peeking_rule_would_break_it() -> None:
    """The usual comparison of two shares, looked at as often, is wrong far more often than 5 %."""

    def z(old: Tally, new: Tally) -> float:
        rates = [one.failures / one.requests for one in (old, new)]
        spread = math.sqrt(sum(r * (1 - r) / t.requests for r, t in zip(rates, (old, new), strict=True)))
        return (rates[1] - rates[0] - 0.05) / spread if spread else 0.0

    wrong = 0
    for seed in range(100):
        draw, old, new = random.Random(seed), Tally(0, 0), Tally(0, 0)  # noqa: S311 - a simulation
        for number in range(300):
            if draw.random() < 0.4:
                new = Tally(new.failures + (draw.random() < 0.15), new.requests + 1)
            else:
                old = Tally(old.failures + (draw.random() < 0.1), old.requests + 1)
            if number > 40 and old.requests and new.requests and z(old, new) > 1.645:
                wrong += 1
                break
    assert wrong / 100 > 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / 100)


def test_what_is_plain_is_found() -> None:
    """An arm that fails a third of its requests is found; one that never fails is let on."""
    assert all(told(0.02, 0.35, 0.2, 800, seed, above=True) for seed in range(5))
    assert all(told(0.0, 0.0, 0.5, 600, seed, above=False) for seed in range(5))


def test_nothing_speaks_for_anything_without_requests() -> None:
    """No request in an arm is no evidence, and its rate may be anything."""
    assert log_evidence(Tally(0, 100), Tally(0, 0), 0.05, above=True) == 0.0
    assert rate_interval(Tally(0, 0)) == (0.0, 1.0)


def test_the_interval_holds_the_rate_and_narrows() -> None:
    """Around what was seen; ends at 0 where nothing failed; narrower with more."""
    few, many, none = rate_interval(Tally(5, 50)), rate_interval(Tally(50, 500)), rate_interval(Tally(0, 80))
    assert few.low < many.low < 0.1 < many.high < few.high
    assert none.low == 0.0 < none.high < 0.1


def test_the_greatest_likelihood_on_the_margin_is_found() -> None:
    """Golden section agrees with a fine search."""
    old, new, margin = Tally(20, 100), Tally(9, 60), 0.1

    def at(rate: float) -> float:
        logs = [rate, 1 - rate, rate + margin, 1 - rate - margin]
        counts = [20, 80, 9, 51]
        return sum(n * math.log(share) for n, share in zip(counts, logs, strict=True))

    best = max(at(step / 10_000) for step in range(1, 8_999))
    jeffreys = sum(
        math.lgamma(k + 0.5) + math.lgamma(n - k + 0.5) - math.lgamma(n + 1) - math.log(math.pi) for k, n in (old, new)
    )
    assert log_evidence(old, new, margin, above=False) == pytest.approx(jeffreys - best, abs=1e-4)


def test_wrong_numbers_are_refused() -> None:
    """More failures than requests, or a margin that is no difference of rates."""
    with pytest.raises(EvalError, match="3 failures of 2"):
        rate_interval(Tally(3, 2))
    with pytest.raises(EvalError, match="margin"):
        log_evidence(Tally(0, 1), Tally(0, 1), 1.0, above=True)
