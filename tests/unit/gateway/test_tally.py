"""Figures that wait are, once handed over, those that the library would have counted itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from assay.gateway.tally import Count, Times, Timing

Served = Any  # of this folder's conftest
BOUNDS = (0.005, 0.5, 1, 30)


def page(registry: CollectorRegistry) -> list[str]:
    """Its lines, but for when each series was made."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@pytest.mark.parametrize("seen", [(), (0.005,), (0.0, 0.25, 0.5, 0.75, 1.0), (30.0, 31.0, 1e9), (0.125,) * 7])
def test_times_fall_into_the_buckets_of_the_library(seen: Sequence[float]) -> None:
    """On a bound, between two, above all, none at all; handed over together and in two parts."""
    expected, together, parts = (CollectorRegistry(auto_describe=False) for _ in range(3))
    theirs = Histogram("wait", "Waits.", ("name",), buckets=BOUNDS, registry=expected)
    ours = Times(Timing("wait", "Waits.", ("name",), buckets=BOUNDS, registry=together), BOUNDS, "a")
    halves = Times(Timing("wait", "Waits.", ("name",), buckets=BOUNDS, registry=parts), BOUNDS, "a")
    for number, one in enumerate(seen):
        theirs.labels("a").observe(one)
        ours.add(one)
        halves.add(one)
        if number == len(seen) // 2:
            halves.hand_over()
    for series in (ours, halves, halves):
        series.hand_over()
    assert page(together) == page(parts) == page(expected)


def test_counts_are_handed_over_once() -> None:
    """What was handed over is not counted again, and a series with nothing in it is not on the page."""
    registry = CollectorRegistry(auto_describe=False)
    metric = Counter("seen", "Seen.", ("name",), registry=registry)
    some, none = Count(metric, "some"), Count(metric, "none")
    some.waiting += 2.5
    for _ in range(2):
        some.hand_over()
        none.hand_over()
    some.waiting += 1
    some.hand_over()
    assert 'seen_total{name="some"} 3.5' in page(registry)
    assert not any("none" in line for line in page(registry))


async def test_what_waits_is_handed_over_when_nobody_looks(served: Served) -> None:
    """Times wait one by one, and must not become more and more where no page is ever asked for."""
    assert (await served.ask("x"))[0] == 200
    served.gateway.refresh()  # the server does that once a second
    told = page(served.gateway._metrics._registry)
    assert [line for line in told if line.startswith("assay_request_seconds_count")]
