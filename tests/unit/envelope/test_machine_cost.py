"""Machines: whole ones, idle or not; input and output told apart; power, purchase, rent; ranges from speeds."""

import math

import pytest
from costed import MACHINE, WORK, a_speed, bare, hosted, line, served, total
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from assay.envelope.band import Band
from assay.envelope.owning import request_seconds
from assay.envelope.workload import Workload

FULL = 86_400 * 0.8 / 3 / 0.4
"""Requests a day that the machine carries: 0.4 s each, 0.8 used in an hour three times as busy as a mean one."""

works = st.builds(
    Workload,
    requests_per_day=st.floats(0, 1e7),
    input_tokens=st.floats(1, 1e5),
    output_tokens=st.floats(0, 1e4),
    cached_share=st.floats(0, 1),
    batch_share=st.floats(0, 1),
    peak_factor=st.floats(1, 24),
)
tenures = st.sampled_from(["host", "rent", "buy", "have"])


def test_reading_and_writing_take_their_own_time() -> None:
    """1,000 tokens read at 5,000 a second and 200 written at 1,000 are 0.4 s; cached ones are not read again."""
    assert request_seconds(a_speed(), WORK) == pytest.approx(Band.exactly(0.4))
    assert request_seconds(a_speed(), structs.replace(WORK, cached_share=0.5)).value == pytest.approx(0.3)


def test_the_staircase() -> None:
    """One machine up to what it carries, one more beyond it; the first also for no work at all."""
    tariff = served().tariff()
    assert tariff is not None
    assert tariff.machine_requests_per_day == pytest.approx(Band.exactly(FULL))
    counts = [tariff.machines(volume) for volume in (0, FULL, FULL * 1.001, FULL * 7.5)]
    assert [count.value for count in counts if count is not None] == [1, 1, 2, 8]


def test_a_rented_machine_bills_every_hour() -> None:
    """24 hours of 30 days at 2 USD, however little it has to do; the utilisation says how little."""
    assert total(served(WORK.at(1))) == pytest.approx(24 * 30 * 2)
    bill = served(WORK.at(FULL / 2)).monthly()
    assert bill is not None
    assert bill.utilisation == pytest.approx(0.5 * 0.8 / 3)


def test_a_bought_machine_is_paid_off_and_draws_power() -> None:
    """3,600 USD over 36 months; a quarter of 400 W all the time, the rest while it works, times PUE and price."""
    scenario = served(tenure="buy", overheads=bare("pue=1.5", "usd_per_kwh=0.2", "idle_power_share=0.25"))
    assert line(scenario, "purchase") == pytest.approx(100)
    assert line(scenario, "power, waiting") == pytest.approx(0.4 * 0.25 * 1.5 * 720 * 0.2)
    assert line(scenario, "power, working") == pytest.approx(300_000 * 0.4 / 3600 * 0.4 * 0.75 * 1.5 * 0.2)


def test_a_machine_that_is_there_costs_power_only() -> None:
    """Already owned: no purchase, no rent."""
    names = {one.name for one in served(tenure="have").monthly().lines}  # type: ignore[union-attr]
    assert names == {"power, waiting", "power, working"}


def test_the_computer_around_the_device_is_paid_for() -> None:
    """A GPU needs a computer, an Apple chip is one."""
    around = bare("host_share=0.5")
    assert line(served(tenure="buy", overheads=around), "purchase") == pytest.approx(150)
    apple = MACHINE._replace(kind="apple")
    assert line(served(tenure="buy", overheads=around, machine=apple), "purchase") == pytest.approx(100)


def test_doubt_about_the_speed_is_carried_into_dollars() -> None:
    """Half and double the speed: more and fewer machines, a dearer and a cheaper month."""
    bill = served(WORK.at(FULL * 3.9), speed=a_speed(doubt=2.0)).monthly()
    assert bill is not None
    assert bill.machines == Band(4, 2, 8)
    assert (bill.total.low, bill.total.high) == pytest.approx((2 * 1440, 8 * 1440))


@pytest.mark.parametrize(
    ("tenure", "lacking", "word"),
    [("rent", {"usd_per_hour": None}, "--usd-per-hour"), ("buy", {"usd": None}, "--device-usd"),
     ("buy", {"watts": None}, "--watts"), ("have", {"watts": None}, "--watts")],
)  # fmt: skip
def test_what_is_not_known_of_a_machine_is_asked_for(tenure: str, lacking: dict[str, None], word: str) -> None:
    """No rent, price or power: no bill, and the option that gives it is named."""
    scenario = served(tenure=tenure, machine=MACHINE._replace(**lacking))
    assert scenario.monthly() is None
    assert word in str(scenario.reason)


def test_an_unknown_speed_has_no_bill() -> None:
    """Neither a model without a size nor a machine whose reading rate nobody knows is reckoned with."""
    assert "not known" in str(served(speed=None).reason)
    assert served(speed=a_speed()._replace(prefill_tok_s=None)).monthly() is None
    assert "--device" in str(served(machine=None).reason)


@settings(max_examples=50)
@given(works, tenures, st.floats(1, 4))
def test_a_bill_is_never_negative_and_within_its_band(work: Workload, tenure: str, doubt: float) -> None:
    """Every line and the total: 0 <= low <= value <= high, in finite USD."""
    make = hosted if tenure == "host" else served
    bill = make(work, tenure=tenure, speed=a_speed(doubt=doubt)).monthly()
    assert bill is not None
    for low, value, high in ((one.usd.low, one.usd.value, one.usd.high) for one in bill.lines):
        assert 0 <= low <= value * (1 + 1e-12)
        assert value <= high * (1 + 1e-12)
        assert math.isfinite(high)


@settings(max_examples=50)
@given(works, tenures, st.floats(1, 100))
def test_more_work_never_costs_less(work: Workload, tenure: str, times: float) -> None:
    """A bill is monotone in the volume, over every step of the staircase."""
    make = hosted if tenure == "host" else served
    more = work.at(work.requests_per_day * times)
    assert total(make(more, tenure=tenure)) >= total(make(work, tenure=tenure)) * (1 - 1e-12)


@settings(max_examples=50)
@given(works, tenures, st.floats(1, 10))
def test_longer_answers_never_cost_less(work: Workload, tenure: str, times: float) -> None:
    """Nor are more output tokens ever cheaper."""
    make = hosted if tenure == "host" else served
    longer = structs.replace(work, output_tokens=work.output_tokens * times)
    assert total(make(longer, tenure=tenure)) >= total(make(work, tenure=tenure)) * (1 - 1e-9)
