"""From which volume machines are cheaper than tokens. They come whole, so the two lines may cross more than once.

With n machines a month costs A + n s + b v for v requests, the host C + d v. Under n machines they are equal at

    v(n) = (A - C + n s) / (d - b)

which counts where n machines are what v needs. `first` is the smallest volume at which machines are not dearer,
`always` the one from which they never are again: between them each new machine is dearer until it has enough to do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.envelope.monthly import Tariff

__all__ = ["BreakEven", "break_even"]


class BreakEven(NamedTuple):
    """Requests a day.

    Attributes:
        first: from here on machines can be cheaper; `None` = at no volume.
        always: from here on they always are; `None` = never for good.
        reason: in words.
    """

    first: float | None
    always: float | None
    reason: str


def break_even(served: Tariff, hosted: Tariff, carried: float | None = None) -> BreakEven:
    """Where machines and a host cost the same.

    Args:
        served: with machines.
        hosted: without.
        carried: requests a day that one machine carries; default: the tariff's own figure, without its range.

    Raises:
        ValueError: the first has no machines, or the second has some.
    """
    known = served.machine_requests_per_day
    if known is None or hosted.machine_requests_per_day is not None:
        raise ValueError("break-even compares a tariff with machines with one that is paid by the request")
    step = sum(line.usd.value for line in served.per_machine)
    fixed = _fixed(served) - _fixed(hosted)
    saved = _each(hosted) - _each(served)
    return _crossings(fixed, step, saved, carried if carried is not None else known.value)


def _fixed(tariff: Tariff) -> float:
    return sum(line.usd.value for line in tariff.per_month)


def _each(tariff: Tariff) -> float:
    """USD a month for one request a day."""
    return sum(line.usd.value for line in tariff.per_request) * tariff.days_per_month


def _crossings(fixed: float, step: float, saved: float, carried: float) -> BreakEven:
    """Of `fixed + n x step` with `saved x volume`, where n machines carry up to n x `carried` requests a day."""
    if saved <= 0:
        if fixed + step <= 0:
            return BreakEven(0.0, None, "cheaper for few requests only: each one costs more than at the host")
        return BreakEven(None, None, "each request costs more than at the host, before any machine is paid for")
    gain = saved * carried - step
    if fixed + step <= 0:
        return BreakEven(0.0, _always(fixed, step, saved, carried, gain), "cheaper from the first request")
    if gain <= 0 and fixed > gain:
        return BreakEven(None, None, "a full machine costs more than its requests do at the host")
    if gain <= 0:
        return BreakEven((fixed + step) / saved, None, "with few machines only: each full one costs more than it saves")
    machines = max(1, math.ceil(fixed / gain - 1e-9))
    first = max((fixed + machines * step) / saved, (machines - 1) * carried)
    reason = f"with {machines:,} machine{'s' if machines > 1 else ''}"
    return BreakEven(first, _always(fixed, step, saved, carried, gain), reason)


def _always(fixed: float, step: float, saved: float, carried: float, gain: float) -> float | None:
    """The last volume at which machines are dearer: the last crossing, in the last step that begins dearer."""
    if gain <= 0:  # each full machine adds as much as it saves, or more
        return 0.0 if gain == 0 else None
    last = math.ceil((fixed + saved * carried) / gain - 1e-9) - 1
    return max(0.0, (fixed + last * step) / saved) if last >= 1 else 0.0
