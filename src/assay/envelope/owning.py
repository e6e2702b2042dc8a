"""Machines of one's own, or rented by the hour: whole ones, working or not, until the busiest hour is carried.

    seconds of a request = uncached input / prefill rate + output / rate of all answers together
    requests a machine carries a day = 86,400 / seconds x share that is used at the peak / (peak : mean)
    machines = that many into the volume, up to the next whole one

Input and output are told apart, for reading a token takes a fraction of writing one. What waits for a batch fills the
quiet hours. A rented machine bills every hour; a bought one is paid for over its life and draws power, less when it
waits; one that is there already draws power only.
"""

from __future__ import annotations

from typing import Literal

from assay.envelope.band import Band
from assay.envelope.hardware import Machine
from assay.envelope.monthly import Line, Tariff
from assay.envelope.overheads import Overheads, staff_lines
from assay.envelope.speed import Speed
from assay.envelope.workload import SECONDS_PER_DAY, Workload

__all__ = ["Tenure", "missing", "request_seconds", "served_tariff"]

Tenure = Literal["rent", "buy", "have"]
"""How one comes to a machine: rented by the hour, bought, or there already."""
WHOLE_MACHINES = ("apple",)
"""Kinds whose price and power are those of the whole computer."""


def missing(machine: Machine, speed: Speed | None, tenure: Tenure) -> str | None:
    """Why nobody can say what this would cost; `None` if all is known that is needed."""
    if speed is None:
        return f"the model's size or the bandwidth of {machine.key} is not known"
    if speed.prefill_tok_s is None:
        return f"how fast {machine.key} reads a prompt is not known"
    if tenure == "rent" and machine.usd_per_hour is None:
        return f"no rent of {machine.key} is known (assay cost takes one with --usd-per-hour)"
    if tenure == "buy" and machine.usd is None:
        return f"no price of {machine.key} is known (assay cost takes one with --device-usd)"
    if tenure != "rent" and machine.watts is None:
        return f"the power draw of {machine.key} is not known (assay cost takes it with --watts)"
    return None


def request_seconds(speed: Speed, workload: Workload) -> Band:
    """Seconds that a machine works for one request, among others that run beside it; the low end is the fast one."""
    fresh = workload.input_tokens - workload.cached_tokens
    read, written = speed.prefill_tok_s, speed.most_tok_s
    if read is None:
        raise ValueError("the rate of reading is not known")
    return Band(
        fresh / read.value + workload.output_tokens / written.value,
        fresh / read.high + workload.output_tokens / written.high,
        fresh / read.low + workload.output_tokens / written.low,
    )


def served_tariff(
    machine: Machine,
    speed: Speed | None,
    workload: Workload,
    overheads: Overheads,
    *,
    tenure: Tenure,
    fallback: tuple[Line, ...] = (),
    tuning_usd: float = 0.0,
) -> Tariff | None:
    """A model that the team serves itself.

    Args:
        machine: one of them: the whole that answers together, several devices or one.
        speed: of the model on it.
        workload: the work.
        overheads: power, life of a machine, hours of staff.
        tenure: how the machine is had.
        fallback: USD of one request for the share that a stronger model must answer again.
        tuning_usd: paid once, spread over `overheads.tuning_months`.

    Returns:
        `None` where something is not known; `missing` tells what.
    """
    if speed is None or missing(machine, speed, tenure) is not None:
        return None
    seconds = request_seconds(speed, workload)
    full = overheads.peak_utilisation / workload.effective_peak
    if tenure == "rent":
        work, machines = [], [_rent(machine, workload)]
    else:
        work, machines = [_power_of_work(machine, seconds, overheads)], _standing(machine, workload, overheads, tenure)
    return Tariff(
        per_request=(*work, *fallback),
        per_month=staff_lines(overheads, overheads.self_served, tuning_usd=tuning_usd),
        per_machine=tuple(machines),
        machine_requests_per_day=_carried(seconds, full),
        full_utilisation=full,
        days_per_month=workload.days_per_month,
    )


def _carried(seconds: Band, full: float) -> Band | None:
    """Requests a day that a machine carries; work without a token needs no machine."""
    if seconds.value <= 0:
        return None
    day = SECONDS_PER_DAY * full
    return Band(day / seconds.value, day / seconds.high, day / seconds.low)


def _rent(machine: Machine, workload: Workload) -> Line:
    hours, rate = 24 * workload.days_per_month, machine.usd_per_hour or 0.0
    return Line("rent", Band.exactly(hours * rate), f"{hours:.4g} h x {rate:g} USD, each machine")


def _standing(machine: Machine, workload: Workload, overheads: Overheads, tenure: Tenure) -> list[Line]:
    """What a machine of one's own costs a month before it does anything."""
    lines = []
    if tenure == "buy":
        usd, months = (machine.usd or 0.0) * _around(machine, overheads), overheads.amortise_months
        basis = f"{usd:,.0f} USD over {months:g} months, each machine"
        lines.append(Line("purchase", Band.exactly(usd / months), basis))
    kwh = _kilowatts(machine, overheads) * overheads.idle_power_share * 24 * workload.days_per_month
    basis = f"{kwh:.4g} kWh x {overheads.usd_per_kwh:g} USD, each machine"
    return [*lines, Line("power, waiting", Band.exactly(kwh * overheads.usd_per_kwh), basis)]


def _power_of_work(machine: Machine, seconds: Band, overheads: Overheads) -> Line:
    """What a request draws beyond a machine that waits."""
    usd_per_s = _kilowatts(machine, overheads) * (1.0 - overheads.idle_power_share) * overheads.usd_per_kwh / 3600.0
    return Line("power, working", seconds.times(usd_per_s), f"{seconds.value:.3g} s a request")


def _kilowatts(machine: Machine, overheads: Overheads) -> float:
    """Full draw, with the computer around and the room."""
    return (machine.watts or 0.0) * _around(machine, overheads) * overheads.pue / 1000.0


def _around(machine: Machine, overheads: Overheads) -> float:
    return 1.0 if machine.kind in WHOLE_MACHINES else 1.0 + overheads.host_share
