"""What the same traffic would have cost on one model: its price on what was counted, and what runs have measured."""

from __future__ import annotations

import pytest

from assay.config.schema import Price
from assay.envelope.against import Ratio, compared, ratios
from assay.ledger.spend_against import AnsweredRow, CostRow, CountRow, Served

BIG = Price(input=10.0, output=20.0, cached_input=1.0)
MILLION = 1_000_000
PICO = 10**12


def answers(deployment: str = "small", length: int | None = 100) -> AnsweredRow:
    """A thousand requests with a million tokens each way, half of the input from caches."""
    return AnsweredRow(
        deployment=deployment,
        length=length,
        requests=1000,
        input=MILLION,
        output=MILLION,
        cached=MILLION // 2,
        written=0,
    )


PAID = [
    CostRow(purpose="answer", pico=4 * PICO, attempts=1000, unknown=0, bounds=0),
    CostRow(purpose="judge", pico=2 * PICO, attempts=100, unknown=3, bounds=1),
]


def test_all_that_was_paid_for_stands_against_it() -> None:
    """Judges count on the side that needed them; caches may or may not help the other side."""
    found = compared("big", Served([answers()], PAID, 7), lambda _: BIG, {})
    assert found is not None
    assert (found.paid_usd, found.paid_by, found.unknown, found.uncounted) == (6.0, {"answer": 4.0, "judge": 2.0}, 3, 7)
    assert (found.low_usd, found.high_usd) == (25.5, 30.0)
    assert found.saved_usd == (19.5, 24.0)
    assert (found.measured_usd, found.covered) == (None, 0.0)


def test_measured_tokens_correct_the_count() -> None:
    """Where runs have asked both the same, the ratio of their tokens is known; nobody's own work needs one."""
    known = {"small": Ratio(input=1.5, output=0.5, samples=40)}
    found = compared("big", Served([answers(), answers("big"), answers("other")], PAID, 0), lambda _: BIG, known)
    assert found is not None
    assert found.measured_usd == pytest.approx(15.0 + 10.0 + 30.0 + 30.0)
    assert (found.samples, found.covered) == (40, pytest.approx(2 / 3))


def test_dearer_rates_of_long_requests_hold_for_these_alone() -> None:
    """A price in steps is put on each length by itself."""
    rates = {100: BIG, None: Price(input=20.0, output=40.0, cached_input=2.0)}
    found = compared("big", Served([answers(), answers(length=None)], [], 0), rates.__getitem__, {})
    assert found is not None
    assert found.high_usd == 90.0


def test_without_a_price_nothing_is_said() -> None:
    """Unknown is not free."""
    assert compared("big", Served([answers()], PAID, 0), lambda _: None, {}) is None


def test_ratios_are_of_the_same_samples_alone() -> None:
    """A sample that only one has answered says nothing of both."""
    rows = [
        CountRow(suite="s", sample="1", deployment="big", input=30.0, output=5.0),
        CountRow(suite="s", sample="1", deployment="small", input=20.0, output=10.0),
        CountRow(suite="s", sample="2", deployment="small", input=500.0, output=500.0),
        CountRow(suite="t", sample="1", deployment="other", input=1.0, output=1.0),
    ]
    assert ratios(rows, "big") == {"small": Ratio(1.5, 0.5, 1)}
