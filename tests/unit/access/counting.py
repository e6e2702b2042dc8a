"""Processes that count at the same time; apart from the tests, whose imports each of them would pay."""

from __future__ import annotations

from multiprocessing import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from assay.access.rates import Rates


def take(path: Path, times: int, results: Queue[int]) -> None:
    """Ask so often for one of 1000 requests; tells how often it was let in."""
    counts = Rates(path)
    results.put(sum(counts.take(7, 1000, None, 0).admitted for _ in range(times)))
    counts.close()


def take_for_ever(path: Path, begun: Event) -> None:
    """Count until somebody kills it."""
    counts = Rates(path)
    while True:
        counts.correct(counts.take(7, None, 10**9, 50), 20)
        begun.set()
