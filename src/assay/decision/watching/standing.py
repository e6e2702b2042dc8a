"""How a watched target stands: what its answers so far say, and the alarms that are due. Each is raised once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from assay.decision.watching.panel import Panel
from assay.decision.watching.reading import Channel, Reading, day_of, readings
from assay.decision.watching.round import ENOUGH_DAYS, Asked
from assay.ledger.observations import add_alarm, alarms, observations
from assay.ledger.rows import AlarmRow, new_id
from assay.ledger.store import Ledger
from assay.types import Value

__all__ = ["Alarm", "Standing", "State", "standing"]

State = Literal["quiet", "changed", "down", "baseline"]


class Alarm(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A change that was found.

    Attributes:
        reading: what was found.
        told_at: seconds since 1970.
    """

    reading: Reading
    told_at: float

    @property
    def is_notice(self) -> bool:
        """Whether nobody need do anything: scores rose."""
        return self.reading.channel == "better"


class Standing(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How one target stands.

    Attributes:
        state: `quiet`; `changed`, as long as nobody has accepted it; `down`: nobody answered; `baseline`: not enough
            answers yet to say that all is quiet.
        began: day from which on answers count.
        canaries, borders: how many are asked; `left_out` samples of the suite may not be sent there.
        asked: what this round came to; None = none was made.
        alarms: those since it began, oldest first; the last `new` of them were raised now.
        begins_anew: why it does, if it does.
    """

    target: str
    state: State
    began: str
    canaries: int
    borders: int
    left_out: int
    asked: Asked | None
    readings: tuple[Reading, ...]
    alarms: tuple[Alarm, ...]
    new: int
    begins_anew: str | None = None


async def standing(
    ledger: Ledger, panel: Panel, alarms_per_year: float, clock: Callable[[], float], asked: Asked | None = None, *,
    begins_anew: str | None = None,
) -> Standing:  # fmt: skip
    """How a target stands after a round, or without one; alarms that are due are recorded.

    Args:
        ledger: with the answers.
        panel: what is asked.
        alarms_per_year: false alarms that are allowed.
        clock: seconds since 1970.
        asked: what the round came to.
        begins_anew: why the panel is a new one.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    said = readings(await observations(ledger, panel.digest), alarms_per_year)
    rows = [row for row in await alarms(ledger, panel.target) if row.watch == panel.digest]
    known = [msgspec.json.decode(row.body, type=Alarm) for row in reversed(rows)]
    told: set[Channel] = {alarm.reading.channel for alarm in known}
    raised = [Alarm(reading=one, told_at=clock()) for one in said if one.alarms and one.channel not in told]
    for alarm in raised:
        await add_alarm(ledger, _row(panel, alarm))
    found = (*known, *raised)
    return Standing(
        target=panel.target,
        state=_state(panel, said, found, asked),
        began=day_of(panel.began_at),
        canaries=len(panel.canaries),
        borders=len(panel.borders),
        left_out=panel.left_out,
        asked=asked,
        readings=said,
        alarms=found,
        new=len(raised),
        begins_anew=begins_anew,
    )


def _state(panel: Panel, said: Iterable[Reading], found: Iterable[Alarm], asked: Asked | None) -> State:
    if any(not alarm.is_notice for alarm in found):
        return "changed"
    if asked is not None and asked.unanswered and not asked.answered:
        return "down"
    return "quiet" if _is_enough(panel, {one.channel: one for one in said}) else "baseline"


def _is_enough(panel: Panel, said: dict[Channel, Reading]) -> bool:
    """Whether what is asked has been answered on enough days."""
    wanted: list[Channel] = ["scores"] if panel.canaries else []
    wanted += ["answers"] if panel.borders else []
    return bool(wanted) and all(one in said and said[one].days_each >= ENOUGH_DAYS for one in wanted)


def _row(panel: Panel, alarm: Alarm) -> AlarmRow:
    since = alarm.reading.since
    return AlarmRow(
        id=new_id(),
        created_at=alarm.told_at,
        target=panel.target,
        watch=panel.digest,
        what="border" if alarm.reading.channel == "answers" else "canary",
        since=datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp() if since is not None else None,
        body=msgspec.json.encode(alarm),
    )
