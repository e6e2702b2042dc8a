"""Numbers in words."""

from __future__ import annotations

import pytest

from assay.errors import BudgetExceeded
from assay.numerals import digits, plural, told_usd, verb


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "kind", "1 kind"), (0, "kind", "0 kinds"), (1200, "kind", "1,200 kinds"), (2, "batch", "2 batches"),
        (2, "answered request", "2 answered requests"), (3, "try", "3 tries"), (3, "day", "3 days"),
    ],
)  # fmt: skip
def test_one_is_not_many(number: int, noun: str, said: str) -> None:
    """One of a thing is said in the singular; long numbers have their commas."""
    assert plural(number, noun) == said


@pytest.mark.parametrize(("number", "said"), [(0, "0 of 1 sample are"), (1, "1 of 1 sample is")])
def test_a_verb_goes_with_its_number(number: int, said: str) -> None:
    """Of a part the verb follows the part, and the noun the whole."""
    assert f"{number} of {plural(1, 'sample')} {verb(number, 'is', 'are')}" == said


@pytest.mark.parametrize(
    ("usd", "said"), [(0, "0.00"), (1234.5, "1,234.50"), (0.4, "0.400"), (0.00012, "0.000120"), (3e-8, "3.0e-08")]
)
def test_what_is_cheap_does_not_look_free(usd: float, said: str) -> None:
    """Three figures below a dollar, and however small, never 0."""
    assert (digits(usd), told_usd(usd)) == (said, f"{said} USD")


def test_a_budget_of_less_than_a_micro_dollar_is_told() -> None:
    """A refusal says what was needed, spent, held and allowed as the rest of assay does: never `0.000000`."""
    error = BudgetExceeded("everything", need_usd=3e-8, spent_usd=2e-7, held_usd=0, limit_usd=2.1e-7)
    assert str(error) == (
        "budget 'everything': a bound of 3.0e-08 USD does not fit: 2.0e-07 spent + 0.00 held of 2.1e-07 USD"
    )
