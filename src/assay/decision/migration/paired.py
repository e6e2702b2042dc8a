"""Two runs of one suite as pairs: the order is drawn before, and a verdict reads its longest part that is finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from assay.evals.suites.suite import Samples
from assay.ledger.rows import Outcome
from assay.stats.intervals import Interval
from assay.stats.matched import matched
from assay.stats.noninferiority import Counts, Noninferiority, PairedTest, more_needed

__all__ = ["Judged", "Pairing", "Rule", "grouped"]

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


class Pairing:
    """Reads two runs as they grow.

    Args:
        order: all samples in an order that was drawn before anything was asked.
        rule: what is tested.
    """

    def __init__(self, order: Samples, rule: Rule) -> None:
        self._order, self._rule = order, rule
        self._ids = tuple(order.ids)
        self._grouped = grouped(order)
        self._test = PairedTest(len(order), rule.margin, rule.error, rule.worse_error)
        self._pairs: list[_Pair] = []
        self._counts = Counts()

    def look(self, old: Outcomes, new: Outcomes) -> Judged:
        """What the runs show so far: up to the first sample that one of the two has not been asked.

        So concurrency cannot decide what is read. What was read before is not read again.

        Args:
            old: what the old one's run has come to, by sample.
            new: the same of the new one.
        """
        for one in self._ids[len(self._pairs) :]:
            left, right = old.get(one), new.get(one)
            if left is None or right is None:
                break
            self._add(_Pair(one, _passed(left), _passed(right)))
        if self._grouped:
            return self._in_groups()
        interval = self._test.interval() if self._pairs else None
        early = self._test.early or len(self._pairs) < len(self._ids)
        return self._told(self._test.verdict, interval, early=early)

    def _add(self, pair: _Pair) -> None:
        self._pairs.append(pair)
        self._test.see(pair.least, pair.most)
        if pair.old is not None and pair.new is not None:
            self._counts = self._counts.plus(pair.new - pair.old)

    def _in_groups(self) -> Judged:
        """By an interval that knows of groups, when all have been asked."""
        pairs, rule = self._pairs, self._rule
        groups = [self._order.group_of(pair.sample) for pair in pairs]
        least = [(float(one.new is True), float(one.old is not False)) for one in pairs]
        most = [(float(one.new is not False), float(one.old is True)) for one in pairs]
        low, high = matched(least, groups, 1.0 - rule.error), matched(most, groups, 1.0 - rule.error)
        strict = matched(most, groups, 1.0 - rule.worse_error)
        if low is None or high is None or strict is None:
            return self._told(Noninferiority.OPEN, None, early=False)
        verdict = Noninferiority.OPEN
        if len(pairs) == len(self._ids) and low.interval.low >= -rule.margin:
            verdict = Noninferiority.NOT_WORSE
        elif len(pairs) == len(self._ids) and strict.interval.high < -rule.margin:
            verdict = Noninferiority.WORSE
        return self._told(verdict, Interval(low.interval.low, high.interval.high), early=False)

    def _told(self, verdict: Noninferiority, interval: Interval | None, *, early: bool) -> Judged:
        counts, open_ = self._counts, verdict is Noninferiority.OPEN
        return Judged(
            verdict=verdict,
            seen=len(self._pairs),
            counts=counts,
            unscored=len(self._pairs) - counts.total,
            interval=interval,
            early=early and not open_,
            more=more_needed(counts, self._rule.margin, error=self._rule.error) if open_ and counts.total else None,
        )


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


def _passed(outcome: Outcome) -> bool | None:
    return None if outcome.value is None else outcome.value >= 1.0
