"""The quantile of Student's t distribution, for figures whose spread is itself estimated from a few groups."""

from __future__ import annotations

import math
from functools import lru_cache

from assay.errors import EvalError
from assay.stats.beta import beta_quantile

__all__ = ["t_score"]


@lru_cache(maxsize=1024)
def t_score(confidence: float, df: float) -> float:
    """The two-sided quantile of Student's t: 2.26 for 0.95 and 9 degrees of freedom; normal in the limit.

    A tail of t is half an incomplete beta function of df / (df + t^2): Abramowitz and Stegun 26.7.1.

    Raises:
        EvalError: `confidence` is no proportion, or `df` below 1.
    """
    if not 0.0 < confidence < 1.0 or not df >= 1:
        raise EvalError(f"confidence {confidence!r} must lie between 0 and 1, degrees of freedom {df!r} be at least 1")
    x = beta_quantile(1.0 - confidence, df / 2, 0.5)
    return math.sqrt(df * (1.0 - x) / x) if x > 0 else math.inf
