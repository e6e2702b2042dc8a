"""What the tests of costs are made of: a workload, a machine, a speed and no overheads, in round numbers."""

from __future__ import annotations

from assay.config.schema import Price
from assay.envelope.estimate import Estimate
from assay.envelope.hardware import Machine
from assay.envelope.overheads import Overheads, assumed
from assay.envelope.scenario import Scenario
from assay.envelope.speed import Speed
from assay.envelope.workload import Workload

PRICE = Price(input=1.0, output=4.0, cached_input=0.25)
WORK = Workload(requests_per_day=10_000, input_tokens=1000, output_tokens=200, days_per_month=30)
MACHINE = Machine(
    key="card", name="card", kind="gpu", count=1, memory_bytes=24 << 30, usable_bytes=22 << 30, bandwidth_bytes_s=1e12,
    flops=1e14, watts=400.0, usd=3600.0, usd_per_hour=2.0, basis="test",
)  # fmt: skip


def bare(*changes: str) -> Overheads:
    """No hours, no evaluation, no computer around the device: what is left is arithmetic."""
    return assumed(["hours=0", "evaluation_requests=0", "host_share=0", *changes])


def a_speed(read: float = 5000.0, write: float = 1000.0, doubt: float = 1.0) -> Speed:
    """Rates with a band of a factor up and down."""
    rates = [Estimate(rate, rate / doubt, rate * doubt, "test", "tok/s") for rate in (read, write)]
    return Speed(decode_tok_s=rates[1], prefill_tok_s=rates[0], first_token_s=None, most_tok_s=rates[1])


def hosted(work: Workload = WORK, overheads: Overheads | None = None, **given: object) -> Scenario:
    """A candidate at a host."""
    values = {"name": "host", "tenure": "host", "price": PRICE, "workload": work, "overheads": overheads or bare()}
    return Scenario(**{**values, **given})  # type: ignore[arg-type]


def served(work: Workload = WORK, overheads: Overheads | None = None, **given: object) -> Scenario:
    """A candidate on machines."""
    values = {
        "name": "own", "tenure": "rent", "machine": MACHINE, "speed": a_speed(), "workload": work,
        "overheads": overheads or bare(),
    }  # fmt: skip
    return Scenario(**{**values, **given})  # type: ignore[arg-type]


def total(scenario: Scenario) -> float:
    """USD a month."""
    bill = scenario.monthly()
    assert bill is not None, scenario.reason
    return bill.total.value


def line(scenario: Scenario, name: str) -> float:
    """USD a month of one line; 0 where it is not there."""
    bill = scenario.monthly()
    assert bill is not None
    return sum(one.usd.value for one in bill.lines if one.name == name)
