"""Figures in a few letters."""

import pytest

from assay.envelope.written import plain


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.25, "0.25"), (0, "0"), (1500, "1,500"), (9999, "9,999"), (10_000, "10k"), (250_000, "250k"), (2.5e6, "2.5M"),
     (3e9, "3G"), (-20_000, "-20k")],
)  # fmt: skip
def test_a_figure_of_any_size_is_short(value: float, said: str) -> None:
    """Small ones as they are, large ones with a unit."""
    assert plain(value) == said
