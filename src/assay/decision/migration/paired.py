"""Two runs of one suite as pairs: the order is drawn before, and a verdict reads its longest part that is finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from assay.evals.suites.suite import Samples
from assay.ledger.rows import Outcome
from assay.stats.intervals import Interval
from assay.stats.matched import matched
from assay.stats.noninferiority import Counts, Noninferiority, Trial, more_needed

__all__ = ["Judged", "Rule", "grouped", "judged"]

Outcomes = Mapping[str, Outcome]


class Rule(NamedTuple):
    """What is tested.

    Attributes:
        margin: so much lower may the new one's share of right answers be.
        error: probability of "not worse" where it is worse by more.
        worse_error: probability of "worse" where it is not; smaller where several kinds are tested.
    """

    margin: float
    error: float
    worse_error: float


class Judged(NamedTuple):
    """What the pairs come to; see `Finding`."""

    verdict: Noninferiority
    seen: int
    counts: Counts
    unscored: int
    interval: Interval | None
    early: bool
    more: int | None

    @property
    def difference(self) -> float | None:
        """Where both have a score; None without any such sample."""
        return (self.counts.gained - self.counts.lost) / self.counts.total if self.counts.total else None


def judged(order: Samples, old: Outcomes, new: Outcomes, rule: Rule) -> Judged:
    """What two runs show so far.

    Args:
        order: all samples in an order that was drawn before anything was asked.
        old: what the old one's run has come to, by sample.
        new: the same of the new one.
        rule: what is tested.
    """
    pairs = _finished(order, old, new)
    if grouped(order):
        return _in_groups(order, pairs, rule)
    trial = Trial(len(order), rule.margin, rule.error, rule.worse_error)
    for pair in pairs:
        trial.see(pair.least, pair.most)
    interval = trial.interval() if pairs else None
    return _told(pairs, trial.verdict, interval, rule, early=trial.early or len(pairs) < len(order))


def grouped(samples: Samples) -> bool:
    """Whether samples depend on each other: then all are asked, for bets count each one as drawn by itself."""
    groups = [group for one in samples.ids if (group := samples.group_of(one)) is not None]
    return len(set(groups)) < len(groups)


class _Pair(NamedTuple):
    sample: str
    old: bool | None
    new: bool | None

    @property
    def least(self) -> int:
        return int(self.new is True) - int(self.old is not False)

    @property
    def most(self) -> int:
        return int(self.new is not False) - int(self.old is True)


def _finished(order: Samples, old: Outcomes, new: Outcomes) -> list[_Pair]:
    """Up to the first sample that one of the two has not been asked: so concurrency cannot decide what is read."""
    pairs: list[_Pair] = []
    for one in order.ids:
        left, right = old.get(one), new.get(one)
        if left is None or right is None:
            break
        pairs.append(_Pair(one, _passed(left), _passed(right)))
    return pairs


def _passed(outcome: Outcome) -> bool | None:
    return None if outcome.value is None else outcome.value >= 1.0


def _in_groups(order: Samples, pairs: list[_Pair], rule: Rule) -> Judged:
    """By an interval that knows of groups, when all have been asked."""
    groups = [order.group_of(pair.sample) for pair in pairs]
    least = [(float(one.new is True), float(one.old is not False)) for one in pairs]
    most = [(float(one.new is not False), float(one.old is True)) for one in pairs]
    low, high = matched(least, groups, 1.0 - rule.error), matched(most, groups, 1.0 - rule.error)
    strict = matched(most, groups, 1.0 - rule.worse_error)
    if low is None or high is None or strict is None:
        return _told(pairs, Noninferiority.OPEN, None, rule, early=False)
    verdict = Noninferiority.OPEN
    if len(pairs) == len(order) and low.interval.low >= -rule.margin:
        verdict = Noninferiority.NOT_WORSE
    elif len(pairs) == len(order) and strict.interval.high < -rule.margin:
        verdict = Noninferiority.WORSE
    return _told(pairs, verdict, Interval(low.interval.low, high.interval.high), rule, early=False)


def _told(pairs: list[_Pair], verdict: Noninferiority, interval: Interval | None, rule: Rule, *, early: bool) -> Judged:
    counts = Counts()
    for pair in pairs:
        if pair.old is not None and pair.new is not None:
            counts = counts.plus(pair.new - pair.old)
    open_ = verdict is Noninferiority.OPEN
    return Judged(
        verdict=verdict,
        seen=len(pairs),
        counts=counts,
        unscored=len(pairs) - counts.total,
        interval=interval,
        early=early and not open_,
        more=more_needed(counts, rule.margin, error=rule.error) if open_ and counts.total else None,
    )
