"""What was asked of `assay choose`, as it was said: so that the same can be asked again."""

from __future__ import annotations

from typing import Literal

from assay.types import Value

__all__ = ["Question"]


class Question(Value, frozen=True, kw_only=True):
    """The options of one call. What was not said is `None` or empty: the configuration and the suite say it.

    Attributes:
        targets: candidates.
        folder: of the suite; absolute.
        kinds, profiles: what is decided.
        bar: for every kind but gates, a share.
        tolerance, error: of the sequential tests, as shares.
    """

    targets: tuple[str, ...] = ()
    folder: str | None = None
    kinds: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    split: Literal["dev", "heldout", "all"] | None = None
    bar: float | None = None
    overall: bool = False
    seed: int = 0
    tolerance: float | None = None
    error: float | None = None
