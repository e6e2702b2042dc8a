"""What the answers of a watch say, channel by channel: do scores fall, are answers other ones, do scores rise?"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from statistics import median
from typing import Literal, NamedTuple

from assay.ledger.rows import ObservationRow
from assay.stats.change import DROPS, HORIZON_DAYS, Detector, Tally, days_between
from assay.types import Value

__all__ = ["BUDGET", "CHANGES", "Channel", "Reading", "day_of", "readings"]

Channel = Literal["scores", "answers", "better"]

BUDGET: dict[Channel, float] = {"scores": 0.6, "answers": 0.3, "better": 0.1}
"""How the false alarms that are allowed are shared out among the channels."""

CHANGES: tuple[tuple[float, float], ...] = ((0.15, 0.5), (0.5, 0.5))
"""Shares of usual answers that a change makes others, and how much each counts."""


class Reading(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What one channel says so far.

    Attributes:
        channel: `scores` that fall, `answers` that are no longer the usual ones, scores that are `better`.
        items: canaries, or canaries and border inputs, that have been answered.
        days_each: on which one item was answered, the median.
        days: on which answers came.
        since: the day of the most probable change, be there one or not; None = there are no two days.
        before: what passed, of what was asked, up to that day; of the channel `answers`, how many were the usual ones.
        after: the same from that day.
        log_evidence: natural logarithm of what speaks for the change; None = there are no two days.
        days_between: mean days between false alarms at least; an alarm is due where the evidence reaches that.
    """

    channel: Channel
    items: int
    days_each: float
    days: int
    since: str | None
    before: Tally
    after: Tally
    log_evidence: float | None
    days_between: float

    @property
    def alarms(self) -> bool:
        """Whether an alarm is due."""
        return self.log_evidence is not None and self.log_evidence >= math.log(self.days_between)


class _Bit(NamedTuple):
    """One answer of an item: right or wrong, usual or not."""

    item: str
    passed: bool


class _Day(NamedTuple):
    """All answers of one channel on a day."""

    name: str
    bits: list[_Bit]


def day_of(seconds: float) -> str:
    """The day, UTC, of a time in seconds since 1970: `2026-11-27`."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def readings(rows: Iterable[ObservationRow], alarms_per_year: float) -> tuple[Reading, ...]:
    """What each channel says of some answers, oldest first; one without answers is left out.

    Of each item one answer a day counts, the first. Answers of the same minutes are more alike than those of different
    days (a host remembers the beginning of a prompt, say), and would make a past that is steadier than it was.
    """
    groups = [(day, _firsts(group)) for day, group in groupby(rows, key=lambda row: day_of(row.created_at))]
    recent = groups[-HORIZON_DAYS:]
    scores = [_Day(day, [_Bit(row.item, _passed(row)) for row in group if _is_scored(row)]) for day, group in recent]
    flipped = [_Day(day.name, [_Bit(bit.item, not bit.passed) for bit in day.bits]) for day in scores]
    usual = _usual(recent)
    said = (("scores", scores, DROPS), ("answers", usual, CHANGES), ("better", flipped, DROPS))
    return tuple(
        _reading(channel, [day for day in days if day.bits], drops, alarms_per_year)  # type: ignore[arg-type]  # a literal
        for channel, days, drops in said
        if any(day.bits for day in days)
    )


def _firsts(rows: Iterable[ObservationRow]) -> list[ObservationRow]:
    found: dict[str, ObservationRow] = {}
    for row in rows:
        found.setdefault(_name(row), row)
    return list(found.values())


def _is_scored(row: ObservationRow) -> bool:
    return row.what == "canary" and row.value is not None


def _passed(row: ObservationRow) -> bool:
    return (row.value or 0.0) >= 1.0


def _usual(days: Sequence[tuple[str, Sequence[ObservationRow]]]) -> list[_Day]:
    """Whether each answer is the usual one of its item: the most frequent of all that are looked at, early and late.

    Which one that is does not hang on the order of the days, so that the detector's ratio keeps its mean of 1. An item
    that mostly says something else tells nothing, and is left out.
    """
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in (row for _, group in days for row in group if row.answer_sha256 is not None):
        texts[_name(row)][row.answer_sha256 or ""] += 1
    most = {item: max(sorted(found), key=found.__getitem__) for item, found in texts.items()}
    steady = {item: text for item, text in most.items() if 2 * texts[item][text] >= texts[item].total()}
    return [
        _Day(
            day,
            [
                _Bit(_name(row), row.answer_sha256 == steady[_name(row)])
                for row in group
                if row.answer_sha256 is not None and _name(row) in steady
            ],
        )
        for day, group in days
    ]


def _name(row: ObservationRow) -> str:
    return f"{row.what}/{row.item}"


def _reading(
    channel: Channel, days: Sequence[_Day], drops: Sequence[tuple[float, float]], alarms_per_year: float
) -> Reading:
    asked = Counter(bit.item for day in days for bit in day.bits)
    items = sorted(asked)
    detector = Detector(len(items), drops)
    for day in days:
        passed = dict(day.bits)
        detector.see(Tally(passed[item], 1) if item in passed else Tally(0, 0) for item in items)
    found = detector.evidence()
    return Reading(
        channel=channel,
        items=len(items),
        days_each=median(asked.values()),
        days=len(days),
        since=days[-found.late_days].name if found.late_days is not None else None,
        before=found.before,
        after=found.after,
        log_evidence=found.log_value if found.late_days is not None else None,
        days_between=days_between(alarms_per_year * BUDGET[channel]),
    )
