"""What a run has come to so far, without its answers: columns of numbers, so that a large run takes little memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping

from assay.evals.runs.repeats import ONCE, Repeats, reduced
from assay.evals.suites.ids import Ids
from assay.ledger.rows import CostBasis, Outcome
from assay.ledger.store import Ledger

__all__ = ["Outcomes", "read_outcomes"]

_BASES: tuple[CostBasis, ...] = ("held", "measured", "bound", "unknown", "none")
_KEPT_REASONS = 1000
"""Different reasons for no score that are kept word by word; of others only the class."""
_PAGE = 500
_READ = 2000
"""Outcomes kept as objects once they were read."""


class _Column:
    """Numbers by row; takes no memory while all are the default."""

    def __init__(self, default: float | None) -> None:
        self._default = default
        self._values = array("d")

    def put(self, row: int, value: float | None) -> None:
        values = self._values
        if row >= len(values):
            if value == self._default:
                return
            values.extend([_stored(self._default)] * (row - len(values) + 1))
        values[row] = _stored(value)

    def get(self, row: int) -> float | None:
        if row >= len(self._values):
            return self._default
        value = self._values[row]
        return None if math.isnan(value) else value


class Outcomes(Mapping[str, Outcome]):
    """By sample: the outcome that all its answers come to. `answers` has each of them.

    Request ids stand in the ledger only.

    Args:
        run_id: of the run.
        repeats: of a kind; default: every sample once.
    """

    def __init__(self, run_id: str, repeats: Callable[[str], Repeats] = lambda kind: ONCE) -> None:
        self._run_id = run_id
        self._repeats = repeats
        self._ids = Ids()
        self._first = array("I")  # by sample: its first row + 1
        self._next = array("I")  # by row: the same sample's next row + 1; 0 = none
        self._sample = array("I")
        self._repeat = array("H")
        self._state = bytearray()  # basis, whether it came from the cache, and whether with a batch
        self._kinds, self._reasons = Ids(), Ids()
        self._kind = array("H")
        self._reason = array("H")
        self._value, self._latency, self._engine = _Column(None), _Column(None), _Column(None)
        self._usd, self._grading, self._created = _Column(None), _Column(0.0), _Column(None)
        self._read: dict[str, Outcome] = {}  # scorecard and comparison look at each several times

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __contains__(self, sample_id: object) -> bool:
        return sample_id in self._ids

    def __getitem__(self, sample_id: str) -> Outcome:
        if (known := self._read.get(sample_id)) is not None:
            return known
        answers = self.answers(sample_id)
        if not answers:
            raise KeyError(sample_id)
        repeats = self._repeats(answers[0].kind)
        counted = [answer for answer in answers if answer.repeat < repeats.times] or answers[:1]
        if len(self._read) >= _READ:
            self._read.clear()
        found = self._read[sample_id] = reduced(counted, repeats)
        return found

    @property
    def repeated(self) -> bool:
        """Whether a sample has more than one answer."""
        return len(self._sample) > len(self._ids)

    def answers(self, sample_id: str) -> list[Outcome]:
        """Every answer to a sample, by repeat."""
        sample = self._ids.find(sample_id)
        if sample is None:
            return []
        return sorted((self._outcome(row, sample_id) for row in self._rows(sample)), key=lambda one: one.repeat)

    def all_answers(self) -> Iterator[Outcome]:
        """Every answer to every sample, in the order in which they came first."""
        return (self._outcome(row, self._ids[sample]) for row, sample in enumerate(self._sample))

    def unscored(self) -> Iterator[tuple[str, str]]:
        """`(sample, reason)` of every answer without a score, of those repeats that are asked for."""
        for row, sample in enumerate(self._sample):
            counts = self._repeat[row] < self._repeats(self._kinds[self._kind[row]]).times
            if counts and self._value.get(row) is None:
                reason = self._reasons[self._reason[row] - 1] if self._reason[row] else "unknown"
                yield self._ids[sample], reason

    def has_value(self, sample_id: str, repeat: int) -> bool:
        """Whether this answer is there and has a score."""
        sample = self._ids.find(sample_id)
        row = self._row(sample, repeat) if sample is not None else None
        return row is not None and self._value.get(row) is not None

    def add(self, outcome: Outcome) -> None:
        """Note an answer; one of the same sample and repeat is exchanged."""
        self._read.pop(outcome.sample_id, None)
        sample = self._ids.add(outcome.sample_id)
        if sample == len(self._first):
            self._first.append(0)
        row = self._row(sample, outcome.repeat)
        if row is None:
            row = self._append(sample, outcome.repeat)
        self._kind[row] = self._kinds.add(outcome.kind)
        self._reason[row] = self._reason_of(outcome.unscored)
        self._state[row] = 4 * _BASES.index(outcome.cost_basis) + 2 * outcome.cached + outcome.batched
        self._value.put(row, outcome.value)
        self._latency.put(row, outcome.latency_s)
        self._engine.put(row, outcome.engine_s)
        self._usd.put(row, outcome.cost_usd)
        self._grading.put(row, outcome.grading_usd)
        self._created.put(row, outcome.created_at)

    def _append(self, sample: int, repeat: int) -> int:
        row = len(self._sample)
        self._sample.append(sample)
        self._repeat.append(repeat)
        self._next.append(self._first[sample])
        self._first[sample] = row + 1
        self._kind.append(0)
        self._reason.append(0)
        self._state.append(0)
        return row

    def _rows(self, sample: int) -> Iterator[int]:
        following = self._first[sample]
        while following:
            yield following - 1
            following = self._next[following - 1]

    def _row(self, sample: int, repeat: int) -> int | None:
        return next((row for row in self._rows(sample) if self._repeat[row] == repeat), None)

    def _reason_of(self, unscored: str | None) -> int:
        if unscored is None:
            return 0
        if unscored not in self._reasons and len(self._reasons) >= _KEPT_REASONS:
            unscored = unscored.partition(":")[0][:80]
        return self._reasons.add(unscored) + 1

    def _outcome(self, row: int, sample_id: str) -> Outcome:
        state = self._state[row]
        return Outcome(
            run_id=self._run_id,
            sample_id=sample_id,
            kind=self._kinds[self._kind[row]],
            value=self._value.get(row),
            unscored=self._reasons[self._reason[row] - 1] if self._reason[row] else None,
            cost_basis=_BASES[state >> 2],
            cached=bool(state & 2),
            batched=bool(state & 1),
            created_at=self._created.get(row) or 0.0,
            repeat=self._repeat[row],
            latency_s=self._latency.get(row),
            engine_s=self._engine.get(row),
            cost_usd=self._usd.get(row),
            grading_usd=self._grading.get(row),
        )


async def read_outcomes(ledger: Ledger, run_id: str, into: Outcomes) -> None:
    """Add what the ledger has of a run, page by page."""
    after = ("", -1)
    while True:
        page = await ledger.rows(
            Outcome,
            "select run_id, sample_id, repeat, kind, value, unscored, latency_s, engine_s, cost_usd, cost_basis, "
            "cached, batched, created_at, grading_usd from results where run_id = ? and (sample_id, repeat) > (?, ?) "
            "order by sample_id, repeat limit ?",
            (run_id, *after, _PAGE),
        )
        for outcome in page:
            into.add(outcome)
        if len(page) < _PAGE:
            return
        after = (page[-1].sample_id, page[-1].repeat)


def _stored(value: float | None) -> float:
    return math.nan if value is None else value
