"""A figure with the range that it may be in."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Band"]


class Band(NamedTuple):
    """A value, and the least and the most that it may be, in its unit."""

    value: float
    low: float
    high: float

    @classmethod
    def exactly(cls, value: float) -> Band:
        """A figure without doubt."""
        return cls(value, value, value)

    def times(self, factor: float) -> Band:
        """All of it by a factor of 0 or more."""
        return Band(self.value * factor, self.low * factor, self.high * factor)

    def by(self, other: Band) -> Band:
        """The product: low with low, high with high."""
        return Band(self.value * other.value, self.low * other.low, self.high * other.high)
