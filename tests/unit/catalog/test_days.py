"""Days until an end that is known as exactly as it is known."""

from datetime import date

import pytest

from assay.catalog.days import days_until, ends_within

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("text", "days"), [("2026-11-26", 0), ("2026-12-26", 30), ("2026-12", 5), ("2027", 36), ("2026-11", -25)]
)
def test_an_end_counts_from_the_first_day_that_it_may_mean(text: str, days: int) -> None:
    """A month or a year ends a model on its first day; the day itself is within, the day after is not."""
    assert days_until(text, TODAY) == days
    assert ends_within(text, days, TODAY)
    assert not ends_within(text, days - 1, TODAY)
