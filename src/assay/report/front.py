"""The Pareto front of quality and cost: whom nobody that costs less surpasses."""

from __future__ import annotations

from collections.abc import Iterable

from assay.report.view import Cost

_ORDER = {"s": 0, "usd": 1}


def rank(cost: Cost) -> tuple[int, float]:
    """The order of costs: seconds of an owned device without a rate come before anything that sends a bill."""
    return _ORDER[cost.unit], cost.value


def on_front(points: Iterable[tuple[Cost | None, float | None]]) -> list[bool]:
    """For each (cost, share) whether it is on the front. What is not known, or passes nothing, is not."""
    return unsurpassed((rank(cost) if cost is not None else None, share) for cost, share in points)


def unsurpassed(points: Iterable[tuple[tuple[float, ...] | None, float | None]]) -> list[bool]:
    """For each (what is spent, share) whether nobody that spends less passes as much, or no more passes more."""
    listed = list(points)
    known = [(spent, share) for spent, share in listed if spent is not None and share is not None]

    def best(own: tuple[float, ...] | None, share: float | None) -> bool:
        if own is None or not share:
            return False
        return not any(
            (other <= own and better > share) or (other < own and better >= share) for other, better in known
        )

    return [best(spent, share) for spent, share in listed]
