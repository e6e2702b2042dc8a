"""How watched targets stand, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from assay.decision.watching.panel import Border
from assay.decision.watching.reading import Channel, Reading, day_of
from assay.decision.watching.round import ENOUGH_DAYS, Asked
from assay.decision.watching.standing import Alarm, Standing
from assay.numerals import plural, told_usd
from assay.stats.change import Tally

__all__ = ["exit_code", "told", "told_borders"]

_FOUND: dict[Channel, str] = {
    "scores": "scores fell",
    "answers": "answers are other ones",
    "better": "scores rose",
}
_COUNTED: dict[Channel, str] = {
    "scores": "answers passed",
    "answers": "answers were the usual ones",
    "better": "answers failed",
}
_CODES = {"changed": 1, "down": 3, "baseline": 4, "quiet": 0}


def exit_code(standings: Iterable[Standing]) -> int:
    """1 = something changed; 3 = a host is down; 4 = too early to say; 0 = all is quiet. The first that holds."""
    found = {_CODES[one.state] for one in standings}
    return next((code for code in (1, 3, 4) if code in found), 0)


def told(standings: Sequence[Standing]) -> str:
    """Some lines for each target, those that ask for action first."""
    order = list(_CODES)
    return "\n".join(line for one in sorted(standings, key=lambda one: order.index(one.state)) for line in _lines(one))


def told_borders(target: str, found: Sequence[Border]) -> str:
    """What was found, and how near to a tie it is."""
    gaps = [one.gap for one in found if one.gap is not None]
    if gaps:
        apart = f"{min(gaps):.3f} to {max(gaps):.3f} nats apart"
        return f"{target}: {len(found)} border inputs; their two best tokens are {apart}"
    undecided = sum(one.ways > 1 for one in found)
    return f"{target}: {len(found)} border inputs; {undecided} were answered in more than one way"


def _lines(one: Standing) -> list[str]:
    lines = [f"{one.target}: {_state(one)}"]
    raised_before = len(one.alarms) - one.new
    for number, alarm in enumerate(one.alarms):
        lines += _alarm(alarm, is_new=number >= raised_before)
    if any(not alarm.is_notice for alarm in one.alarms[raised_before:]):
        lines += _advice(one.target)
    lines += [f"  begins anew: {one.begins_anew}"] if one.begins_anew is not None else []
    lines += [f"  {_asked(one.asked)}"] if one.asked is not None else []
    lines += (
        [f"  {plural(one.left_out, 'sample')} may not be sent there: private ones, or of other work"]
        if one.left_out
        else []
    )
    lines += [f"  {_reading(reading)}" for reading in one.readings if reading.channel != "better"]
    if not one.borders:
        lines.append(
            f"  no border inputs yet, which show a swapped model soonest: assay watch --find-borders -m {one.target}"
        )
    return lines


def _state(one: Standing) -> str:
    match one.state:
        case "changed":
            return "CHANGED"
        case "down":
            return f"nobody answers: {one.asked.problem if one.asked is not None else 'no answer'}"
        case "baseline":
            return f"too early to say: each item wants answers on {ENOUGH_DAYS} days"
    return f"quiet since {one.began}"


def _asked(asked: Asked) -> str:
    if not asked.answered and not asked.unanswered:
        return "asked today already"
    lacking = f", {asked.unanswered} without one ({asked.problem})" if asked.unanswered else ""
    usd = "cost not known" if asked.usd is None else told_usd(asked.usd)
    return f"asked now: {plural(asked.answered, 'answer')}{lacking}, {usd}"


def _reading(one: Reading) -> str:
    whole = Tally(one.before.passed + one.after.passed, one.before.asked + one.after.asked)
    said = f"{_of(whole)} {_COUNTED[one.channel]}, {_many(one.items, 'item')} on {_many(one.days, 'day')}"
    return f"{said}; evidence of a change {_evidence(one)}"


def _evidence(one: Reading) -> str:
    needed = f"an alarm from {one.days_between:,.0f} on"
    if one.log_evidence is None:
        return f"needs a second day ({needed})"
    value = one.log_evidence / math.log(10)
    return f"{10**value:,.1f} ({needed})" if value < 6 else f"1e{value:.0f} ({needed})"


def _alarm(alarm: Alarm, *, is_new: bool) -> list[str]:
    one = alarm.reading
    when = "" if is_new else f" (told on {day_of(alarm.told_at)})"
    word = "notice" if alarm.is_notice else "ALARM"
    counts = f"{_share(one.before)} {_COUNTED[one.channel]} before, {_share(one.after)} since"
    lines = [f"  {word}{when}: {_FOUND[one.channel]}, probably on {one.since}: {counts}"]
    if is_new:
        lines.append(f"    false alarms of this kind: one in {one.days_between:,.0f} days of rounds, on the average")
    return lines


def _advice(target: str) -> list[str]:
    return [
        "  what to do: `assay check` proves the pins again, `assay choose --again` chooses on new evidence,",
        f"    `assay rollback` goes back to what was proven; once it is accepted: `assay watch --reset {target}`",
    ]


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _share(tally: Tally) -> str:
    return f"{_of(tally)}{f' ({tally.share:.0%})' if tally.share is not None else ''}"


def _of(tally: Tally) -> str:
    return f"{tally.passed} of {tally.asked}"
