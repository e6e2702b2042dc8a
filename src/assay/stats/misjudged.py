"""How often a judge is right on right answers and on wrong ones, and what that makes of the share that it passes.

For labels that are of other answers than those of the run: what carries over is how the judge errs, not how often there
is something to err on. Where people read a random few of the run's own answers, `assay.stats.prediction_powered` is
sharper and assumes less.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from assay.errors import EvalError
from assay.stats.intervals import Interval, wilson, z_score

__all__ = ["Confusion", "Prevalence", "true_share"]


class Confusion(NamedTuple):
    """Answers that a judge and a person have seen.

    Attributes:
        hits: right for both.
        misses: right for the person only.
        false_alarms: right for the judge only.
        rejections: wrong for both.
    """

    hits: int
    misses: int
    false_alarms: int
    rejections: int

    @classmethod
    def of(cls, judged: list[float], human: list[float]) -> Confusion:
        """Count pairs of verdicts; 1 or more is right."""
        pairs = [(a >= 1.0, b >= 1.0) for a, b in zip(judged, human, strict=True)]
        return cls(
            pairs.count((True, True)),
            pairs.count((False, True)),
            pairs.count((True, False)),
            pairs.count((False, False)),
        )

    @property
    def sensitivity(self) -> float | None:
        """Share of right answers that the judge passes; None without one."""
        right = self.hits + self.misses
        return self.hits / right if right else None

    @property
    def specificity(self) -> float | None:
        """Share of wrong answers that the judge fails; None without one."""
        wrong = self.false_alarms + self.rejections
        return self.rejections / wrong if wrong else None

    def sensitivity_interval(self, confidence: float = 0.95) -> Interval:
        """Wilson's interval of the sensitivity."""
        return wilson(self.hits, self.hits + self.misses, confidence)

    def specificity_interval(self, confidence: float = 0.95) -> Interval:
        """Wilson's interval of the specificity."""
        return wilson(self.rejections, self.false_alarms + self.rejections, confidence)


class Prevalence(NamedTuple):
    """The share of answers that are right, with its interval."""

    value: float
    interval: Interval


def true_share(passed: float, n: int, seen: Confusion, confidence: float = 0.95) -> Prevalence | None:
    """The share of right answers behind the share that a judge passes.

    (passed / n + specificity - 1) / (sensitivity + specificity - 1): Rogan and Gladen (1978, American Journal of
    Epidemiology 107:71). The interval counts that all three are estimated: Lang and Reiczigel (2014, Preventive
    Veterinary Medicine 113:13); for judges see Lee et al. (2025, How to correctly report
    LLM-as-a-judge evaluations).

    Args:
        passed: answers that the judge passes.
        n: answers that it saw.
        seen: the judge against people, on other answers of the same kind.
        confidence: nominal two-sided coverage.

    Returns:
        None when it cannot be told: people called no answer right, or none wrong, or the judge is no better than chance
        (sensitivity + specificity <= 1).
    """
    if n < 1 or not 0 <= passed <= n:
        raise EvalError(f"{passed!r} passed of {n!r}: both must be >= 0 and passed at most n")
    right, wrong = seen.hits + seen.misses, seen.false_alarms + seen.rejections
    if not right or not wrong:
        return None
    sensitivity, specificity = seen.hits / right, seen.rejections / wrong
    if sensitivity + specificity <= 1:
        return None
    value = (passed / n + specificity - 1) / (sensitivity + specificity - 1)
    value = min(1.0, max(0.0, value))
    low, high = _lang_reiczigel(passed, n, seen, z_score(confidence))
    return Prevalence(value, Interval(min(low, value), max(high, value)))


def _lang_reiczigel(passed: float, n: int, seen: Confusion, z: float) -> Interval:
    """Their adjusted interval: z^2 answers added to the share, half of them passed; one of each to the other two."""
    right, wrong = seen.hits + seen.misses + 2, seen.false_alarms + seen.rejections + 2
    sensitivity, specificity = (seen.hits + 1) / right, (seen.rejections + 1) / wrong
    size = n + z * z
    share = (passed + z * z / 2) / size
    gain = sensitivity + specificity - 1
    if gain <= 0:
        return Interval(0.0, 1.0)
    value = (share + specificity - 1) / gain
    by_right, by_wrong = sensitivity * (1 - sensitivity) / right, specificity * (1 - specificity) / wrong
    shift = 2 * z * z * (value * by_right - (1 - value) * by_wrong)
    error = math.sqrt(share * (1 - share) / size + value**2 * by_right + (1 - value) ** 2 * by_wrong) / gain
    return Interval(max(0.0, value + shift - z * error), min(1.0, value + shift + z * error))
