"""Student's t agrees with scipy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.errors import EvalError
from assay.stats.intervals import z_score
from assay.stats.student import t_score

degrees = st.one_of(st.integers(1, 500).map(float), st.floats(1, 1e5))


@given(st.floats(0.5, 0.999), degrees)
def test_the_quantile_is_that_of_scipy(confidence: float, df: float) -> None:
    """The two-sided quantile is scipy's, for few degrees of freedom and for many."""
    assert t_score(confidence, df) == pytest.approx(stats.t.ppf((1 + confidence) / 2, df), rel=1e-6)


def test_many_degrees_of_freedom_are_the_normal() -> None:
    """In the limit the quantile is the normal one, and above it everywhere else."""
    assert t_score(0.95, 1e6) == pytest.approx(z_score(0.95), rel=1e-5)
    assert all(t_score(0.95, df) > z_score(0.95) for df in (1, 2, 10, 100))


@pytest.mark.parametrize(("confidence", "df"), [(95, 3), (0.0, 3), (0.95, 0), (0.95, -1)])
def test_what_is_no_distribution_is_refused(confidence: float, df: float) -> None:
    """A confidence in percent, or no degrees of freedom, is an error that names both."""
    with pytest.raises(EvalError, match="degrees of freedom"):
        t_score(confidence, df)
