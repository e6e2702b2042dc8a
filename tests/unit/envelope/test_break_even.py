"""Where machines and a host cost the same, on a staircase: by hand, and against a search over volumes."""

import pytest
from costed import MACHINE, PRICE, WORK, hosted, served
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from assay.envelope.band import Band
from assay.envelope.breakeven import break_even
from assay.envelope.monthly import Line, Tariff
from assay.envelope.overheads import defaults


def tariff(each: float, month: float = 0.0, machine: float | None = None, carried: float = 1000.0) -> Tariff:
    """A tariff of round numbers: USD a request, a month, and a machine that carries so many requests a day."""
    return Tariff(
        per_request=(Line("request", Band.exactly(each), ""),),
        per_month=(Line("month", Band.exactly(month), ""),),
        per_machine=(Line("machine", Band.exactly(machine), ""),) if machine is not None else (),
        machine_requests_per_day=Band.exactly(carried) if machine is not None else None,
        days_per_month=30,
    )


def test_one_machine_pays_from_where_its_rent_is_saved() -> None:
    """300 USD a month against 0.02 USD a request: 500 requests a day."""
    found = break_even(tariff(0.0, machine=300), tariff(0.02))
    assert (found.first, found.always) == (pytest.approx(500), pytest.approx(500))


def test_the_next_machine_may_be_dearer_again() -> None:
    """At 0.0125 USD a request a machine of 300 USD pays from 800 on; a second one only from 1,600 of its 2,000."""
    found = break_even(tariff(0.0, machine=300), tariff(0.0125))
    assert found.first == pytest.approx(800)
    assert found.always == pytest.approx(3200)  # the fourth machine: 1,200 USD / 0.375; the fifth begins at 4,000


def test_fixed_costs_need_several_machines() -> None:
    """With 400 USD of people more, one full machine does not pay; a second one does, at 1,000 / 0.6."""
    found = break_even(tariff(0.0, month=400, machine=300), tariff(0.02))
    assert found.first == pytest.approx((400 + 2 * 300) / 0.6)
    assert found.reason == "with 2 machines"


def test_a_machine_that_cannot_pay_says_why() -> None:
    """A full machine that saves less than it costs, or requests that are dearer themselves: at no volume."""
    assert break_even(tariff(0.0, machine=300), tariff(0.005)).first is None
    assert "full machine" in break_even(tariff(0.0, machine=300), tariff(0.005)).reason
    assert "each request" in break_even(tariff(0.03, machine=300), tariff(0.02)).reason


def test_cheaper_from_the_first_request() -> None:
    """Where the host has the larger fixed cost, machines pay at once, and for good only if a full one pays."""
    host = tariff(0.02, month=1000)
    assert break_even(tariff(0.0, machine=300), host)[:2] == (0.0, 0.0)
    assert break_even(tariff(0.0, machine=700), host)[:2] == (0.0, None)
    assert break_even(tariff(0.03, machine=300), host)[:2] == (0.0, None)


def test_only_machines_against_a_host() -> None:
    """Two hosts, or two kinds of machines, have no such volume."""
    with pytest.raises(ValueError, match="machines"):
        break_even(tariff(0.01), tariff(0.02))
    with pytest.raises(ValueError, match="machines"):
        break_even(tariff(0.0, machine=1), tariff(0.0, machine=2))


def test_slower_machines_pay_later() -> None:
    """Where a machine carries less, more of them must be filled."""
    served_by, host = tariff(0.0, month=400, machine=300), tariff(0.02)
    slow, fast = (break_even(served_by, host, carried).first for carried in (700.0, 1000.0))
    assert slow is not None
    assert fast is not None
    assert slow > fast


@settings(max_examples=60)
@given(
    st.floats(0, 0.01), st.floats(0, 5000), st.floats(1, 3000), st.floats(10, 5000), st.floats(0.0001, 0.05),
    st.floats(0, 5000),
)  # fmt: skip
def test_closed_form_and_search_agree(
    each: float, month: float, machine: float, carried: float, price: float, other: float
) -> None:
    """Below `first` machines are dearer at every volume that was tried, from `always` on they never are."""
    own, host = tariff(each, month, machine, carried), tariff(price, other)
    found = break_even(own, host)
    steps = (carried * number * (1 + nudge) for number in range(1, 9) for nudge in (-1e-6, 0.0, 1e-6))
    ends = (end * near for end in found[:2] if end for near in (0.7, 0.99, 1.0, 1.01, 1.3))
    for volume in (*steps, *ends):
        there = host.monthly(volume).total.value
        dearer, slack = own.monthly(volume).total.value - there, 1e-6 * (1 + there)
        if found.first is None or volume < found.first * (1 - 1e-6):
            assert dearer > -slack, (volume, found)
        if found.always is not None and volume > found.always * (1 + 1e-6):
            assert dearer < slack, (volume, found)


def test_few_machines_may_pay_where_many_do_not() -> None:
    """A host with a fixed cost of its own is dearer than one full machine, and cheaper than many."""
    found = break_even(tariff(0.0, machine=10, carried=10), tariff(0.03125, month=1.0))
    assert found[:2] == (pytest.approx(9 / 0.9375), None)
    assert "few machines" in found.reason


def test_the_example_of_the_guide() -> None:
    """docs/cost.md works this case by hand: 114,367 requests a day, for good from 149,567."""
    work = structs.replace(WORK, requests_per_day=100_000, cached_share=0.4)
    own = served(work, overheads=defaults(), machine=MACHINE._replace(usd_per_hour=2.20)).tariff()
    host = hosted(work, overheads=defaults(), price=PRICE).tariff()
    assert own is not None
    assert host is not None
    found = break_even(own, host)
    assert found.first == pytest.approx(5146.5 / 0.045)
    assert found.always == pytest.approx(6730.5 / 0.045)
