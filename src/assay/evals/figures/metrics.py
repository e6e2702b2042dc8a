"""The figures of some answers, added up one by one, so that no more than a few numbers of each stay in memory."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable

from assay.evals.runs.tokens import Tokens
from assay.ledger.rows import Outcome
from assay.stats.certainty import bounds
from assay.stats.latency import in_order, value_at
from assay.stats.shares import share
from assay.types import Value

__all__ = ["GroupOf", "Metrics", "Tally", "metrics"]

GroupOf = Callable[[str], str | None]
"""The group of a sample, by its id; None = it stands alone."""


class Metrics(Value, frozen=True, kw_only=True):
    """Counts and figures of some samples.

    Attributes:
        total: samples asked for; passed + failed + unscored may be less when an evaluation stopped early.
        passed: scored 1; `failed` are all others that are scored.
        share: mean of the scores: passed / (passed + failed) where each is right or wrong; None when nothing is scored.
        interval: 95 %, for new work of the same kind (`assay.stats.shares`).
        groups: number of groups that the scored samples come in; None = each stands alone.
        bounds: share of all samples if everything open is wrong, and if it is right.
        p50_s, p95_s: latency of answers that did not come from the cache, without the start of a local engine; None
            when there are none.
        usd: mean cost of one answer; None = not known.
        engine_s: mean CPU seconds of one answer on a local engine.
        grading_usd: mean cost of grading one answer; None = not known.
        batched: answers that came with a batch; they stand in the cache, and have no latency.
        tokens: of one answer, over all its calls; None = nobody told, or nobody asked the ledger.
    """

    total: int
    passed: int
    failed: int
    unscored: int
    cached: int
    share: float | None
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None
    p50_s: float | None
    p95_s: float | None
    usd: float | None
    engine_s: float | None
    groups: int | None = None
    grading_usd: float | None = 0.0
    batched: int = 0
    tokens: Tokens | None = None


_PICO = 1e12


class _Mean:
    """A mean that is not known as soon as one value is not. Sums are whole: the same in whatever order values come."""

    def __init__(self) -> None:
        self._sum, self._count, self._unknown = 0, 0, False

    def add(self, value: float | None) -> None:
        self._unknown |= value is None
        self._sum += round((value or 0.0) * _PICO)
        self._count += 1

    @property
    def value(self) -> float | None:
        return self._sum / _PICO / self._count if self._count and not self._unknown else None


class Tally:
    """Adds up outcomes.

    Args:
        group_of: see `GroupOf`; default: no groups.
    """

    def __init__(self, group_of: GroupOf | None = None) -> None:
        self._group_of = group_of
        self._values, self._latencies = array("d"), array("d")
        self._groups: list[str | None] = []
        self._grouped = False
        self._unscored = self._cached = self._batched = 0
        self._usd, self._engine_s, self._grading_usd = _Mean(), _Mean(), _Mean()

    def add(self, row: Outcome) -> None:
        """Count one outcome."""
        if row.value is None:
            self._unscored += 1
        else:
            self._values.append(row.value)
            self._note_group(row.sample_id)
        if row.latency_s is not None:
            self._latencies.append(row.latency_s)
        self._cached += row.cached
        self._batched += row.batched
        self._usd.add(row.cost_usd)
        self._engine_s.add(row.engine_s)
        self._grading_usd.add(row.grading_usd)

    def _note_group(self, sample_id: str) -> None:
        """Remember the group; nothing is kept until there is the first one."""
        group = self._group_of(sample_id) if self._group_of is not None else None
        if group is not None and not self._grouped:
            self._grouped = True
            self._groups = [None] * (len(self._values) - 1)
        if self._grouped:
            self._groups.append(group)

    def metrics(self, total: int, *, stopped: bool = False) -> Metrics:
        """The figures so far, of which there could be `total`; `stopped`: what was seen has ended the sampling."""
        values, latencies = self._values, in_order(self._latencies)
        passed = sum(value >= 1.0 for value in values)
        found = share(values, self._groups if self._grouped else None, stopped=stopped)
        right = math.fsum(values)
        limits = bounds(right, len(values) - right, self._unscored, total) if total else None
        return Metrics(
            total=total,
            passed=passed,
            failed=len(values) - passed,
            unscored=self._unscored,
            cached=self._cached,
            share=found.value if found else None,
            interval=(found.interval.low, found.interval.high) if found else None,
            groups=found.groups if found and self._grouped else None,
            bounds=(limits.low, limits.high) if limits else None,
            p50_s=value_at(latencies, 0.5),
            p95_s=value_at(latencies, 0.95),
            usd=self._usd.value,
            engine_s=self._engine_s.value,
            grading_usd=self._grading_usd.value if values or self._unscored else 0.0,
            batched=self._batched,
        )


def metrics(rows: Iterable[Outcome], total: int, group_of: GroupOf | None = None, *, stopped: bool = False) -> Metrics:
    """The figures of some results, of which there could be `total`; `stopped`: see `Tally.metrics`."""
    tally = Tally(group_of)
    for row in rows:
        tally.add(row)
    return tally.metrics(total, stopped=stopped)
