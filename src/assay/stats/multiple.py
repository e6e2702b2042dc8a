"""Several tests at once: p-values adjusted so that the chance of even one false alarm stays below the stated level."""

from __future__ import annotations

from collections.abc import Sequence

from assay.errors import EvalError

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values, in the order they came in.

    A hypothesis whose adjusted value is at most alpha may be rejected, with a chance of at most alpha that any of
    those rejected is true, however the tests depend on one another. Source: Holm (1979, Scandinavian Journal of
    Statistics 6:65); adjusted form as in Wright (1992, Biometrics 48:1005).

    Raises:
        EvalError: a value is no probability.
    """
    if any(not 0.0 <= value <= 1.0 for value in p_values):
        raise EvalError(f"p-values lie between 0 and 1, not {list(p_values)}")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
