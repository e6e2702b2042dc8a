"""A judge that empty answers can fool is flagged, with the error that is stated."""

from __future__ import annotations

import pytest
from scipy import stats

from assay.errors import EvalError
from assay.stats.gamed import Fooled, gamed


def test_a_judge_that_passes_anything_is_flagged() -> None:
    """One constant answer of three that passes often is enough; it is named with its share and limits."""
    found = gamed({"": 0, "I am sure.": 41, "yes": 3}, 60)
    assert (found.fooled, found.worst) == (Fooled.YES, "I am sure.")
    assert found.share == pytest.approx(41 / 60)
    assert found.bounds.low > found.tolerated


def test_a_judge_that_fails_them_is_cleared() -> None:
    """None of 60 passes: at most 6.6 % would, which is tolerated; 20 samples are too few to say so."""
    assert gamed({"": 0, "yes": 0, "no": 0}, 60).fooled is Fooled.NO
    assert gamed({"": 0, "yes": 0, "no": 0}, 20).fooled is Fooled.OPEN


def test_the_limits_are_exact_and_shared() -> None:
    """Scipy's Clopper-Pearson limits, with the error divided by the number of answers."""
    found = gamed({"a": 9, "b": 2}, 40)
    one_sided = stats.binomtest(9, 40, alternative="greater").proportion_ci(0.975)
    assert found.bounds.low == pytest.approx(one_sided.low)
    assert found.bounds.high == pytest.approx(stats.binomtest(9, 40, alternative="less").proportion_ci(0.975).high)


def test_what_is_tolerated_can_be_said() -> None:
    """A constant answer that is right for a third of the samples is no fraud."""
    assert gamed({"repair": 33}, 100).fooled is Fooled.YES
    assert gamed({"repair": 33}, 100, tolerated=0.5).fooled is Fooled.NO


def test_the_stated_error_is_kept() -> None:
    """Of 20 samples to 100, by exact chances: a judge just inside what is tolerated is flagged in at most 5 %.

    Three answers that each pass with the tolerated share; one that passes just more often is cleared in at most 5 %.
    """
    for n in (20, 50, 100):
        verdicts = [gamed({"a": k, "b": 0, "c": 0}, n).fooled for k in range(n + 1)]
        chances = [float(stats.binom.pmf(k, n, 0.1)) for k in range(n + 1)]
        flagged = sum(chance for chance, fooled in zip(chances, verdicts, strict=True) if fooled is Fooled.YES)
        cleared = sum(chance for chance, fooled in zip(chances, verdicts, strict=True) if fooled is Fooled.NO)
        assert 1 - (1 - flagged) ** 3 <= 0.05
        assert cleared <= 0.05


@pytest.mark.parametrize(("passes", "n"), [({}, 10), ({"a": 1}, 0), ({"a": 11}, 10), ({"a": -1}, 10)])
def test_impossible_counts_are_refused(passes: dict[str, int], n: int) -> None:
    """No answers, no samples, or more passes than samples."""
    with pytest.raises(EvalError, match="a probe needs answers"):
        gamed(passes, n)


def test_everything_cannot_be_tolerated() -> None:
    """A tolerated share of 1 would flag nobody."""
    with pytest.raises(EvalError, match="below 1"):
        gamed({"a": 1}, 10, tolerated=1.0)
