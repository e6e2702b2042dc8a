"""Agreement beyond chance, beside a second implementation."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.stats.agreement import kappa
from assay.stats.misjudged import Confusion

COUNTS = st.tuples(*[st.integers(0, 60)] * 4)


@settings(max_examples=40)
@given(COUNTS)
def test_kappa_is_that_of_statsmodels(counts: tuple[int, int, int, int]) -> None:
    """Value and interval equal those of another library, wherever there is more than one verdict."""
    from statsmodels.stats.inter_rater import cohens_kappa

    seen = Confusion(*counts)
    found = kappa(seen)
    right, passed = seen.hits + seen.misses, seen.hits + seen.false_alarms
    n = sum(counts)
    if n == 0 or (right in (0, n) and right == passed):
        assert found is None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # its z value is 0 / 0 where one side is constant
        other = cohens_kappa([[seen.hits, seen.misses], [seen.false_alarms, seen.rejections]])
    assert found is not None
    assert found.value == pytest.approx(other.kappa, abs=1e-12)
    assert found.interval.low == pytest.approx(max(-1.0, other.kappa_low), abs=1e-9)
    assert found.interval.high == pytest.approx(min(1.0, other.kappa_upp), abs=1e-9)


def test_kappa_by_hand() -> None:
    """Full agreement is 1, that of chance 0, full contradiction below 0."""
    assert kappa(Confusion(5, 0, 0, 5)) == (1.0, (1.0, 1.0))
    chance = kappa(Confusion(25, 25, 25, 25))
    assert chance is not None
    assert chance.value == 0.0
    against = kappa(Confusion(0, 5, 5, 0))
    assert against is not None
    assert against.value == -1.0
    assert kappa(Confusion(9, 0, 0, 0)) is None
