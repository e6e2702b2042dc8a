"""What an answer takes in tokens: over all calls of it, thoughts included."""

from __future__ import annotations

import math
from array import array

from assay.evals.suites.ids import Ids
from assay.evals.suites.index import Samples
from assay.ledger.store import Ledger
from assay.ledger.tokens import AnswerTokens, answer_tokens
from assay.stats.averages import average
from assay.types import Value

__all__ = ["RunTokens", "Tokens", "told_tokens"]


class Tokens(Value, frozen=True, kw_only=True):
    """Mean tokens of one answer.

    Attributes:
        answers: that the means are over: those whose tokens are known.
        input: None = some host did not tell.
        output: written, thoughts included; `interval` is its 95 % interval for new work of the same kind.
        reasoning: thoughts alone; None = some host did not tell.
    """

    answers: int
    input: float | None
    output: float
    reasoning: float | None
    interval: tuple[float, float] | None = None


class RunTokens:
    """The tokens of a run's answers: a few numbers of each, since there may be very many."""

    def __init__(self) -> None:
        self._ids = Ids()
        self._first = array("I")  # by sample: its first row
        self._input, self._output, self._reasoning = array("d"), array("d"), array("d")

    @classmethod
    async def read(cls, ledger: Ledger, run_id: str) -> RunTokens:
        """What the ledger has of a run.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        found = cls()
        async for one in answer_tokens(ledger, run_id):
            found.add(one)
        return found

    def add(self, one: AnswerTokens) -> None:
        """Note an answer whose tokens are known; those to one sample come one after another."""
        if self._ids.add(one.sample_id) == len(self._first):
            self._first.append(len(self._output))
        for column, value in (
            (self._input, one.input), (self._output, one.output), (self._reasoning, one.reasoning),
        ):  # fmt: skip
            column.append(math.nan if value is None else value)

    def of(self, samples: Samples) -> Tokens | None:
        """The means over the answers to these samples; None where nobody told any."""
        rows = [row for sample in samples.ids for row in self._rows(sample)]
        written = average([self._output[row] for row in rows])
        if written is None:
            return None
        return Tokens(
            answers=written.n,
            input=_mean(self._input, rows),
            output=written.value,
            reasoning=_mean(self._reasoning, rows),
            interval=(written.interval.low, written.interval.high) if written.interval is not None else None,
        )

    def _rows(self, sample_id: str) -> range:
        sample = self._ids.find(sample_id)
        if sample is None:
            return range(0)
        following = sample + 1
        return range(self._first[sample], self._first[following] if following < len(self._first) else len(self._output))


def _mean(column: array[float], rows: list[int]) -> float | None:
    total = math.fsum(column[row] for row in rows)
    return None if math.isnan(total) else total / len(rows)


def told_tokens(one: Tokens | None) -> str:
    """Tokens written for an answer: `240`, `1,850 (1,610 thought)`; `-` where nobody told any."""
    if one is None:
        return "-"
    thought = f" ({one.reasoning:,.0f} thought)" if one.reasoning else ""
    return f"{one.output:,.0f}{thought}"
