"""What is not known is never taken for nothing."""

from __future__ import annotations

import pytest

from assay.stats.known import known_mean, known_sum


@pytest.mark.parametrize(
    ("values", "total", "mean"),
    [([1.0, 2.0], 3.0, 1.5), ([0.0], 0.0, 0.0), ([1.0, None], None, None), ([None], None, None), ([], None, None)],
)
def test_one_unknown_part_leaves_the_whole_unknown(
    values: list[float | None], total: float | None, mean: float | None
) -> None:
    """As does having no parts; 0 is a figure like any other, and an iterator is read once."""
    assert known_sum(iter(values)) == total
    assert known_mean(iter(values)) == mean
