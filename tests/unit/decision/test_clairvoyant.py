"""The benchmark of what a choice would cost those who know more: its bounds are bounds."""

from math import comb

import numpy as np
import pytest
from benchmarks.clairvoyant import Bounds, bounds, clairvoyant, ends_there, proof, sequences, stopping, with_covariates
from benchmarks.decision import Array, Trial, by_lines, decide

from assay.stats.sequential import Errors, lines

TOTAL = 40


def _trial(*passes: int) -> Trial:
    rng = np.random.default_rng(7)
    right = np.array([rng.permutation(np.arange(TOTAL) < few) for few in passes]).T
    usd = np.tile(np.logspace(-3, -1, len(passes)), (TOTAL, 1))
    return Trial(right, usd, 0.7)


def test_orders_of_a_suite_have_a_probability_of_one_together() -> None:
    """Whatever comes among the first ones."""
    found = sequences(TOTAL, 25)
    for seen in (0, 1, 17, TOTAL):
        assert sum(comb(seen, passes) * found[seen, passes] for passes in range(seen + 1)) == pytest.approx(1)


@pytest.mark.parametrize(("truth", "other"), [(34, 25), (29, 25), (40, 25), (12, 28), (24, 28), (0, 28)])
def test_a_proof_needs_no_more_than_the_lines_ask(truth: int, other: int) -> None:
    """The lines are wrong as often on either side, and do not know the truth."""
    found = lines(TOTAL, 0.7, 0.05, Errors(0.05, 0.05))
    passes = np.arange(TOTAL + 1)
    on = (passes < np.array(found.accept)[:, None]) & (passes > np.array(found.reject)[:, None])
    asked = sum(t * ends_there(on, truth, _only(t)) for t in range(TOTAL + 1))
    assert 0 < proof(TOTAL, truth, other, 0.05) <= asked + 1e-6


def _only(t: int) -> Array:
    return np.broadcast_to((np.arange(TOTAL + 1) == t)[:, None], (TOTAL + 1, TOTAL + 1))


def test_stopping_at_no_price_asks_nobody() -> None:
    """An end that costs nothing is taken at once."""
    cost, on = stopping(sequences(TOTAL, 20), np.zeros((TOTAL + 1, TOTAL + 1)))
    assert (cost, on.any()) == (0, False)


def test_bounds_lie_on_both_sides_of_the_tolerance() -> None:
    """26 and 27 of 40 may be judged either way."""
    assert bounds(_trial(20), 0.05) == Bounds(25, 28)


def test_who_knows_the_scores_pays_less_than_who_does_not() -> None:
    """In the mean over the orders."""
    rule = by_lines(0.05, (Errors(0.05, 0.05),) * 4)
    trial = _trial(10, 24, 30, 36)
    rng = np.random.default_rng(1)
    orders = [rng.permutation(TOTAL) for _ in range(300)]
    asked = [decide(trial._replace(right=trial.right[order]), rule, 0.05) for order in orders]
    calls, usd = clairvoyant(trial, 0.05, 0.05)
    assert 0 < calls < np.mean([one.calls for one in asked])
    assert 0 < usd < np.mean([one.usd for one in asked])


def test_covariates_never_cost_more() -> None:
    """More that is known never needs more samples."""
    trial, rule = _trial(10, 24, 30, 36), by_lines(0.05, (Errors(0.05, 0.05),) * 4)
    own, some, every = (
        decide(trial, rule, 0.05).usd,
        *(with_covariates(trial, rule, every=one) for one in (False, True)),
    )
    assert every <= some <= own + 1e-12
