"""A predicted value with its band, and how many tokens to predict for a text; a measurement replaces both."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["BYTES_PER_TOKEN", "Estimate"]

BYTES_PER_TOKEN = 4.0
"""Rule of thumb for English text, not measured here; code and other languages have fewer."""


class Estimate(NamedTuple):
    """A predicted value with its band; `method` says how it came about."""

    value: float
    low: float
    high: float
    method: str
    unit: Literal["usd", "s", "tok/s"]
