"""Whether a length holds, by what is known of its prompts so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from assay.stats.certainty import Verdict, certain
from assay.stats.sequential import Errors, lines

__all__ = ["Rule"]


class Rule(NamedTuple):
    """When a length of a task is decided.

    Attributes:
        bar: share of its prompts that must pass.
        error: probability that the effective context of a task is not the one that all prompts would give; 0 = only
            what is arithmetically certain decides.
        lengths: of the task.
    """

    bar: float
    error: float = 0.0
    lengths: int = 1

    @property
    def errors(self) -> Errors:
        """Of one length.

        The effective context comes out too long only if the first length that fails is taken for one that holds, and
        too short if any that holds is taken for one that fails. Each has half of the error.
        """
        return Errors(self.error / 2, self.error / 2 / max(1, self.lengths))

    def verdict(self, order: Sequence[str], values: Mapping[str, float | None], total: int) -> Verdict:
        """What is decided.

        Without certainty the longest begin of the order counts that is known, and not which answer came first: so it
        is the same however many are asked at once (`stats.sequential`).

        Args:
            order: ids of the prompts, in the order in which they are asked.
            values: by id, of those that were; None = no score.
            total: prompts that there are.
        """
        known = [values[one] for one in order if one in values]
        sure = certain(
            _passed(known), len(known) - _passed(known) - known.count(None), known.count(None), total, self.bar
        )
        if sure is not Verdict.OPEN or not self.error:
            return sure
        begin = [values[one] for one in takewhile(values.__contains__, order)]
        least = _passed(begin)
        return lines(total, self.bar, 0.0, self.errors).verdict(least, least + begin.count(None), len(begin))


def _passed(values: Sequence[float | None]) -> int:
    return sum(value is not None and value >= 1 for value in values)
