"""What thousands of candidates cost, reckoned short; the bill in full is `assay cost`'s."""

from __future__ import annotations

from functools import cache

import msgspec

from assay.config.schema import Price
from assay.envelope.band import Band
from assay.envelope.monthly import Line, Tariff
from assay.envelope.overheads import Overheads, defaults, staff_lines
from assay.envelope.renting import per_request_usd
from assay.envelope.workload import Workload

__all__ = ["by_token", "least_own_usd", "without_server"]


def by_token(price: Price, load: Workload) -> Tariff:
    """A hosted model, as `assay.envelope.renting.hosted_tariff` without its lines: few of those reckoned are shown."""
    each = per_request_usd(price, load)
    people = _people() + defaults().evaluation_requests * each
    return Tariff(
        per_request=(Line("tokens", Band.exactly(each), "list price"),),
        per_month=(Line("people", Band.exactly(people), "hours of staff, and what they ask"),),
        days_per_month=load.days_per_month,
    )


@cache
def least_own_usd() -> float:
    """USD a month below which no machine of one's own can be: the people who look after it."""
    return sum(line.usd.value for line in staff_lines(defaults(), defaults().self_served))


@cache
def without_server() -> Overheads:
    """On the device itself there is no server to be kept up: it takes the hours that a hosted model takes."""
    return msgspec.structs.replace(defaults(), self_served=defaults().hosted)


@cache
def _people() -> float:
    """USD a month for the hours that a hosted model takes."""
    return sum(line.usd.value for line in staff_lines(defaults(), defaults().hosted))
