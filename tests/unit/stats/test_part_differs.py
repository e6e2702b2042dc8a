"""Does one part pass more seldom than the rest, exactly and with unlike strata kept apart."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from scipy.stats import fisher_exact

from assay.errors import EvalError
from assay.stats.strata import Stratum, part_differs


@pytest.mark.parametrize("table", [(3, 10, 9, 12), (0, 4, 16, 16), (5, 5, 0, 5), (7, 20, 50, 80), (1, 1, 1, 2)])
def test_one_stratum_is_fishers_test(table: tuple[int, int, int, int]) -> None:
    """With one stratum the value is that of Fisher's exact test in scipy."""
    one = Stratum(*table)
    rows = [[one.part_passed, one.part - one.part_passed], [one.rest_passed, one.rest - one.rest_passed]]
    assert part_differs([one]) == pytest.approx(fisher_exact(rows).pvalue, rel=1e-9)


def test_two_strata_by_counting_every_way() -> None:
    """The chance of each sum, counted over all ways in which the passes could have fallen."""
    strata = [Stratum(0, 2, 3, 4), Stratum(1, 3, 4, 4)]
    sums: dict[int, int] = {}
    for ways in product(*(list(_ways(one)) for one in strata)):
        sums[sum(ways)] = sums.get(sum(ways), 0) + 1
    whole, seen = sum(sums.values()), sums[1]
    assert part_differs(strata) == pytest.approx(sum(count for count in sums.values() if count <= seen) / whole)


def _ways(one: Stratum) -> list[int]:
    """The part's passes in every way to choose who has passed."""
    members = range(one.part + one.rest)
    chosen = combinations(members, one.part_passed + one.rest_passed)
    return [sum(member < one.part for member in passed) for passed in chosen]


def test_unlike_strata_are_no_effect() -> None:
    """A part that is mostly asked where little passes is not taken for worse, as it would be with all added up."""
    strata = [Stratum(18, 18, 2, 2), Stratum(0, 2, 0, 18)]
    assert part_differs(strata) == 1.0
    added = Stratum(*(sum(column) for column in zip(*strata, strict=True)))
    assert part_differs([added]) < 0.001


@pytest.mark.parametrize("strata", [[], [Stratum(0, 0, 0, 0)], [Stratum(2, 2, 4, 4)], [Stratum(0, 3, 0, 0)]])
def test_nothing_to_compare(strata: list[Stratum]) -> None:
    """Without strata, without a rest, or where all pass, nothing differs."""
    assert part_differs(strata) == 1.0


@pytest.mark.parametrize("wrong", [Stratum(3, 2, 0, 0), Stratum(-1, 2, 0, 0), Stratum(0, 1, 5, 4)])
def test_no_counts(wrong: Stratum) -> None:
    """More passes than there are, or fewer than none, are refused."""
    with pytest.raises(EvalError, match="no count"):
        part_differs([wrong])
