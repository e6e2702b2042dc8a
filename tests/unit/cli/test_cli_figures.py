"""Figures and texts as commands write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.cli.figures import block, cost, count, cut, printable, seconds


@pytest.mark.parametrize(
    ("usd", "engine_s", "text"),
    [
        (0.5, None, "0.500 USD"),
        (0.0, None, "0.00 USD"),
        (None, 1.25, "1.25 CPU s"),
        (0.0, 1.25, "1.25 CPU s"),
        (0.5, 1.25, "0.500 USD"),
        (None, None, "unknown"),
    ],
)
def test_a_cost_that_nobody_knows_is_unknown(usd: float | None, engine_s: float | None, text: str) -> None:
    """USD where it is known and not nothing, else the seconds of the engine; never 0 for what is not known."""
    assert cost(usd, engine_s) == text


def test_what_was_not_measured_is_a_dash() -> None:
    """Seconds and counts; short times in milliseconds."""
    assert (seconds(None), seconds(0.0123), seconds(1.234)) == ("-", "12 ms", "1.23 s")
    assert (count(None), count(12.0)) == ("-", "12")


@given(st.text())
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    """Nothing is left that moves the cursor or turns the direction of writing; ordinary text stays as it is."""
    shown = printable(text)
    assert not any((ord(one) < 32 and one not in "\n\t") or 127 <= ord(one) < 160 for one in shown)
    assert not set("\u202e\u2066\u200f") & set(shown)
    assert printable("plain ä 漢 🙂\n\ttext") == "plain ä 漢 🙂\n\ttext"


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_is_one_short_line(text: str, limit: int) -> None:
    """At most so many characters, the last one a sign that more was there."""
    line = cut(text, limit)
    assert len(line) <= limit
    assert "\n" not in line
    assert line == cut(text, 10_000) or line.endswith("…")


def test_a_block_sets_its_lines_in() -> None:
    """Further lines stand below the first."""
    assert block("name", "one\ntwo", indent="") == ["name: one", "      two"]
