"""One candidate on one group of samples: when enough of them have been asked, and what they say.

The samples come in an order drawn beforehand, whatever the concurrency: the tests of `assay.stats.sequential` read the
longest row of finished ones from its beginning. What is arithmetically certain of all that have been asked counts
besides.
"""

from __future__ import annotations

import math

from assay.evals.runs.run import RepeatsOf, Run
from assay.evals.suites.suite import Samples
from assay.stats.certainty import Verdict, certain
from assay.stats.sequential import Errors, lines

__all__ = ["Hearing"]

_LEAST_WIDTH = 4
"""The concurrency is never cut to less than one part in so many, or the last samples would be asked one by one."""
_WINDOW = 16
"""So many times that are looked at for samples that were finished before their turn."""


class Hearing:
    """Follows a run.

    Args:
        bar: share that must pass.
        order: the samples, shuffled.
        run: grows from outside.
        repeats: how often a sample of a kind is asked.
        tolerance: see `assay.stats.sequential.lines`.
        errors: of this candidate; with 0 only what is certain counts.
        concurrency: samples in flight at most.
    """

    def __init__(
        self, bar: float, order: Samples, run: Run, repeats: RepeatsOf, *, tolerance: float, errors: Errors,
        concurrency: int,
    ) -> None:  # fmt: skip
        self._bar = bar
        self._least_bar = max(0.0, round(bar - tolerance, 12))
        self._ids = [(sample_id, repeats(kind).times) for _, sample_id, kind in order.heads]
        self._run = run
        self._lines = lines(len(order), bar, tolerance, errors)
        self._width = max(1, math.ceil(concurrency / _LEAST_WIDTH))
        self._seen = self._passed = 0
        self._unknown: list[str] = []  # seen, and without a score so far
        self._told = self._certain()

    @property
    def settled(self) -> bool:
        """Whether no further sample need be asked."""
        self._follow()
        return self._told is not Verdict.OPEN

    def verdict(self) -> Verdict:
        """What is certain of all that were asked; else what the tests say; open as long as neither says anything."""
        self._follow()
        found = self._certain()
        return self._told if found is Verdict.OPEN else found

    @property
    def early(self) -> bool:
        """Whether samples were left out whose outcome could still turn the verdict, so that it rests on a test."""
        return self._certain() is Verdict.OPEN and sum(self._counts()) < len(self._ids)

    def most(self) -> int:
        """So many may be in flight without one being wasted: no verdict can fall before they are done.

        A quarter of the concurrency always may, or what is close would be asked one by one.
        """
        self._follow()
        window = range(self._seen, min(len(self._ids), self._seen + _WINDOW * self._width))
        ahead = sum(self._final(place) for place in window)
        return max(self._width, self._lines.soonest(self._passed, self._seen) - ahead)

    def _follow(self) -> None:
        """Take in what is finished, in order, until a line is crossed."""
        if self._told is Verdict.OPEN and any(map(self._run.has_value, self._unknown)):
            again, self._unknown = self._unknown, []  # of an earlier run: asked again, and scored this time
            self._take(again)
        while self._told is Verdict.OPEN and self._seen < len(self._ids) and self._final(self._seen):
            self._seen += 1
            self._take([self._ids[self._seen - 1][0]])

    def _take(self, samples: list[str]) -> None:
        """Count samples that are seen."""
        values = {one: self._run.results[one].value for one in samples}
        self._unknown += [one for one, value in values.items() if value is None]
        self._passed += sum(value is not None and value >= 1.0 for value in values.values())
        self._told = self._lines.verdict(self._passed, self._passed + len(self._unknown), self._seen)

    def _final(self, place: int) -> bool:
        return self._run.is_done(*self._ids[place])

    def _certain(self) -> Verdict:
        """What holds whatever comes of the rest: the bar is met, or missed by more than the tolerance."""
        passed, failed, unscored = self._counts()
        total = len(self._ids)
        if certain(passed, failed, unscored, total, self._bar) is Verdict.PASS:
            return Verdict.PASS
        missed = certain(passed, failed, unscored, total, self._least_bar) is Verdict.FAIL
        return Verdict.FAIL if missed else Verdict.OPEN

    def _counts(self) -> tuple[int, int, int]:
        """Passed, failed and unscored, of all that were asked."""
        rows = [row for sample_id, _ in self._ids if (row := self._run.results.get(sample_id)) is not None]
        passed = sum(row.value is not None and row.value >= 1.0 for row in rows)
        unscored = sum(row.value is None for row in rows)
        return passed, len(rows) - passed - unscored, unscored
