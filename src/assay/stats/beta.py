"""The regularised incomplete beta function and what follows from it: binomial tails and exact limits.

Sources: NIST DLMF 8.17 (https://dlmf.nist.gov/8.17); the continued fraction 8.17.22 is evaluated with the
modified Lentz method (Thompson and Barnett 1986). Agrees with scipy to about 1e-12 (tests/unit/stats).
"""

from __future__ import annotations

import math

_TINY = 1e-300
_EPSILON = 1e-15
_MAX_STEPS = 10_000


def _continued_fraction(x: float, a: float, b: float) -> float:
    """DLMF 8.17.22 by the modified Lentz method; converges fast for x < (a + 1) / (a + b + 2)."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _MAX_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for numerator in (even, odd):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            step = d * c
            value *= step
        if abs(step - 1.0) < _EPSILON:
            break
    return value


def log_beta(a: float, b: float) -> float:
    """Natural logarithm of the beta function: gamma(a) gamma(b) / gamma(a + b)."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def regularised_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b) for 0 <= x <= 1 and a, b > 0: the probability that a Beta(a, b) variable is at most x."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = -log_beta(a, b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front)
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _continued_fraction(x, a, b) / a
    return 1.0 - front * _continued_fraction(1.0 - x, b, a) / b


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, by bisection down to neighbouring floats or 1e-16."""
    low, high = 0.0, 1.0
    while high - low > 1e-16:
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if regularised_beta(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(B <= k) for B ~ Binomial(n, p), by DLMF 8.17.5: I_{1-p}(n - k, k + 1)."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return regularised_beta(1.0 - p, n - k, k + 1)
