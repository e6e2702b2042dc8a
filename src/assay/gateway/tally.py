"""Figures that wait as plain numbers until somebody looks: the library's own counting takes a lock for each of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Generic, TypeVar, cast

from prometheus_client import Counter, Histogram

__all__ = ["Count", "Times", "Timing"]

_M = TypeVar("_M", bound=Counter | Histogram)


class Timing(Histogram):
    """A histogram that takes many observations at once."""

    def take(self, counts: Sequence[int], total: float) -> None:
        """Count observations.

        Args:
            counts: how many fall into each bucket, the last of which has no bound.
            total: their sum.
        """
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class _Series(Generic[_M]):
    """One series of a metric; it stands on the page from the first figure on."""

    __slots__ = ("_labels", "_metric", "_of_library")

    def __init__(self, metric: _M, *labels: str) -> None:
        self._metric: _M = metric
        self._labels = labels
        self._of_library: _M | None = None

    def _series(self) -> _M:
        if self._of_library is None:
            self._of_library = cast(_M, self._metric.labels(*self._labels))
        return self._of_library


class Count(_Series[Counter]):
    """A series of a counter.

    Attributes:
        waiting: what has been counted and not handed over.
    """

    __slots__ = ("waiting",)

    def __init__(self, metric: Counter, *labels: str) -> None:
        super().__init__(metric, *labels)
        self.waiting: float = 0

    def hand_over(self) -> None:
        """Give the library what waits."""
        if self.waiting:
            self._series().inc(self.waiting)
            self.waiting = 0


class Times(_Series[Timing]):
    """A series of a histogram.

    Args:
        metric: the histogram.
        bounds: upper ones of its buckets, in order, without the infinite one.
        labels: of the series.

    Attributes:
        add: observe a time, in seconds. All wait, each by itself: whoever adds sees to it that they are handed over.
    """

    __slots__ = ("_bounds", "_waiting", "add")

    def __init__(self, metric: Timing, bounds: Sequence[float], *labels: str) -> None:
        super().__init__(metric, *labels)
        self._bounds = bounds
        self._waiting: list[float] = []
        self.add = self._waiting.append

    def hand_over(self) -> None:
        """Give the library what waits."""
        if self._waiting:
            counts = [0] * (len(self._bounds) + 1)
            for seconds in self._waiting:
                counts[bisect_left(self._bounds, seconds)] += 1
            self._series().take(counts, sum(self._waiting))
            self._waiting.clear()
