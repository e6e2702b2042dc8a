"""A figure from many verdicts of a judge, put right by a few people's: prediction-powered inference.

People read a random few of the answers that the judge graded. Their verdicts alone give an unbiased figure; the judge's
verdicts on all the rest make it sharper, and cannot bias it, since the judge's error is measured where both spoke.

Source: Angelopoulos, Bates, Fannjiang, Jordan, Zrnic (2023, Science 382:669); the weight of the judge is that of PPI++,
Angelopoulos, Duchi, Zrnic (2023, arXiv:2311.01453, 6.1): 0 for a judge that knows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from statistics import covariance, variance
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.clusters import clusters
from assay.stats.intervals import Interval, wilson, z_score
from assay.stats.student import t_score

__all__ = ["FEWEST_LABELS", "Corrected", "corrected_difference", "corrected_share"]

FEWEST_LABELS = 10
"""With fewer the interval's coverage has not been shown."""


class Corrected(NamedTuple):
    """A figure that holds for people's verdicts.

    Attributes:
        value: the figure.
        interval: its confidence interval.
        labels: answers that people have read.
        disagreed: how much judge and people differ on these: for verdicts of 0 and 1, on how many.
        weight: of the judge's verdicts, 0 to 1.
    """

    value: float
    interval: Interval
    labels: int
    disagreed: float
    weight: float


class _Estimate(NamedTuple):
    figure: Corrected
    variance: float
    groups: int  # with a label


def corrected_share(
    judged: Sequence[float],
    human: Sequence[float | None],
    groups: Sequence[Hashable | None] | None = None,
    confidence: float = 0.95,
) -> Corrected | None:
    """The share of answers that people would call right, from scores in [0, 1].

    The interval is Wilson's with as many labels as the estimate is worth, as in `assay.stats.shares`; the gain over the
    labels alone is believed only as far as disagreements have been seen: no disagreement among 20 still leaves room for
    a judge that errs on 15 %, and gains nothing.

    Args:
        judged: the judge's verdict on each answer.
        human: a person's on the same answer; None where nobody read it. Those read must be a random choice.
        groups: see `assay.stats.clusters`.
        confidence: nominal two-sided coverage.

    Returns:
        None with fewer than `FEWEST_LABELS` labels.
    """
    found = _estimate(judged, human, groups)
    if found is None:
        return None
    value = min(1.0, max(0.0, found.figure.value))
    labels, seen = found.figure.labels, found.figure.disagreed
    alone = value * (1.0 - value) / labels  # the variance that labels have by themselves
    effect = (seen * (found.variance / alone if alone > 0 else 1.0) + 1.0) / (seen + 1.0)
    worth = labels / effect * (z_score(confidence) / t_score(confidence, max(1, found.groups - 1))) ** 2
    worth = min(worth, float(len(judged)))
    return found.figure._replace(value=value, interval=wilson(value * worth, worth, confidence))


def corrected_difference(
    judged: Sequence[float],
    human: Sequence[float | None],
    groups: Sequence[Hashable | None] | None = None,
    confidence: float = 0.95,
) -> Corrected | None:
    """The mean difference of two candidates' scores as people would see it, from differences in [-1, 1].

    Arguments as in `corrected_share`, `human` being the difference where both answers were read. To the variance stands
    added what one more win on each side would, as in `assay.stats.matched`.
    """
    found = _estimate(judged, human, groups)
    if found is None:
        return None
    labels, seen, value = found.figure.labels, found.figure.disagreed, found.figure.value
    labelled = [one for one in human if one is not None]
    alone = (variance(labelled) * (labels - 1) + 2.0) / (labels * labels)  # two wins among the labels, one a side
    error = math.sqrt((seen * found.variance + alone) / (seen + 1.0))
    half = t_score(confidence, max(1, found.groups - 1)) * error
    return found.figure._replace(interval=Interval(max(-1.0, value - half), min(1.0, value + half)))


def _estimate(
    judged: Sequence[float], human: Sequence[float | None], groups: Sequence[Hashable | None] | None
) -> _Estimate | None:
    if len(judged) != len(human):
        raise EvalError(f"{len(judged)} verdicts of the judge, {len(human)} of people; give one, or None, for each")
    read = [place for place, one in enumerate(human) if one is not None]
    rest = [place for place, one in enumerate(human) if one is None]
    if len(read) < FEWEST_LABELS:
        return None
    truths = [float(human[place] or 0.0) for place in read]
    verdicts, others = [judged[place] for place in read], [judged[place] for place in rest]
    weight = _weight(truths, verdicts, others)
    rectified = [truth - weight * verdict for truth, verdict in zip(truths, verdicts, strict=True)]
    base = sum(rectified) / len(read)
    shown = sum(others) / len(rest) if rest else 0.0
    pulls = [0.0] * len(judged)  # how far each answer pulls the estimate from its mean
    for place, one in zip(read, rectified, strict=True):
        pulls[place] = (one - base) / len(read)
    for place, verdict in zip(rest, others, strict=True):
        pulls[place] = weight * (verdict - shown) / len(rest)
    alone = sum(one * one for one in pulls)
    spread = max(alone, sum(total * total for total, _ in clusters(pulls, groups))) * len(read) / (len(read) - 1)
    disagreed = sum(abs(truth - verdict) for truth, verdict in zip(truths, verdicts, strict=True))
    figure = Corrected(base + weight * shown, Interval(0.0, 1.0), len(read), disagreed, weight)
    return _Estimate(figure, spread, len(_names(groups, read)))


def _weight(truths: Sequence[float], verdicts: Sequence[float], others: Sequence[float]) -> float:
    """Cov(truth, verdict) / ((1 + n / N) Var(verdict)), kept between 0 and 1; 0 where there is nothing to add."""
    if not others:
        return 0.0
    spread = variance([*verdicts, *others])
    if spread == 0:
        return 0.0
    return min(1.0, max(0.0, covariance(truths, verdicts) / ((1 + len(truths) / len(others)) * spread)))


def _names(groups: Sequence[Hashable | None] | None, read: Sequence[int]) -> set[Hashable]:
    """The groups that have a label."""
    if groups is None:
        return set(read)
    return {(place,) if groups[place] is None else (groups[place], None) for place in read}
