"""What a way of doing the work costs in a month, line by line: what grows with it, what stands still, what comes whole.

Every amount is a band: its value, and the least and most that it may be where a speed is only estimated.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.envelope.band import Band
from assay.types import Value

__all__ = ["Line", "Monthly", "Tariff"]


class Line(NamedTuple):
    """One thing that is paid for.

    Attributes:
        name: in a word or two.
        usd: how much, for whatever the line stands in: a request, a machine and month, or a month.
        basis: how it came about.
    """

    name: str
    usd: Band
    basis: str


class Monthly(Value, frozen=True, kw_only=True):
    """The bill of a month.

    Attributes:
        lines: USD of the month each.
        machines: whole machines that are paid for; `None` where somebody else runs them.
        utilisation: share of the month that they work.
    """

    lines: tuple[Line, ...]
    machines: Band | None = None
    utilisation: float | None = None

    @property
    def total(self) -> Band:
        """USD of the month, all lines together."""
        values = zip(*(line.usd for line in self.lines), strict=True) if self.lines else ((0.0,),) * 3
        return Band(*map(math.fsum, values))


class Tariff(Value, frozen=True, kw_only=True):
    """A way of doing the work as its price list: with it, the bill for any volume is arithmetic.

    Attributes:
        per_request: USD for each request.
        per_month: USD a month, whatever the volume.
        per_machine: USD a month for each machine, working or not.
        machine_requests_per_day: requests a day, bunched as they come, that one machine carries.
        full_utilisation: share of the time that a machine works when it carries that many.
        days_per_month: what a month is reckoned with.
        notes: what must be said beside it.
    """

    per_request: tuple[Line, ...]
    per_month: tuple[Line, ...]
    per_machine: tuple[Line, ...] = ()
    machine_requests_per_day: Band | None = None
    full_utilisation: float = 1.0
    days_per_month: float
    notes: tuple[str, ...] = ()

    def monthly(self, requests_per_day: float) -> Monthly:
        """The bill for a volume. A machine is paid for whole; the first one also where there is nothing to do."""
        requests = requests_per_day * self.days_per_month
        machines = self.machines(requests_per_day)
        lines = [line._replace(usd=line.usd.times(requests)) for line in self.per_request]
        if machines is not None:
            lines += [line._replace(usd=line.usd.by(machines)) for line in self.per_machine]
        return Monthly(
            lines=(*lines, *self.per_month), machines=machines, utilisation=self._utilisation(requests_per_day)
        )

    def machines(self, requests_per_day: float) -> Band | None:
        """Whole machines for a volume: fewest where they are as fast as they may be, most where as slow."""
        carried = self.machine_requests_per_day
        if carried is None:
            return None
        return Band(*(_whole(requests_per_day / each) for each in (carried.value, carried.high, carried.low)))

    def _utilisation(self, requests_per_day: float) -> float | None:
        carried, machines = self.machine_requests_per_day, self.machines(requests_per_day)
        if carried is None or machines is None:
            return None
        return requests_per_day / (carried.value * machines.value) * self.full_utilisation


def _whole(machines: float) -> float:
    """Up to the next whole one; what is over by a rounding error is not over."""
    return float(max(1, math.ceil(machines * (1.0 - 1e-12))))
