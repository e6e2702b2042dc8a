"""Finding and comparing numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.checks.numeric import Numeric, numbers
from assay.errors import EvalError
from assay.types import Response, Text


def said(text: str) -> Response:
    """An answer of one text."""
    return Response(parts=(Text(text=text),))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("42", ["42"]),
        ("**42**.", ["42"]),
        ("\\boxed{-7.25}", ["-7.25"]),
        ("1,234,567.89", ["1234567.89"]),
        ("1 234 567", ["1234567"]),
        ("1'234'567", ["1234567"]),
        ("12,34,567", ["1234567"]),
        ("1, 2, 3", ["1", "2", "3"]),
        ("1,2,3", ["1", "2", "3"]),
        ("$1,200.50", ["1200.50"]),
        ("-$5", ["-5"]),
        ("$-5", ["-5"]),
        ("€ 3", ["3"]),
        ("−5", ["-5"]),
        ("3-5", ["3", "5"]),
        ("2024-01-05", ["2024", "1", "5"]),
        (".5", ["0.5"]),
        ("5.", ["5"]),
        ("6.02e23", ["6.02e23"]),
        ("1e-3", ["0.001"]),
        ("12%", ["12"]),
        ("3 million", ["3000000"]),
        ("5k", ["5000"]),
        ("$5M", ["5000000"]),
        ("5m", ["5"]),
        ("5 km", ["5"]),
        ("2nd", ["2"]),
        ("Q1 and GPT4", []),
        ("10²", []),
        ("no number", []),
        ("x = 5, y = 6", ["5", "6"]),
        ("٤٢", ["42"]),
        ("0005", ["5"]),
        ("(3)", ["3"]),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, found: list[str]) -> None:
    """Separators, signs, currencies, scales; digits within words are none."""
    assert numbers(text) == [Decimal(one) for one in found]


def test_the_decimal_comma_is_an_option() -> None:
    """With `decimal=","` the point separates thousands."""
    assert numbers("1.234.567,5 und 0,25", decimal=",") == [Decimal("1234567.5"), Decimal("0.25")]


def test_percent_may_be_a_fraction() -> None:
    """By default 50% is 50; as a fraction it is 0.5, in answer and target."""
    assert Numeric().check(said("50%"), 50, None).passed
    assert not Numeric().check(said("50%"), 0.5, None).passed
    assert Numeric(percent="fraction").check(said("50 %"), 0.5, None).passed
    assert Numeric(percent="fraction").check(said("0.5"), "50%", None).passed


def test_several_different_numbers_are_wrong_unless_told_which() -> None:
    """`only` accepts a repeated number; `first` and `last` choose."""
    answer = said("Of 12 boxes 5 are left, so 5.")
    assert not Numeric().check(answer, 5, None).passed
    assert "12, 5" in Numeric().check(answer, 5, None).explanation
    assert Numeric(take="last").check(answer, 5, None).passed
    assert Numeric(take="first").check(answer, 12, None).passed
    assert Numeric().check(said("5, that is 5.0"), 5, None).passed


def test_tolerances_are_decimal() -> None:
    """Without tolerance values must be equal; the limits count as within."""
    assert Numeric().check(said("0.3"), 0.3, None).passed
    assert not Numeric().check(said("0.31"), 0.3, None).passed
    assert Numeric(abs_tol=0.01).check(said("0.31"), 0.3, None).passed
    assert Numeric(rel_tol=0.1).check(said("110"), 100, None).passed
    assert not Numeric(rel_tol=0.1).check(said("110.01"), 100, None).passed
    assert not Numeric().check(said("10000000000000001"), 10000000000000000, None).passed


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "{:,}", "It is {}.", "**{:,}**", "${:,}", "{:,.2f}"]))
def test_every_whole_number_is_found_in_every_form(value: int, form: str) -> None:
    """Formatting a number does not change it, and its neighbour is wrong."""
    answer = said(form.format(value))
    assert Numeric().check(answer, value, None).passed
    assert not Numeric().check(answer, value + 1, None).passed


@pytest.mark.parametrize("target", ["seven", "3 or 4", "nan", "inf", "1e99999"])
def test_a_target_must_be_one_number(target: str) -> None:
    """Anything else is the suite's fault."""
    with pytest.raises(EvalError, match="target"):
        Numeric().check(said("3"), target, None)
